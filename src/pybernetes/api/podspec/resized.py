"""What a pod takes while its containers are being resized in place: until the kubelet has done it, the more of what is
asked for and of what it has; only what it has, where the kubelet has refused (KEP-1287). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.lang import quantity

from ..meta import Obj

STATUSES = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}


def effective_spec(pod: Obj) -> Obj:
    """The spec with the resources that count; the spec itself where no container is on the way to another size."""
    spec, status = pod["spec"], pod.get("status") or {}
    infeasible = _is_infeasible(status)
    changes: dict[str, Any] = {}
    for field, reported in STATUSES.items():
        states = {state["name"]: state for state in status.get(reported) or () if state.get("resources")}
        if not states:
            continue
        before = spec.get(field) or ()
        after = [_effective(each, states.get(each["name"]), infeasible=infeasible) for each in before]
        if any(new is not old for new, old in zip(after, before, strict=True)):
            changes[field] = after
    return {**spec, **changes} if changes else spec


def _is_infeasible(status: Obj) -> bool:
    return any(
        each.get("type") == "PodResizePending" and each.get("reason") == "Infeasible"
        for each in status.get("conditions") or ()
    )


def _effective(container: Obj, state: Obj | None, *, infeasible: bool) -> Obj:
    if state is None:
        return container
    asked, has = container.get("resources") or {}, state["resources"]
    wanted = {} if infeasible else asked
    requests = _greatest(wanted.get("requests"), has.get("requests"), state.get("allocatedResources"))
    limits = _greatest(wanted.get("limits"), has.get("limits"))
    if requests == (asked.get("requests") or {}) and limits == (asked.get("limits") or {}):
        return container
    return {**container, "resources": {**asked, "requests": requests, "limits": limits}}


def _greatest(*several: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of each resource the greatest amount, as it is written there; of equal ones the first."""
    found: dict[str, Any] = {}
    for amounts in several:
        for name, amount in (amounts or {}).items():
            if name not in found or quantity.parse(amount).nano > quantity.parse(found[name]).nano:
                found[name] = amount
    return found
