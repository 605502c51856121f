"""PodCertificateRequests: a kubelet asks a signer for a certificate of one pod."""

from __future__ import annotations

from ..cells import dig
from ..kind import Kind
from ..meta import MutableObj
from ..validation.metadata import without_status
from .podcertificaterequest_validation import (
    validate_create,
    validate_status,
    validate_update,
)

DAY = 86400


def default(request: MutableObj) -> None:
    request.setdefault("spec", {}).setdefault("maxExpirationSeconds", DAY)


PODCERTIFICATEREQUEST = Kind(
    group="certificates.k8s.io",
    version="v1",
    kind="PodCertificateRequest",
    plural="podcertificaterequests",
    namespaced=True,
    status_metadata=(),
    unconditional_update=False,
    singular="podcertificaterequest",
    subresources=("status",),
    schema="io.k8s.api.certificates.v1.PodCertificateRequest",
    default=default,
    prepare_create=without_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    selectable={
        "spec.signerName": lambda request: str(dig(request, "spec", "signerName") or ""),
        "spec.podName": lambda request: str(dig(request, "spec", "podName") or ""),
        "spec.nodeName": lambda request: str(dig(request, "spec", "nodeName") or ""),
    },
)
