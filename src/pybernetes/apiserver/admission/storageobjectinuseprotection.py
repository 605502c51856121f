"""StorageObjectInUseProtection: volumes, claims and volume attributes classes get a finalizer, so that they are not
removed while something uses them; the protection controllers take it away."""

from __future__ import annotations

from .plugin import Admission, Plugin, Scope

FINALIZERS = {
    ("", "persistentvolumes"): "kubernetes.io/pv-protection",
    ("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    ("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
}


def _mutate(admission: Admission) -> bool:
    if admission.operation != "CREATE" or admission.subresource:
        return False
    finalizer = FINALIZERS.get((admission.kind.group, admission.kind.plural))
    if finalizer is None:
        return False
    metadata = admission.object["metadata"]
    there = metadata.get("finalizers") or []
    if finalizer in there:
        return False
    metadata["finalizers"] = [*there, finalizer]
    return True


RESOURCES = tuple(f"{plural}.{group}" if group else plural for group, plural in FINALIZERS)

STORAGE_OBJECT_IN_USE_PROTECTION = Plugin(
    "StorageObjectInUseProtection",
    mutate=_mutate,
    mutates=Scope(RESOURCES, ("CREATE",), ("",)),
    defaulted=True,
)
