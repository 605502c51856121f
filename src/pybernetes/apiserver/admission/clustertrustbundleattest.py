"""ClusterTrustBundleAttest: who writes a signer's trust bundle must have the verb `attest` on the signer."""

from __future__ import annotations

from .certificates import GROUP, check_signer
from .plugin import Admission, Plugin, Scope


def _validate(admission: Admission) -> None:
    if not admission.writes(GROUP, "clustertrustbundles", "CREATE", "UPDATE"):
        return
    new, old = admission.object, admission.old
    if old is not None and old.get("spec") == new.get("spec"):
        return  # an owner or a finalizer may go without the right
    signer = (new.get("spec") or {}).get("signerName", "")
    if signer:
        check_signer(admission, "attest", signer, "attest for")


CLUSTER_TRUST_BUNDLE_ATTEST = Plugin(
    "ClusterTrustBundleAttest",
    validate=_validate,
    validates=Scope(("clustertrustbundles.certificates.k8s.io",)),
)
