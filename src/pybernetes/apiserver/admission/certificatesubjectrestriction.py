"""CertificateSubjectRestriction: nobody asks the API client signer for a certificate of `system:masters`."""

from __future__ import annotations

import base64
import binascii

from pybernetes.api.errors import Forbidden

from ..user import MASTERS
from .certificates import GROUP
from .plugin import Admission, Plugin, Scope

SIGNER = "kubernetes.io/kube-apiserver-client"


def _validate(admission: Admission) -> None:
    if not admission.writes(GROUP, "certificatesigningrequests", "CREATE"):
        return
    spec = admission.object.get("spec") or {}
    if spec.get("signerName") != SIGNER:
        return
    if MASTERS in organizations(admission, spec.get("request") or ""):
        raise admission.forbidden(f"use of {SIGNER} signer with {MASTERS} group is not allowed")


def organizations(admission: Admission, request: str) -> list[str]:
    """The groups that a request (base64 of PEM) asks for. Raises Forbidden where it cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_csr(base64.b64decode(request, validate=True))
    except (ValueError, binascii.Error) as error:
        raise _unreadable(admission) from error
    return [
        str(attribute.value) for attribute in parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]


def _unreadable(admission: Admission) -> Forbidden:
    return admission.forbidden("failed to parse CSR: PEM block type must be CERTIFICATE REQUEST")


CERTIFICATE_SUBJECT_RESTRICTION = Plugin(
    "CertificateSubjectRestriction",
    validate=_validate,
    validates=Scope(("certificatesigningrequests.certificates.k8s.io",), ("CREATE",), ("",)),
)
