"""DefaultStorageClass: a claim that names no class gets the default one, if there is one."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import Obj

from .plugin import Admission, Plugin, Scope

CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def newest_default(classes: Iterable[Obj], annotations: Iterable[str]) -> Obj | None:
    """The class that an annotation marks as the default: of several the newest, of equally new ones the first by name."""
    marks = tuple(annotations)
    found = [tree for tree in classes if any(_annotations(tree).get(mark) == "true" for mark in marks)]
    found.sort(key=lambda tree: str(tree["metadata"]["name"]))
    return max(found, key=lambda tree: str(tree["metadata"].get("creationTimestamp", "")), default=None)


def _annotations(tree: Obj) -> Obj:
    return tree["metadata"].get("annotations") or {}


def _mutate(admission: Admission) -> bool:
    if not admission.writes("", "persistentvolumeclaims", "CREATE"):
        return False
    claim = admission.object
    spec = claim.setdefault("spec", {})
    if spec.get("storageClassName") is not None or CLASS_ANNOTATION in _annotations(claim):
        return False
    classes = admission.found_cache("storage.k8s.io", "v1", "storageclasses")
    if classes is None:
        return False
    found = newest_default((version.tree() for version in classes.in_namespace("")), DEFAULT_ANNOTATIONS)
    if found is None:
        return False
    spec["storageClassName"] = found["metadata"]["name"]
    return True


DEFAULT_STORAGE_CLASS = Plugin(
    "DefaultStorageClass", mutate=_mutate, mutates=Scope(("persistentvolumeclaims",), ("CREATE",), ("",))
)
