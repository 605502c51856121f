"""What a pod's claims need before the pod can have a node: a look at each, and the sentence where one stands in the way.

The words are upstream's VolumeBinding.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.meta import Obj, annotations_of, is_deleting, name_of, namespace_of
from pybernetes.lang import quantity

from ..podfacts import PodFacts
from .view import VolumeView, class_of

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(frozen=True, slots=True)
class Claims:
    """`bound` have their volume, `delayed` get one with the node; `problem` keeps the pod from every node."""

    bound: tuple[Obj, ...] = ()
    delayed: tuple[Obj, ...] = ()
    problem: str = ""


def claims_of(pod: PodFacts, view: VolumeView) -> Claims:
    bound, delayed, immediate = [], [], False
    for name, owner in pod.claims:
        claim = view.get("PersistentVolumeClaim", f"{pod.namespace}/{name}")
        if why := _problem(name, owner, claim, pod):
            return Claims(problem=why)
        assert claim is not None
        if is_bound(claim):
            bound.append(claim)
        elif is_delayed(claim, view):
            delayed.append(claim)
        else:
            immediate = True
    return Claims(tuple(bound), tuple(delayed), UNBOUND if immediate else "")


def _problem(name: str, owner: str, claim: Obj | None, pod: PodFacts) -> str:
    if claim is None:
        if owner:
            return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
        return f'persistentvolumeclaim "{name}" not found'
    if (claim.get("status") or {}).get("phase") == "Lost":
        volume = claim["spec"].get("volumeName", "")
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
    if is_deleting(claim):
        return f'persistentvolumeclaim "{name}" is being deleted'
    if owner and not any(
        ref.get("controller") and ref["uid"] == owner
        for ref in claim["metadata"].get("ownerReferences") or ()
    ):
        return f"PVC {pod.namespace}/{name} was not created for the pod (pod is not owner)"
    return ""


def is_bound(claim: Obj) -> bool:
    """Whether the claim has its volume, and the volume controller has confirmed it."""
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in annotations_of(claim)


def is_delayed(claim: Obj, view: VolumeView) -> bool:
    """Whether the claim waits for its first consumer."""
    storage_class = view.get("StorageClass", class_of(claim))
    if claim["spec"].get("volumeName") or storage_class is None:
        return False
    return storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"


def requested(claim: Obj) -> int:
    """Bytes."""
    asked = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage") or "0"
    return quantity.units(asked)


def key_of_claim(claim: Obj) -> str:
    return f"{namespace_of(claim)}/{name_of(claim)}"
