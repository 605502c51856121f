"""The two objects of a binding as they must read, and the writes that are still missing. Pure.

The volume names the claim first, the claim names the volume after: whoever names a volume that names another has lost.
Each write is a replacement of what was seen, so of one object only the first that is due is planned.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    evolve,
    name_of,
    namespace_of,
    resource_version_of,
    uid_of,
)
from pybernetes.control.plan import Plan, Report, Steps, Update
from pybernetes.controllers.volumes import BIND_COMPLETED, BOUND_BY_CONTROLLER, names_claim, with_annotations


def bind(steps: Steps, volume: Obj, claim: Obj) -> Plan:
    """Takes the next step towards a volume and a claim that are bound to each other."""
    reason = f"bound to claim {namespace_of(claim)}/{name_of(claim)}"
    bound = naming_claim(volume, claim)
    if bound != volume:
        steps.add(Update(kinds.PERSISTENTVOLUME, bound, reason))
        steps.look_again(0.0)
        return steps.plan(f"reserving volume {name_of(volume)}")
    phase = volume_phase(volume, "Bound", reason)
    if phase is not None:
        steps.add(phase)
    holder = naming_volume(claim, volume)
    if holder != claim:
        steps.add(Update(kinds.PERSISTENTVOLUMECLAIM, holder, f"bound to volume {name_of(volume)}"))
        steps.look_again(0.0)
        return steps.plan(f"naming volume {name_of(volume)}")
    status = claim_status(claim, "Bound", volume)
    if status is not None:
        steps.add(status)
    return steps.plan(f"bound to {name_of(volume)}")


def naming_claim(volume: Obj, claim: Obj) -> Obj:
    """The volume as it must read; the volume itself where it does."""
    reference = volume["spec"].get("claimRef")
    if reference and names_claim(volume, claim) and reference.get("uid"):
        return volume
    named = evolve(volume, "spec", "claimRef", reference_to(claim))
    if names_claim(volume, claim):
        return named  # somebody reserved it by name: that stays his doing
    return with_annotations(named, [(BOUND_BY_CONTROLLER, "yes")])


def reference_to(claim: Obj) -> dict[str, str]:
    """What a volume's `claimRef` says."""
    return {
        "kind": "PersistentVolumeClaim",
        "namespace": namespace_of(claim),
        "name": name_of(claim),
        "uid": uid_of(claim),
        "apiVersion": "v1",
        "resourceVersion": resource_version_of(claim),
    }


def naming_volume(claim: Obj, volume: Obj) -> Obj:
    """The claim as it must read; the claim itself where it does."""
    changed = claim
    if claim["spec"].get("volumeName") != name_of(volume):
        changed = evolve(changed, "spec", "volumeName", name_of(volume))
        changed = with_annotations(changed, [(BOUND_BY_CONTROLLER, "yes")])
    if BIND_COMPLETED not in annotations_of(changed):
        changed = with_annotations(changed, [(BIND_COMPLETED, "yes")])
    return changed


def volume_phase(
    volume: Obj, phase: str, why: str, report: Report | None = None, message: str = ""
) -> Update | None:
    """The status of a volume that has come into another phase; None where it is in it."""
    status = volume.get("status") or {}
    if status.get("phase") == phase and (not message or status.get("message", "") == message):
        return None
    changed: dict[str, Any] = {**status, "phase": phase}
    changed.pop("message", None)
    if message:
        changed["message"] = message
    return Update(kinds.PERSISTENTVOLUME, {**volume, "status": changed}, why, "status", success=report)


def claim_status(
    claim: Obj, phase: str, volume: Obj | None = None, report: Report | None = None
) -> Update | None:
    """The status of a claim in this phase, with what it has of its volume; None where it reads so. Of one that was
    bound before, the capacity is left: it may lag behind the volume's while a file system grows."""
    old = claim.get("status") or {}
    changed: dict[str, Any] = {**old, "phase": phase}
    if volume is None:
        for field in ("accessModes", "capacity", "currentVolumeAttributesClassName"):
            changed.pop(field, None)
    else:
        changed["accessModes"] = volume["spec"].get("accessModes") or []
        if old.get("phase") != phase:
            changed["capacity"] = volume["spec"].get("capacity") or {}
            attributes = volume["spec"].get("volumeAttributesClassName")
            if attributes:
                changed["currentVolumeAttributesClassName"] = attributes
    if changed == old:
        return None
    report = report if old.get("phase") != phase else None
    return Update(
        kinds.PERSISTENTVOLUMECLAIM, {**claim, "status": changed}, f"it is {phase}", "status", success=report
    )
