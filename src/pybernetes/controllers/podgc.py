"""pod-garbage-collector-controller: pods whose node is gone, that were never scheduled but deleted, or too many ended ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import those
from pybernetes.control.plan import Delete, Patch, Plan, Steps
from pybernetes.controllers.pods import is_finished
from pybernetes.lang.timestamps import parse, rfc3339

QUARANTINE = 40.0  # seconds that a node must have been gone
KEY = "cluster"


@dataclass(frozen=True, slots=True)
class Seen:
    """Pods that may have to go: of nodes that do not exist, deleted without a node, and all that have ended."""

    homeless: Sequence[Obj]
    never_scheduled: Sequence[Obj]
    finished: Sequence[Obj]


def observe(_key: str, caches: Caches) -> Seen | None:
    pods = those(caches.list(kinds.POD), lambda pod: isinstance(pod["spec"], dict))
    return Seen(
        [p for p in pods if (n := p["spec"].get("nodeName")) and caches.get(kinds.NODE, n) is None],
        [p for p in pods if is_deleting(p) and not p["spec"].get("nodeName")],
        [p for p in pods if is_finished(p) and not is_deleting(p)],
    )


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    steps = Steps()
    for pod in seen.homeless:
        wait = _scheduled_at(pod) + QUARANTINE - now
        if wait > 0:
            steps.look_again(wait)
            continue
        if not is_finished(pod):
            steps.add(_failed(pod, now))
        steps.add(_delete(pod, "its node is gone"))
    steps.add(*(_delete(pod, "deleted before it was scheduled") for pod in seen.never_scheduled))
    extra = len(seen.finished) - settings.terminated_pod_gc_threshold
    if extra > 0:
        oldest = sorted(seen.finished, key=lambda pod: pod["metadata"].get("creationTimestamp", ""))[:extra]
        steps.add(*(_delete(pod, "too many ended pods") for pod in oldest))
    return steps.plan(f"{len(steps.steps)} pods to remove")


def _scheduled_at(pod: Obj) -> float:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    times = [c.get("lastTransitionTime") for c in conditions if c.get("type") == "PodScheduled"]
    return parse(times[0] if times and times[0] else pod["metadata"]["creationTimestamp"])


def _failed(pod: Obj, now: float) -> Patch:
    message = "PodGC: node no longer exists"
    condition: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": message,
        "lastTransitionTime": rfc3339(now),
    }
    kept = [c for c in (pod.get("status") or {}).get("conditions") or () if c["type"] != "DisruptionTarget"]
    status = {"phase": "Failed", "conditions": [*kept, condition]}
    return Patch(kinds.POD, namespace_of(pod), name_of(pod), {"status": status}, message, "status")


def _delete(pod: Obj, reason: str) -> Delete:
    return Delete(kinds.POD, namespace_of(pod), name_of(pod), uid_of(pod), reason, grace_period_seconds=0)


def _may_matter(pod: Obj, caches: Caches) -> tuple[str, ...]:
    node = pod["spec"].get("nodeName")
    orphaned = bool(node) and caches.get(kinds.NODE, node) is None
    return (KEY,) if orphaned or (is_deleting(pod) and not node) or is_finished(pod) else ()


def _node_gone(node: Obj, caches: Caches) -> tuple[str, ...]:
    return (KEY,) if caches.get(kinds.NODE, key_of(node)) is None else ()


CONTROLLER = ControllerDef(
    "pod-garbage-collector-controller",
    watches=(Watch(kinds.POD, _may_matter), Watch(kinds.NODE, _node_gone)),
    observe=observe,
    plan=plan,
    account="pod-garbage-collector",
    workers=1,
)
