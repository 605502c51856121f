"""What the storage controllers read in claims, volumes and pods: annotations, classes, who is bound to whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybernetes.api.meta import Obj, annotations_of, controller_ref_of, name_of, namespace_of, uid_of

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
STORAGE_PROVISIONERS = (
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
)
"""Both names of the annotation of a claim that says who shall make its volume."""
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
VOLUMES_BY_CLAIM = "claim"
"""Index over volumes: `namespace/name` of the claim that they name."""
PODS_BY_CLAIM = "claims"
"""Index over pods: `namespace/name` of each claim that they use."""


def class_of(obj: Obj) -> str:
    """The storage class of a claim or a volume; "" for none."""
    annotations = annotations_of(obj)
    if BETA_CLASS in annotations:
        return annotations[BETA_CLASS]
    return obj["spec"].get("storageClassName") or ""


def names_claim(volume: Obj, claim: Obj) -> bool:
    """Whether a volume is this claim's: by name, and by uid where it has one."""
    reference = volume["spec"].get("claimRef")
    if not reference or claim_key(volume) != (f"{namespace_of(claim)}/{name_of(claim)}",):
        return False
    return not reference.get("uid") or reference["uid"] == uid_of(claim)


def claim_key(volume: Obj) -> tuple[str, ...]:
    """The key of the claim that a volume names, if it names one."""
    reference = volume["spec"].get("claimRef")
    return (f"{reference.get('namespace', '')}/{reference.get('name', '')}",) if reference else ()


def claims_of_pod(pod: Obj) -> Iterator[str]:
    """The keys of the claims that a pod uses, those of its ephemeral volumes included."""
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            yield f"{namespace_of(pod)}/{volume['persistentVolumeClaim']['claimName']}"
        elif volume.get("ephemeral"):
            yield f"{namespace_of(pod)}/{ephemeral_claim(pod, volume)}"


def ephemeral_claim(pod: Obj, volume: Obj) -> str:
    """The name of the claim that is made for a pod's ephemeral volume."""
    return f"{name_of(pod)}-{volume['name']}"


def is_made_for(claim: Obj, pod: Obj) -> bool:
    """Whether a claim is that of an ephemeral volume of this very pod."""
    reference = controller_ref_of(claim)
    return reference is not None and reference["uid"] == uid_of(pod)


def with_annotations(obj: Obj, changes: Iterable[tuple[str, str | None]]) -> Obj:
    """The object with annotations set, or (None) removed."""
    annotations = {**annotations_of(obj)}
    for key, value in changes:
        if value is None:
            annotations.pop(key, None)
        else:
            annotations[key] = value
    metadata = {k: v for k, v in obj["metadata"].items() if k != "annotations"}
    return {**obj, "metadata": {**metadata, "annotations": annotations} if annotations else metadata}


def without_finalizer(obj: Obj, finalizer: str) -> Obj:
    """The object without one of its finalizers."""
    left = [name for name in obj["metadata"].get("finalizers") or () if name != finalizer]
    metadata = {k: v for k, v in obj["metadata"].items() if k != "finalizers"}
    return {**obj, "metadata": {**metadata, "finalizers": left} if left else metadata}


def has_finalizer(obj: Obj, finalizer: str) -> bool:
    return finalizer in (obj["metadata"].get("finalizers") or ())


def with_finalizer(obj: Obj, finalizer: str) -> Obj:
    finalizers = [*(obj["metadata"].get("finalizers") or ()), finalizer]
    return {**obj, "metadata": {**obj["metadata"], "finalizers": finalizers}}
