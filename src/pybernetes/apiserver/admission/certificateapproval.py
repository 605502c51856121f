"""CertificateApproval: who approves a request must have the verb `approve` on its signer."""

from __future__ import annotations

from .certificates import GROUP, check_signer
from .plugin import Admission, Plugin, Scope


def _validate(admission: Admission) -> None:
    kind = admission.kind
    if (kind.group, kind.plural) != (GROUP, "certificatesigningrequests"):
        return
    if admission.subresource != "approval" or admission.old is None:
        return
    signer = admission.old["spec"].get("signerName", "")
    check_signer(admission, "approve", signer, "approve requests with")


CERTIFICATE_APPROVAL = Plugin(
    "CertificateApproval",
    validate=_validate,
    validates=Scope(("certificatesigningrequests.certificates.k8s.io",), (), ("approval",)),
)
