"""What may change in a pod: little. Its spec is fixed but for images, deadlines, tolerations and gates."""

from __future__ import annotations

from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_containers import validate_image_text
from ..podspec.validate_placement import validate_tolerations
from .pod_annotations import validate_annotations_update

MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
MAX_INT32 = 2**31 - 1
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_ONLY_MORE = "only additions are allowed (no mutations or deletions)"


def validate_pod_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """An update of the pod itself (not of status, binding, ephemeral containers or resize)."""
    validate_annotations_update(new, old, errors)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if after == before:
        return
    at = errors.at("spec")
    for field in ("containers", "initContainers"):
        if not _validate_images(after.get(field) or (), before.get(field) or (), at.at(field)):
            return
    if not _validate_deadline(after, before, at):
        return
    _validate_tolerations(after, before, at)
    _validate_gates(after, before, at.at("schedulingGates"))
    fixed = _fixed(after, before)
    if before.get("schedulingGates"):
        _allow_gated_placement(fixed, before, at)
    if fixed != before:
        at.forbidden(f"{MUTABLE}\n{spec_difference(before, fixed)}")


def _validate_images(after: Any, before: Any, at: FieldErrors) -> bool:
    """Whether there are as many containers as before."""
    if len(after) != len(before):
        at.forbidden("pod updates may not add or remove containers")
        return False
    for index, container in enumerate(after):
        if not container.get("image"):
            at.at(index).required("image")
        validate_image_text(container, at.at(index))
    return True


def _validate_deadline(after: Obj, before: Obj, errors: FieldErrors) -> bool:
    """Whether the rest is to be looked at."""
    new, old = after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if new is None:
        if old is not None:
            why = "must not update from a positive integer to nil value"
            errors.invalid(None, why, "activeDeadlineSeconds")
        return True
    if not 0 <= new <= MAX_INT32:
        errors.invalid(new, f"must be between 0 and {MAX_INT32}, inclusive", "activeDeadlineSeconds")
        return False
    if old is not None and old < new:
        errors.invalid(new, "must be less than or equal to previous value", "activeDeadlineSeconds")
        return False
    return True


def _validate_tolerations(after: Obj, before: Obj, errors: FieldErrors) -> None:
    """Tolerations may be added; of a present one only `tolerationSeconds` may change."""
    kept = [_without_seconds(each) for each in after.get("tolerations") or ()]
    if not all(_without_seconds(each) in kept for each in before.get("tolerations") or ()):
        errors.forbidden(
            "existing toleration can not be modified except its tolerationSeconds", "tolerations"
        )
        return
    validate_tolerations(after.get("tolerations") or (), errors.at("tolerations"))


def _validate_gates(after: Obj, before: Obj, at: FieldErrors) -> None:
    had = {gate.get("name") for gate in before.get("schedulingGates") or ()}
    for index, gate in enumerate(after.get("schedulingGates") or ()):
        if gate.get("name") not in had:
            why = f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'"
            at.at(index).forbidden(why, "name")


def _without_seconds(toleration: Obj) -> dict[str, Any]:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _fixed(spec: Obj, before: Obj) -> dict[str, Any]:
    """The spec with all that may change put as it was."""
    fixed = dict(spec)
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _restore(fixed, before, field)
    for field in ("containers", "initContainers"):
        if spec.get(field):
            images = [each.get("image") for each in before.get(field) or ()]
            fixed[field] = [{**each, "image": image} for each, image in zip(spec[field], images, strict=True)]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and (
        spec.get("terminationGracePeriodSeconds") == 1
    ):
        fixed["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    return fixed


def _allow_gated_placement(fixed: dict[str, Any], before: Obj, at: FieldErrors) -> None:
    """A pod that is not yet offered to the scheduler may be narrowed: its node selector and node affinity may grow.
    What was said of them is then put as it was."""
    old, new = before.get("nodeSelector") or {}, fixed.get("nodeSelector") or {}
    if new != old:
        if any(new.get(key) != value for key, value in old.items()):
            why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            at.invalid(new, why, "nodeSelector")
        _restore(fixed, before, "nodeSelector")
    affinity, was = fixed.get("affinity") or {}, before.get("affinity") or {}
    if affinity.get("nodeAffinity") == was.get("nodeAffinity"):
        return
    _validate_narrowing(affinity.get("nodeAffinity") or {}, was.get("nodeAffinity") or {}, at)
    rest = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
    if before.get("affinity") is None and not rest:
        fixed.pop("affinity", None)
    elif "nodeAffinity" in was:
        fixed["affinity"] = {**rest, "nodeAffinity": was["nodeAffinity"]}
    else:
        fixed["affinity"] = rest


def _validate_narrowing(node: Obj, was: Obj, at: FieldErrors) -> None:
    """Terms stay as many as they were, and each only grows; where nothing was required anything goes."""
    from ..podspec.gotypes import go_json  # its table is only needed where a change is refused

    old = (was.get(REQUIRED) or {}).get("nodeSelectorTerms") or ()
    new = (node.get(REQUIRED) or {}).get("nodeSelectorTerms") or ()
    here = at.at("affinity", "nodeAffinity").at(REQUIRED)
    if old and len(old) != len(new):
        shown = [go_json("NodeSelectorTerm", term) for term in new]
        why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        here.invalid(shown, why, "nodeSelectorTerms")
        return
    for index, (term, then) in enumerate(zip(new, old, strict=False)):
        if not _only_grows(term, then):
            here.at("nodeSelectorTerms", index).invalid(go_json("NodeSelectorTerm", term), _ONLY_MORE)


def _only_grows(term: Obj, then: Obj) -> bool:
    fields = ("matchExpressions", "matchFields")
    if not any(then.get(field) for field in fields):
        return not any(
            term.get(field) for field in fields
        )  # a term that selects nothing would select something
    return all(
        list((term.get(field) or ())[: len(then.get(field) or ())]) == list(then.get(field) or ())
        for field in fields
    )


def _restore(fixed: dict[str, Any], before: Obj, field: str) -> None:
    fixed.pop(field, None)
    if field in before:
        fixed[field] = before[field]


def spec_difference(before: Obj, after: Obj) -> str:
    """Between two specs, as upstream prints it."""
    from pybernetes.lang.structdiff import (
        struct_difference,
    )  # with its table only needed where a change is refused

    from ..podspec.gotypes import as_held, pod_spec

    return struct_difference(pod_spec(), as_held(before), as_held(after))
