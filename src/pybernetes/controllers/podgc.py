"""pod-garbage-collector-controller: pods whose node is gone or out of service, that were deleted before they had a node,
and ended ones where there are too many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import those
from pybernetes.control.plan import Delete, Patch, Plan, Steps
from pybernetes.controllers.pods import condition, is_finished
from pybernetes.lang.timestamps import rfc3339

QUARANTINE = 40.0
"""Seconds that a node must have been gone: it may come back, or its pod be newer than what is known of nodes."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
KEY = "cluster"


@dataclass(frozen=True, slots=True)
class Seen:
    """Pods that may have to go: of nodes that do not exist, being deleted on nodes that are out of service, deleted
    without a node, and all that have ended. `memory` is since when (Unix seconds) each missing node is missed."""

    homeless: Sequence[Obj]
    stuck: Sequence[Obj]
    never_scheduled: Sequence[Obj]
    finished: Sequence[Obj]
    memory: Mapping[str, float] | None = None


def observe(_key: str, caches: Caches) -> Seen | None:
    pods = those(caches.list(kinds.POD), lambda pod: isinstance(pod["spec"], dict))
    down = {name_of(node) for node in those(caches.list(kinds.NODE), is_out_of_service)}
    return Seen(
        [p for p in pods if (n := p["spec"].get("nodeName")) and caches.get(kinds.NODE, n) is None],
        [p for p in pods if is_deleting(p) and p["spec"].get("nodeName") in down],
        [p for p in pods if is_deleting(p) and not p["spec"].get("nodeName")],
        [p for p in pods if is_finished(p) and not is_deleting(p)],
    )


def is_out_of_service(node: Obj) -> bool:
    """Whether somebody has declared that a node which is not ready runs nothing any more."""
    ready = condition(node, "Ready")
    if ready is None or ready.get("status") == "True":
        return False
    return any(taint.get("key") == OUT_OF_SERVICE for taint in node["spec"].get("taints") or ())


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    steps = Steps()
    before = seen.memory or {}
    missed = {node: before.get(node, now) for node in {pod["spec"]["nodeName"] for pod in seen.homeless}}
    for pod in seen.homeless:
        wait = missed[pod["spec"]["nodeName"]] + QUARANTINE - now
        if wait > 0:
            steps.look_again(wait)
        else:
            _remove(steps, pod, now, "its node is gone", "PodGC: node no longer exists")
    for pod in seen.stuck:
        _remove(steps, pod, now, "its node is out of service")
    for pod in seen.never_scheduled:
        _remove(steps, pod, now, "deleted before it was scheduled")
    extra = len(seen.finished) - settings.terminated_pod_gc_threshold
    if extra > 0:
        for pod in sorted(seen.finished, key=_precedence)[:extra]:
            _remove(steps, pod, now, "too many ended pods")
    steps.memory = missed
    return steps.plan(f"{len(steps.steps)} pods to remove")


def _precedence(pod: Obj) -> tuple[bool, str, str]:
    """Evicted pods first, then the oldest."""
    evicted = (pod.get("status") or {}).get("reason") == "Evicted"
    return not evicted, pod["metadata"].get("creationTimestamp", ""), name_of(pod)


def _remove(steps: Steps, pod: Obj, now: float, why: str, disruption: str = "") -> None:
    """A pod that has not ended fails first, so that its controller does not take it for one that was never there."""
    if not is_finished(pod):
        status: dict[str, Any] = {"phase": "Failed"}
        if disruption:
            status["conditions"] = _disrupted(pod, disruption, now)
        patch = {"status": status}
        steps.add(Patch(kinds.POD, namespace_of(pod), name_of(pod), patch, disruption or why, "status"))
    steps.add(Delete(kinds.POD, namespace_of(pod), name_of(pod), uid_of(pod), why, grace_period_seconds=0))


def _disrupted(pod: Obj, message: str, now: float) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": message,
        "lastTransitionTime": rfc3339(now),
    }
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return [*(each for each in conditions if each["type"] != "DisruptionTarget"), entry]


def _may_matter(pod: Obj, caches: Caches) -> tuple[str, ...]:
    name = pod["spec"].get("nodeName")
    node = caches.get(kinds.NODE, name) if name else None
    matters = (
        is_finished(pod)
        or (bool(name) and node is None)
        or (is_deleting(pod) and (node is None or is_out_of_service(node)))
    )
    return (KEY,) if matters else ()


def pod_matters(old: Obj | None, new: Obj | None) -> bool:
    """Whether a pod has come, ended, begun to go, or got a node; its reports in between are nobody's business here."""
    if new is None or old is None:
        return new is not None
    return (
        is_finished(old) != is_finished(new)
        or is_deleting(old) != is_deleting(new)
        or old["spec"].get("nodeName") != new["spec"].get("nodeName")
    )


def _node_gone(node: Obj, caches: Caches) -> tuple[str, ...]:
    current = caches.get(kinds.NODE, key_of(node))
    return (KEY,) if current is None or is_out_of_service(current) else ()


CONTROLLER = ControllerDef(
    "pod-garbage-collector-controller",
    watches=(Watch(kinds.POD, _may_matter, matters=pod_matters), Watch(kinds.NODE, _node_gone)),
    observe=observe,
    plan=plan,
    account="pod-garbage-collector",
    workers=1,
    remembers=True,
)
