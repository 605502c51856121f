"""CertificateSigning: who writes a certificate into a request must have the verb `sign` on its signer."""

from __future__ import annotations

from .certificates import GROUP, check_signer
from .plugin import Admission, Plugin, Scope


def _validate(admission: Admission) -> None:
    kind, old = admission.kind, admission.old
    if (kind.group, kind.plural) != (GROUP, "certificatesigningrequests"):
        return
    if admission.subresource != "status" or old is None:
        return
    status, before = admission.object.get("status") or {}, old.get("status") or {}
    same = status.get("certificate") == before.get("certificate")
    if same and status.get("conditions") == before.get("conditions"):
        return
    check_signer(admission, "sign", old["spec"].get("signerName", ""), "sign requests with")


CERTIFICATE_SIGNING = Plugin(
    "CertificateSigning",
    validate=_validate,
    validates=Scope(("certificatesigningrequests.certificates.k8s.io",), (), ("status",)),
)
