"""Nodes: when a lease has not been renewed for the grace period, the node's conditions become Unknown; conditions become
taints, by which the scheduler keeps away and pods are evicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.ownership import those
from pybernetes.control.plan import Plan, Report, Steps, Update
from pybernetes.controllers.pods import condition, is_ready
from pybernetes.lang.timestamps import parse, rfc3339

from .zones import NOT_READY, UNREACHABLE, disruption

LEASES = "kube-node-lease"
REPORTED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
TAINTS = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
SOURCE = "node-controller"
RECHECK = 5.0
"""Seconds between two looks at the zones (`--node-monitor-period`)."""
OLDER_LABELS = {
    "kubernetes.io/os": "beta.kubernetes.io/os",
    "kubernetes.io/arch": "beta.kubernetes.io/arch",
}
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
MANAGED = {*TAINTS.values(), UNSCHEDULABLE}


@dataclass(frozen=True, slots=True)
class Seen:
    """A node, its lease, the pods on it, and since when this manager has been able to hear the node."""

    node: Obj
    lease: Obj | None
    pods: tuple[Obj, ...]
    listening_since: float = 0.0
    nodes: Sequence[Obj] = ()
    """All nodes, where this one is not well: how fast it is emptied depends on them."""


def observe(key: str, caches: Caches) -> Seen | None:
    node = caches.get(kinds.NODE, key)
    if node is None:
        return None
    pods = caches.by_index(kinds.POD, "node", key)
    lease = caches.get(kinds.LEASE, f"{LEASES}/{key}")
    well = (condition(node, "Ready") or {}).get("status") == "True"
    nodes = (
        ()
        if well
        else those(caches.list(kinds.NODE), lambda each: isinstance(each["spec"].get("taints") or [], list))
    )
    return Seen(node, lease, tuple(pods), caches.filled_at or 0.0, nodes)


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    node = seen.node
    if is_deleting(node):
        return Plan.nothing("the node is being deleted")
    ready = condition(node, "Ready")
    grace = settings.node_startup_grace_seconds if ready is None else settings.node_monitor_grace_seconds
    silent_at = _last_sign(seen) + grace
    steps = Steps()
    if now < silent_at:
        steps.look_again(silent_at - now + 0.5)
    elif not _is_unknown(node):
        status = {**(node.get("status") or {}), "conditions": _unknown(node, now)}
        steps.add(Update(kinds.NODE, {**node, "status": status}, "its lease was not renewed", "status"))
        if ready is not None and ready["status"] == "True":
            message = f"Node {name_of(node)} status is now: NodeNotReady"
            steps.add(Report(node, "Normal", "NodeNotReady", message))
        steps.look_again(0.0)
        return steps.plan("silent: marking it unknown")
    taints = _taints(node, now)
    if seen.nodes:
        taints = _in_turn(steps, seen, taints, now, settings)
    labels = _labels(node)
    if taints != (node["spec"].get("taints") or []) or labels != labels_of(node):
        spec = {k: v for k, v in {**node["spec"], "taints": taints or None}.items() if v is not None}
        metadata = {**node["metadata"], "labels": labels} if labels else node["metadata"]
        steps.add(Update(kinds.NODE, {**node, "metadata": metadata, "spec": spec}, "its conditions changed"))
    if ready is not None and ready["status"] != "True":
        steps.add(*(_not_ready(pod, now) for pod in seen.pods if is_ready(pod)))
    return steps.plan("following its conditions")


def _last_sign(seen: Seen) -> float:
    """When the node was last heard of: by its lease, its status, or its making. A manager that was away must not take
    the past for silence: it counts from when it began to listen."""
    times = [parse(seen.node["metadata"]["creationTimestamp"]), seen.listening_since]
    if seen.lease is not None and (renewed := (seen.lease.get("spec") or {}).get("renewTime")):
        times.append(parse(renewed))
    ready = condition(seen.node, "Ready")
    if ready is not None and ready.get("status") != "Unknown" and ready.get("lastHeartbeatTime"):
        times.append(parse(ready["lastHeartbeatTime"]))
    return max(times)


def _is_unknown(node: Obj) -> bool:
    ready = condition(node, "Ready")
    return ready is not None and ready["status"] == "Unknown"


def _unknown(node: Obj, now: float) -> list[dict[str, Any]]:
    """The conditions of a silent node: those that its kubelet has reported are not known any more, those that it has
    not reported since the node was made are not known yet."""
    found = {
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastTransitionTime": rfc3339(now),
    }
    never = {
        "status": "Unknown",
        "reason": "NodeStatusNeverUpdated",
        "message": "Kubelet never posted node status.",
        "lastHeartbeatTime": node["metadata"]["creationTimestamp"],
        "lastTransitionTime": rfc3339(now),
    }
    current = list((node.get("status") or {}).get("conditions") or ())
    there = {entry["type"] for entry in current}
    return [
        *(
            {**entry, **found} if entry["type"] in REPORTED and entry["status"] != "Unknown" else entry
            for entry in current
        ),
        *({"type": kind, **never} for kind in REPORTED if kind not in there),
    ]


def _taints(node: Obj, now: float) -> list[dict[str, Any]]:
    """The taints there should be; those that stay keep their time, and those of others are left alone."""
    wanted: list[dict[str, Any]] = []
    for (condition_type, status), key in TAINTS.items():
        entry = condition(node, condition_type)
        if entry is not None and entry["status"] == status:
            wanted.append({"key": key, "effect": "NoSchedule"})
            if key in (NOT_READY, UNREACHABLE):
                wanted.append({"key": key, "effect": "NoExecute", "timeAdded": rfc3339(now)})
    if node["spec"].get("unschedulable"):
        wanted.append({"key": UNSCHEDULABLE, "effect": "NoSchedule"})
    current = node["spec"].get("taints") or []
    named = {(t["key"], t["effect"]) for t in wanted}
    kept = [t for t in current if t["key"] not in MANAGED or (t["key"], t["effect"]) in named]
    there = {(t["key"], t["effect"]) for t in kept}
    return [*kept, *(t for t in wanted if (t["key"], t["effect"]) not in there)]


def _labels(node: Obj) -> dict[str, str]:
    """The node's labels, the older names of what it runs as the newer ones say."""
    labels = dict(labels_of(node))
    labels.update({older: labels[newer] for newer, older in OLDER_LABELS.items() if newer in labels})
    return labels


