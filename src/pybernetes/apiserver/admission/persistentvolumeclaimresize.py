"""PersistentVolumeClaimResize: a claim may only grow where its class lets volumes grow."""

from __future__ import annotations

from pybernetes.api.meta import Obj
from pybernetes.lang import quantity

from .defaultstorageclass import CLASS_ANNOTATION
from .plugin import Admission, Plugin, Scope


def _size(claim: Obj) -> int:
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return quantity.parse(requests.get("storage", "0")).nano


def class_of(claim: Obj) -> str:
    """The storage class of a claim; "" for none."""
    annotations = claim["metadata"].get("annotations") or {}
    return str(annotations.get(CLASS_ANNOTATION) or (claim.get("spec") or {}).get("storageClassName") or "")


def _validate(admission: Admission) -> None:
    if not admission.writes("", "persistentvolumeclaims", "UPDATE"):
        return
    new, old = admission.object, admission.old
    if old is None or _size(new) <= _size(old):
        return
    if (old.get("status") or {}).get("phase") != "Bound":
        raise admission.forbidden("Only bound persistent volume claims can be expanded")
    if not _may_grow(admission, class_of(new), class_of(old)):
        raise admission.forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support "
            "resize"
        )


def _may_grow(admission: Admission, name: str, before: str) -> bool:
    classes = admission.found_cache("storage.k8s.io", "v1", "storageclasses")
    if not name or name != before or classes is None:
        return False
    found = classes.get("", name)
    return found is not None and bool(found.tree().get("allowVolumeExpansion"))


PERSISTENT_VOLUME_CLAIM_RESIZE = Plugin(
    "PersistentVolumeClaimResize",
    validate=_validate,
    validates=Scope(("persistentvolumeclaims",), ("UPDATE",), ("",)),
)
