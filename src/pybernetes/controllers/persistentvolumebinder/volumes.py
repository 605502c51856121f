"""What to do about a volume: which phase it is in, and what becomes of it when its claim is gone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, annotations_of, is_deleting, name_of, uid_of
from pybernetes.control.plan import Plan, Report, Steps, Update
from pybernetes.controllers.volumes import BOUND_BY_CONTROLLER, PROVISIONED_BY, with_annotations

from .binding import volume_phase
from .matching import mode_of
from .migration import MIGRATED, prepared_volume

OVER = ("Released", "Failed")


@dataclass(frozen=True, slots=True)
class SeenVolume:
    """A volume, and the claim that it names."""

    volume: Obj
    claim: Obj | None


def must_be_sure(seen: SeenVolume) -> bool:
    """Whether the volume is about to be released because its claim is not known."""
    uid = dig(seen.volume, "spec", "claimRef", "uid")
    if not uid or dig(seen.volume, "status", "phase") in OVER:
        return False
    return seen.claim is None or uid_of(seen.claim) != uid


def plan_volume(seen: SeenVolume) -> Plan:
    volume, claim, steps = seen.volume, seen.claim, Steps()
    prepared = prepared_volume(volume)
    if prepared != volume:
        steps.add(Update(kinds.PERSISTENTVOLUME, prepared, "who deletes its storage has changed"))
        steps.look_again(0.0)
        return steps.plan("saying who deletes its storage")
    reference = volume["spec"].get("claimRef")
    if not reference or not reference.get("uid"):
        # Free, or reserved for a claim that has not come yet.
        _phase(steps, volume, "Available", "no claim is bound to it")
        return steps.plan("free")
    if claim is None or uid_of(claim) != reference["uid"]:
        return _release(steps, volume)
    holds = claim["spec"].get("volumeName")
    if holds == name_of(volume):
        _phase(steps, volume, "Bound", "its claim names it")
        return steps.plan("bound")
    if not holds:
        return _unfinished(steps, volume, claim)
    if PROVISIONED_BY in annotations_of(volume) and _policy(volume) == "Delete":
        return _release(steps, volume)
    steps.add(_unbound(volume))
    steps.look_again(0.0)
    return steps.plan(f"its claim is bound to {holds}")


def _phase(steps: Steps, volume: Obj, phase: str, why: str) -> None:
    update = volume_phase(volume, phase, why)
    if update is not None:
        steps.add(update)


def _policy(volume: Obj) -> str:
    return str(volume["spec"].get("persistentVolumeReclaimPolicy") or "Retain")


def _unfinished(steps: Steps, volume: Obj, claim: Obj) -> Plan:
    """The claim does not name the volume yet. That it will is the claim's own matter, unless it never can."""
    if mode_of(volume) != mode_of(claim):
        why = "due to incompatible volumeMode."
        of_volume = (
            f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{name_of(claim)}" {why}'
        )
        of_claim = (
            f'Cannot bind PersistentVolume "{name_of(volume)}" to requested PersistentVolumeClaim {why}'
        )
        steps.add(Report(volume, "Warning", "VolumeMismatch", of_volume))
        steps.add(Report(claim, "Warning", "VolumeMismatch", of_claim))
    return steps.plan("its claim has not named it yet")


def _unbound(volume: Obj) -> Update:
    """A volume that was bound by the controller is free again; one that somebody reserved stays reserved by name."""
    spec: dict[str, Any] = {**volume["spec"]}
    if BOUND_BY_CONTROLLER in annotations_of(volume):
        spec.pop("claimRef", None)
    else:
        spec["claimRef"] = {k: v for k, v in spec["claimRef"].items() if k != "uid"}
    free = with_annotations({**volume, "spec": spec}, [(BOUND_BY_CONTROLLER, None)])
    return Update(kinds.PERSISTENTVOLUME, free, "its claim is bound to another volume")


def _release(steps: Steps, volume: Obj) -> Plan:
    """The claim is gone. Who made the volume deletes it where the policy says so."""
    if dig(volume, "status", "phase") not in OVER:
        _phase(steps, volume, "Released", "its claim is gone")
        steps.look_again(0.0)
        return steps.plan("released")
    policy = _policy(volume)
    if policy == "Retain" or is_deleting(volume):
        return steps.plan("its claim is gone")
    maker = annotations_of(volume).get(PROVISIONED_BY, "")
    maker = MIGRATED.get(maker, maker)
    if policy == "Delete" and maker and not maker.startswith("kubernetes.io/"):
        return steps.plan(f"{maker} deletes it")
    if policy == "Delete":
        reason = "VolumeFailedDelete"
        message = f'error getting deleter volume plugin for volume "{name_of(volume)}": no deletable volume plugin matched'
    else:
        reason, message = "VolumeFailedRecycle", "No recycler plugin found for the volume!"
    report = Report(volume, "Warning", reason, message)
    update = volume_phase(volume, "Failed", message, report, message)
    if update is not None:
        steps.add(update)
    return steps.plan(message)
