"""What may change in a pod: little. Its spec is fixed but for images, deadlines, tolerations and gates."""

from __future__ import annotations

import json
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj

MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """An update of the pod itself (not of status, binding, ephemeral containers or resize)."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if after == before:
        return
    at = errors.at("spec")
    _validate_counts(after, before, at)
    if at:
        return
    _validate_deadline(after, before, at)
    _validate_tolerations(after, before, at)
    _validate_gates(after, before, at)
    fixed = _fixed(after, before)
    if fixed != _fixed(before, before):
        at.forbidden(f"{MUTABLE}\n{_difference(before, fixed)}")


def validate_pod_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """The kubelet's and the scheduler's updates."""
    before, after = old.get("status") or {}, new.get("status") or {}
    at = errors.at("status")
    if after.get("nominatedNodeName") and "/" in after["nominatedNodeName"]:
        at.invalid(after["nominatedNodeName"], "must be a node name", "nominatedNodeName")
    if before.get("qosClass") and after.get("qosClass") not in (before["qosClass"], None, ""):
        at.invalid(after["qosClass"], "field is immutable", "qosClass")
    _validate_restarts(new, old, errors)


def _validate_counts(after: Obj, before: Obj, errors: FieldErrors) -> None:
    for field in ("containers", "initContainers"):
        if len(after.get(field) or ()) != len(before.get(field) or ()):
            errors.forbidden("pod updates may not add or remove containers", field)
    if len(after.get("ephemeralContainers") or ()) != len(before.get("ephemeralContainers") or ()):
        errors.forbidden("pod updates may not add or remove containers", "ephemeralContainers")


def _validate_deadline(after: Obj, before: Obj, errors: FieldErrors) -> None:
    new, old = after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if new is None and old is not None:
        errors.invalid(new, "must not update from a positive integer to nil value", "activeDeadlineSeconds")
    elif new is not None and old is not None and old < new:
        errors.invalid(new, "must be less than or equal to previous value", "activeDeadlineSeconds")


def _validate_tolerations(after: Obj, before: Obj, errors: FieldErrors) -> None:
    """Tolerations may be added; of a present one only `tolerationSeconds` may change."""
    kept = [_without_seconds(each) for each in after.get("tolerations") or ()]
    if not all(_without_seconds(each) in kept for each in before.get("tolerations") or ()):
        errors.forbidden(
            "existing toleration can not be modified except its tolerationSeconds", "tolerations"
        )


def _validate_gates(after: Obj, before: Obj, errors: FieldErrors) -> None:
    had = {gate.get("name") for gate in before.get("schedulingGates") or ()}
    fresh = [gate.get("name") for gate in after.get("schedulingGates") or () if gate.get("name") not in had]
    if fresh:
        errors.forbidden(
            "only deletion is allowed, but found new scheduling gates " + json.dumps(fresh), "schedulingGates"
        )


def _without_seconds(toleration: Obj) -> dict[str, Any]:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _fixed(spec: Obj, before: Obj) -> dict[str, Any]:
    """The spec with all that may change put as it was."""
    fixed = dict(spec)
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        fixed.pop(field, None)
        if field in before:
            fixed[field] = before[field]
    for field in ("containers", "initContainers"):
        if spec.get(field):
            images = [each.get("image") for each in before.get(field) or ()]
            fixed[field] = [{**each, "image": image} for each, image in zip(spec[field], images, strict=True)]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get(
        "terminationGracePeriodSeconds"
    ) == 1:
        fixed["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    if before.get("schedulingGates"):
        _allow_gated_placement(fixed, before)
    return fixed


def _allow_gated_placement(fixed: dict[str, Any], before: Obj) -> None:
    """A pod that is not yet offered to the scheduler may be narrowed: its node selector and affinity may grow."""
    old = before.get("nodeSelector") or {}
    new = fixed.get("nodeSelector") or {}
    if all(new.get(key) == value for key, value in old.items()):
        _restore(fixed, before, "nodeSelector")
    if not before.get("affinity"):
        _restore(fixed, before, "affinity")


def _restore(fixed: dict[str, Any], before: Obj, field: str) -> None:
    fixed.pop(field, None)
    if field in before:
        fixed[field] = before[field]


def _difference(before: Obj, after: Obj) -> str:
    from pybernetes.lang.structdiff import (
        struct_difference,  # with its table only needed where a change is refused
    )

    from ..podspec.gotypes import as_held, pod_spec

    return struct_difference(pod_spec(), as_held(before), as_held(after))


def _validate_restarts(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A container that has ended for good does not run again."""
    policy = (new.get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        return
    rules = {
        each.get("name"): each
        for field in ("containers", "initContainers")
        for each in (new.get("spec") or {}).get(field) or ()
    }
    for field in ("containerStatuses",):
        before = {each.get("name"): each for each in (old.get("status") or {}).get(field) or ()}
        for index, each in enumerate((new.get("status") or {}).get(field) or ()):
            past = (before.get(each.get("name")) or {}).get("state", {}).get("terminated")
            own = rules.get(each.get("name")) or {}
            if past is None or own.get("restartPolicy") or own.get("restartPolicyRules"):
                continue
            if policy == "OnFailure" and past.get("exitCode", 0) != 0:
                continue
            if (each.get("state") or {}).get("terminated") is None:
                errors.at("status", field, index).forbidden(
                    "may not be transitioned to non-terminated state", "state"
                )
