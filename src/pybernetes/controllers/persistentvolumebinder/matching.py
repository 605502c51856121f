"""Which volume fits a claim: of those that suffice, the one with the fewest access modes, of those the smallest. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of
from pybernetes.controllers.volumes import class_of, names_claim
from pybernetes.lang import quantity
from pybernetes.lang.labelselector import from_label_selector


def best_match(claim: Obj, volumes: Iterable[Obj], *, delayed: bool) -> Obj | None:
    """The volume to bind a claim to; None where none suffices. One that names the claim already comes first. With
    `delayed` only such a one counts: free volumes are then the scheduler's to choose from."""
    wanted = set(claim["spec"].get("accessModes") or ())
    fitting = [
        volume
        for volume in volumes
        if wanted <= set(volume["spec"].get("accessModes") or ())
        and not is_deleting(volume)
        and (not volume["spec"].get("claimRef") or names_claim(volume, claim))
        and _suffices(claim, volume)
    ]
    fitting.sort(
        key=lambda volume: (len(volume["spec"].get("accessModes") or ()), size_of(volume), name_of(volume))
    )
    reserved = next((volume for volume in fitting if names_claim(volume, claim)), None)
    if reserved is not None or delayed:
        return reserved
    return next((volume for volume in fitting if _is_free_for(volume, claim)), None)


def _suffices(claim: Obj, volume: Obj) -> bool:
    return (
        size_of(volume) >= requested(claim)
        and mode_of(volume) == mode_of(claim)
        and _attributes_class(volume) == _attributes_class(claim)
    )


def _is_free_for(volume: Obj, claim: Obj) -> bool:
    selector = claim["spec"].get("selector")
    return (
        dig(volume, "status", "phase") == "Available"
        and (selector is None or from_label_selector(selector).matches(labels_of(volume)))
        and class_of(volume) == class_of(claim)
    )


def mismatch(claim: Obj, volume: Obj) -> str:
    """Why a volume cannot serve the claim that asks for it by name, in upstream's words; "" where it can."""
    if requested(claim) > size_of(volume):
        return "requested PV is too small"
    if class_of(claim) != class_of(volume):
        return "storageClassName does not match"
    if _attributes_class(claim) != _attributes_class(volume):
        return "volumeAttributesClassName does not match"
    if mode_of(claim) != mode_of(volume):
        return "incompatible volumeMode"
    if not set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ()):
        return "incompatible accessMode"
    return ""


def requested(claim: Obj) -> int:
    """Billionths of bytes."""
    return _nano(dig(claim, "spec", "resources", "requests", "storage"))


def size_of(volume: Obj) -> int:
    """Billionths of bytes."""
    return _nano(dig(volume, "spec", "capacity", "storage"))


def mode_of(obj: Obj) -> str:
    """Filesystem or Block."""
    return str(obj["spec"].get("volumeMode") or "Filesystem")


def _attributes_class(obj: Obj) -> str:
    return obj["spec"].get("volumeAttributesClassName") or ""


def _nano(amount: Any) -> int:
    return quantity.parse(amount).nano if amount is not None else 0
