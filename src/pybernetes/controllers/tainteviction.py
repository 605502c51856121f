"""taint-eviction-controller: deletes pods from nodes whose NoExecute taints they do not tolerate, or not for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Delete, Patch, Plan, Report
from pybernetes.controllers.nodelifecycle.plan import node_name
from pybernetes.controllers.pods import condition, is_finished
from pybernetes.lang.timestamps import parse, rfc3339


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod, and the NoExecute taints of its node."""

    pod: Obj
    taints: Sequence[Obj]
    memory: float | None = None
    """When its eviction became a matter of time; None: it was not when the pod was last looked at."""


def observe(key: str, caches: Caches) -> Seen | None:
    pod = caches.get(kinds.POD, key)
    node = caches.get(kinds.NODE, pod["spec"].get("nodeName") or "") if pod is not None else None
    if pod is None or node is None or is_deleting(pod) or is_finished(pod):
        return None
    taints = [t for t in node["spec"].get("taints") or () if t["effect"] == "NoExecute"]
    return Seen(pod, taints)


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    start = now if seen.memory is None else seen.memory
    due = [_due(seen.pod, taint, now, start) for taint in seen.taints]
    first = min((at for at in due if at is not None), default=None)
    if first is None:
        return Plan(
            (_cancelled(seen.pod),) if seen.memory is not None else (),
            None,
            "it tolerates every taint of its node",
        )
    if first > now:
        why = "it tolerates the taints of its node for a while"
        return Plan((), first - now, why, memory=start)
    pod = seen.pod
    message = "Taint manager: deleting due to NoExecute taint"
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": message,
        "lastTransitionTime": rfc3339(now),
    }
    others = [c for c in (pod.get("status") or {}).get("conditions") or () if c["type"] != "DisruptionTarget"]
    patch = {"status": {"conditions": [*others, condition]}}
    return Plan(
        (
            Report(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key_of(pod)}"),
            Patch(kinds.POD, namespace_of(pod), name_of(pod), patch, message, "status"),
            Delete(kinds.POD, namespace_of(pod), name_of(pod), uid_of(pod), message),
        ),
        None,
        message,
    )


def _cancelled(pod: Obj) -> Report:
    return Report(pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {key_of(pod)}")


def _due(pod: Obj, taint: Obj, now: float, start: float) -> float | None:
    """When the pod has to go because of a taint: at once if nothing tolerates it, None for never. `start` is when taints
    were first seen here, for those that do not say when they were added."""
    matching = [t for t in pod["spec"].get("tolerations") or () if tolerates(t, taint)]
    if not matching:
        return now
    seconds = [t["tolerationSeconds"] for t in matching if t.get("tolerationSeconds") is not None]
    if not seconds:
        return None
    since = parse(taint["timeAdded"]) if taint.get("timeAdded") else start
    return float(max(since, _bound_at(pod)) + max(0, min(seconds)))


def _bound_at(pod: Obj) -> float:
    """When the pod came to its node: a taint that was there before counts from then."""
    scheduled = condition(pod, "PodScheduled") or {}
    return parse(scheduled.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"])


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Whether a toleration matches a taint: effect, key and value, an empty key with Exists matching all."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(
        toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")
    )


def _pods_of_node(node: Obj, caches: Caches) -> list[str]:
    if not _evicts(node):
        return []
    return [key_of(pod) for pod in caches.by_index(kinds.POD, "node", name_of(node))]


def _evicts(node: Obj) -> bool:
    return any(taint["effect"] == "NoExecute" for taint in node["spec"].get("taints") or ())


def _on_node(pod: Obj, caches: Caches) -> tuple[str, ...]:
    """Only a tainted node lets nobody stay; a pod that its node forgave was told of when the taint went."""
    node = caches.get(kinds.NODE, pod["spec"].get("nodeName") or "")
    return (key_of(pod),) if node is not None and _evicts(node) else ()


CONTROLLER = ControllerDef(
    "taint-eviction-controller",
    watches=(Watch(kinds.POD, _on_node, {"node": node_name}), Watch(kinds.NODE, _pods_of_node)),
    observe=observe,
    plan=plan,
    account="node-controller",  # as upstream: it has no role of its own
    remembers=True,
)
