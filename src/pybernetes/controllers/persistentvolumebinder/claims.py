"""What to do about a claim: find it a volume, have one made, wait for the scheduler, or say that its volume is lost. Pure.

Reasons and messages of the events are upstream's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, evolve, name_of, namespace_of, uid_of
from pybernetes.control.plan import Plan, Report, Steps, Update
from pybernetes.controllers.volumes import (
    BETA_CLASS,
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    SELECTED_NODE,
    STORAGE_PROVISIONERS,
    class_of,
    names_claim,
    with_annotations,
)

from .binding import bind, claim_status
from .matching import best_match, mismatch
from .migration import IN_TREE, MIGRATED, prepared_claim


@dataclass(frozen=True, slots=True)
class SeenClaim:
    """A claim; the volume it names; those it may be bound to; its class and the default one; pods that wait for it."""

    claim: Obj
    volume: Obj | None
    candidates: Sequence[Obj]
    storage_class: Obj | None
    default_class: Obj | None
    waiting_pods: Sequence[Obj]


def plan_claim(seen: SeenClaim) -> Plan:
    prepared = prepared_claim(seen.claim)
    if prepared != seen.claim:
        steps = Steps()
        steps.add(Update(kinds.PERSISTENTVOLUMECLAIM, prepared, "its provisioner has a new name"))
        steps.look_again(0.0)
        return steps.plan("saying who provisions it now")
    if BIND_COMPLETED in annotations_of(seen.claim):
        return _bound(seen)
    if seen.claim["spec"].get("volumeName"):
        return _asking(seen)
    return _unbound(seen)


def _unbound(seen: SeenClaim) -> Plan:
    claim, steps = seen.claim, Steps()
    delayed = seen.storage_class is not None and is_delayed(seen.storage_class)
    volume = best_match(claim, seen.candidates, delayed=delayed)
    if volume is not None:
        return bind(steps, volume, claim)
    if _names_no_class(claim) and seen.default_class is not None:
        changed = evolve(claim, "spec", "storageClassName", name_of(seen.default_class))
        steps.add(Update(kinds.PERSISTENTVOLUMECLAIM, changed, "there is a default class now"))
        return steps.plan("assigning the default class")
    if delayed and SELECTED_NODE not in annotations_of(claim):
        steps.add(_waits(claim, seen.waiting_pods))
        _pending(steps, claim)
        return steps.plan("the scheduler chooses")
    if class_of(claim):
        return _provision(steps, seen)
    message = "no persistent volumes available for this claim and no storage class is set"
    steps.add(Report(claim, "Normal", "FailedBinding", message))
    _pending(steps, claim)
    return steps.plan(message)


def is_delayed(storage_class: Obj) -> bool:
    """Whether volumes of a class are bound only once a pod wants them."""
    return bool(storage_class.get("volumeBindingMode") == "WaitForFirstConsumer")


def _names_no_class(claim: Obj) -> bool:
    return claim["spec"].get("storageClassName") is None and BETA_CLASS not in annotations_of(claim)


def _waits(claim: Obj, pods: Sequence[Obj]) -> Report:
    names = sorted(name_of(pod) for pod in pods)
    if not names:
        message = "waiting for first consumer to be created before binding"
        return Report(claim, "Normal", "WaitForFirstConsumer", message)
    noun = "pod" if len(names) == 1 else "pods"
    message = f"waiting for {noun} {','.join(names)} to be scheduled"
    return Report(claim, "Normal", "WaitForPodScheduled", message)


def _provision(steps: Steps, seen: SeenClaim) -> Plan:
    """Tells whoever makes volumes of the class to make one."""
    claim = seen.claim
    if seen.storage_class is None:
        return _cannot(steps, claim, f'storageclass.storage.k8s.io "{class_of(claim)}" not found')
    provisioner = str(seen.storage_class["provisioner"])
    maker = MIGRATED.get(provisioner, provisioner)
    if maker.startswith(IN_TREE):
        return _cannot(steps, claim, f"no volume plugin matched name: {maker}")
    told = with_annotations(claim, [(name, maker) for name in STORAGE_PROVISIONERS])
    if told != claim:
        steps.add(Update(kinds.PERSISTENTVOLUMECLAIM, told, f"{maker} shall make its volume"))
        steps.look_again(0.0)
        return steps.plan("asking for a volume")
    message = (
        f"Waiting for a volume to be created either by the external provisioner '{maker}' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered."
    )
    steps.add(Report(claim, "Normal", "ExternalProvisioning", message))
    return steps.plan(f"waiting for {maker}")


def _cannot(steps: Steps, claim: Obj, message: str) -> Plan:
    steps.add(Report(claim, "Warning", "ProvisioningFailed", message))
    return steps.plan(message)


def _asking(seen: SeenClaim) -> Plan:
    """The claim names a volume and is not bound yet."""
    claim, volume, steps = seen.claim, seen.volume, Steps()
    name = claim["spec"]["volumeName"]
    if volume is None:
        _pending(steps, claim)
        return steps.plan(f"volume {name} is not there")
    if not volume["spec"].get("claimRef"):
        if problem := mismatch(claim, volume):
            message = f'Cannot bind to requested volume "{name}": {problem}'
            steps.add(Report(claim, "Warning", "VolumeMismatch", message))
            _pending(steps, claim)
            return steps.plan(message)
        return bind(steps, volume, claim)
    if names_claim(volume, claim):
        return bind(steps, volume, claim)
    if BOUND_BY_CONTROLLER not in annotations_of(claim):
        message = f'volume "{name}" already bound to a different claim.'
        steps.add(Report(claim, "Warning", "FailedBinding", message))
        _pending(steps, claim)
    return steps.plan(f"volume {name} is another claim's")


def _bound(seen: SeenClaim) -> Plan:
    claim, volume, steps = seen.claim, seen.volume, Steps()
    if not claim["spec"].get("volumeName"):
        message = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        return _lost(steps, claim, "ClaimLost", message)
    if volume is None:
        message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        return _lost(steps, claim, "ClaimLost", message)
    reference = volume["spec"].get("claimRef")
    if not reference or reference.get("uid") == uid_of(claim) or names_claim(volume, claim):
        return bind(steps, volume, claim)
    message = "Two claims are bound to the same volume, this one is bound incorrectly"
    return _lost(steps, claim, "ClaimMisbound", message)


def _lost(steps: Steps, claim: Obj, reason: str, message: str) -> Plan:
    update = claim_status(claim, "Lost", None, Report(claim, "Warning", reason, message))
    if update is not None:
        steps.add(update)
    return steps.plan(message)


def _pending(steps: Steps, claim: Obj) -> None:
    update = claim_status(claim, "Pending")
    if update is not None:
        steps.add(update)


def default_of(classes: Iterable[Obj]) -> Obj | None:
    """Of the classes that are marked as default the newest, of equally new ones the first by name."""
    by_name = sorted(classes, key=name_of)
    return max(by_name, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), default=None)


def waits_for(pod: Obj, claim: Obj) -> bool:
    """Whether a pod of the claim's namespace has not been scheduled yet."""
    return namespace_of(pod) == namespace_of(claim) and not pod["spec"].get("nodeName")
