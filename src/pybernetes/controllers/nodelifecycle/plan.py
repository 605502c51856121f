"""Nodes: when a lease has not been renewed for the grace period, the node's conditions become Unknown; conditions become
taints, by which the scheduler keeps away and pods are evicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Plan, Report, Steps, Update
from pybernetes.controllers.pods import condition, is_ready
from pybernetes.lang.timestamps import parse, rfc3339

LEASES = "kube-node-lease"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
REPORTED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
TAINTS = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
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


def observe(key: str, caches: Caches) -> Seen | None:
    node = caches.get(kinds.NODE, key)
    if node is None:
        return None
    pods = caches.by_index(kinds.POD, "node", key)
    lease = caches.get(kinds.LEASE, f"{LEASES}/{key}")
    return Seen(node, lease, tuple(pods), caches.filled_at or 0.0)


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    node = seen.node
    if is_deleting(node):
        return Plan.nothing("the node is being deleted")
    silent_at = _last_sign(seen) + settings.node_monitor_grace_seconds
    steps = Steps()
    if now < silent_at:
        steps.look_again(silent_at - now + 0.5)
    elif (node.get("status") or {}).get("conditions") and not _is_unknown(node):
        status = {**node["status"], "conditions": _unknown(node, now)}
        name = name_of(node)
        message = f"Node {name} status is now: NodeNotReady"
        update = Update(kinds.NODE, {**node, "status": status}, "its lease was not renewed", "status")
        return Plan(
            (Report(node, "Normal", "NodeNotReady", message), update), 0.0, "silent: marking it unknown"
        )
    taints = _taints(node, now)
    if taints != (node["spec"].get("taints") or []):
        spec = {k: v for k, v in {**node["spec"], "taints": taints or None}.items() if v is not None}
        steps.add(Update(kinds.NODE, {**node, "spec": spec}, "its conditions changed"))
    ready = condition(node, "Ready")
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
    return [
        {
            **entry,
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": rfc3339(now)
            if entry["status"] != "Unknown"
            else entry["lastTransitionTime"],
        }
        if entry["type"] in REPORTED
        else entry
        for entry in node["status"]["conditions"]
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


def _not_ready(pod: Obj, now: float) -> Update:
    """Pods on a node that is not ready stop being ready, so that Services leave them out."""
    conditions = [
        {**entry, "status": "False", "lastTransitionTime": rfc3339(now), "reason": "NodeNotReady"}
        if entry["type"] == "Ready"
        else entry
        for entry in pod["status"]["conditions"]
    ]
    status = {**pod["status"], "conditions": conditions}
    return Update(kinds.POD, {**pod, "status": status}, "its node is not ready", "status")


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
    rounds=True,
)
