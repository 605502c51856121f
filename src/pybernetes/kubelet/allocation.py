"""Which resources a pod has on this node, where it asks for others than it was given (KEP-1287). Pure.

A pod whose resize cannot be granted goes on with what it has: everything here then works on a version of it that asks for
just that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.lang import quantity

from . import podspec

FIELDS = ("containers", "initContainers")
STATUSES = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}
RESIZABLE = ("cpu", "memory")


def resources_by_name(pod: Obj) -> dict[str, Obj]:
    """The resources of the containers that can be resized, by their names."""
    return {
        container["name"]: container.get("resources") or {}
        for field in FIELDS
        for container in pod["spec"].get(field) or ()
    }


def same(one: Obj, other: Obj) -> bool:
    """Whether two versions of a pod ask for the same."""
    before, after = one["spec"], other["spec"]
    return before is after or all(_asked(before, field) == _asked(after, field) for field in FIELDS)


def _asked(spec: Obj, field: str) -> list[Obj | None]:
    return [container.get("resources") for container in spec.get(field) or ()]


def with_resources(pod: Obj, resources: Mapping[str, Obj]) -> Obj:
    """The pod, as if its containers asked for these resources (those that are named)."""
    spec: dict[str, Any] = {**pod["spec"]}
    for field in FIELDS:
        if spec.get(field):
            spec[field] = [
                {**container, "resources": resources[container["name"]]}
                if container["name"] in resources
                else container
                for container in spec[field]
            ]
    return {**pod, "spec": spec}


def as_told(pod: Obj) -> Obj:
    """The pod with what it was given by its status, which an earlier run of the kubelet wrote."""
    told: dict[str, Obj] = {}
    status = pod.get("status") or {}
    asked = resources_by_name(pod)
    for field in FIELDS:
        for state in status.get(STATUSES[field]) or ():
            if (has := state.get("resources")) is not None and state["name"] in asked:
                requests = state.get("allocatedResources") or has.get("requests")
                parts = {"requests": requests, "limits": has.get("limits")}
                given = {part: amounts for part, amounts in parts.items() if amounts}
                if differing(given, asked[state["name"]]):
                    told[state["name"]] = {**asked[state["name"]], **given}
    return with_resources(pod, told) if told else pod


def importance(pod: Obj) -> tuple[int, int, str]:
    """What sorts the pods that wait for more: by priority, then by class, then the one that waits longer."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    since = [
        each.get("lastTransitionTime") or "" for each in conditions if each["type"] == "PodResizePending"
    ]
    classes = ("Guaranteed", "Burstable", "BestEffort")
    return -int(pod["spec"].get("priority") or 0), classes.index(podspec.qos_class(pod)), (since or ["~"])[0]


def differing(has: Obj, wanted: Obj) -> set[str]:
    """The resources (cpu, memory) of which the two say different amounts."""
    return {
        name
        for name in RESIZABLE
        for part in ("requests", "limits")
        if _amount(has, part, name) != _amount(wanted, part, name)
    }


def told(what: str, pod: Obj, error: str = "") -> str:
    """What events say of a resize: of which pod with which resources."""
    summary: dict[str, Any] = {
        field: [{"name": c["name"], "resources": _in_order(c.get("resources") or {})} for c in containers]
        for field in ("initContainers", "containers")
        if (containers := pod["spec"].get(field))
    }
    summary["generation"] = pod["metadata"].get("generation", 0)
    if error:
        summary["error"] = error
    return f"Pod resize {what}: {json.dumps(summary, separators=(',', ':'))}"


def _in_order(resources: Obj) -> Obj:
    parts = ((part, resources.get(part)) for part in ("limits", "requests"))
    return {part: dict(sorted(amounts.items())) for part, amounts in parts if amounts}


def _amount(resources: Obj, part: str, name: str) -> int:
    amount = (resources.get(part) or {}).get(name)
    return quantity.parse(amount).nano if amount is not None else 0