def _in_turn(
    steps: Steps, seen: Seen, taints: list[dict[str, Any]], now: float, settings: Settings
) -> list[dict[str, Any]]:
    """The taints without those that would empty the node before its zone's turn."""
    zone = disruption(seen.node, seen.nodes, settings.unhealthy_zone_threshold)
    begun = any(_empties(taint) for taint in seen.node["spec"].get("taints") or ())
    if not any(_empties(taint) for taint in taints) or (begun and not zone.everywhere):
        return taints
    wait = zone.wait(now, settings)
    if wait == 0.0:
        return taints
    steps.look_again(RECHECK if wait is None else wait)
    return [taint for taint in taints if not _empties(taint)]


def _empties(taint: Obj) -> bool:
    return taint["effect"] == "NoExecute" and taint["key"] in (NOT_READY, UNREACHABLE)


def _not_ready(pod: Obj, now: float) -> Update:
    """Pods on a node that is not ready stop being ready, so that Services leave them out."""
    conditions = [
        {**entry, "status": "False", "lastTransitionTime": rfc3339(now)}
        if entry["type"] == "Ready"
        else entry
        for entry in pod["status"]["conditions"]
    ]
    status = {**pod["status"], "conditions": conditions}
    told = Report(pod, "Warning", "NodeNotReady", "Node is not ready")
    return Update(kinds.POD, {**pod, "status": status}, "its node is not ready", "status", told)


def node_name(pod: Obj) -> tuple[str, ...]:
    """The node of a pod, as index values."""
    name = pod["spec"].get("nodeName")
    return (name,) if name else ()


def _lease_node(lease: Obj, _caches: Caches) -> tuple[str, ...]:
    return (name_of(lease),) if namespace_of(lease) == LEASES else ()


def _node_if_not_ready(pod: Obj, caches: Caches) -> tuple[str, ...]:
    node = caches.get(kinds.NODE, pod["spec"].get("nodeName") or "")
    ready = condition(node, "Ready") if node is not None else None
    return node_name(pod) if ready is not None and ready["status"] != "True" and is_ready(pod) else ()


CONTROLLER = ControllerDef(
    "node-lifecycle-controller",
    watches=(
        itself(kinds.NODE),
        Watch(kinds.LEASE, _lease_node),
        Watch(kinds.POD, _node_if_not_ready, {"node": node_name}),
    ),
    observe=observe,
    plan=plan,
    account="node-controller",
    source=SOURCE,
    rounds=True,
    workers=1,  # what one node's turn is depends on what was just done to another
)
