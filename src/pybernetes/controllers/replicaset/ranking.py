"""Which pods go first when there are too many: upstream's order (`ActivePodsWithRanks`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.meta import Obj, annotations_of
from pybernetes.controllers.pods import condition, is_ready, phase
from pybernetes.lang.timestamps import parse

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def deletion_order(pods: Iterable[Obj], neighbours: dict[str, int]) -> list[Obj]:
    """The pods, the first to be deleted first: unassigned, pending, not ready, cheaper to delete, on a node with more
    of its siblings (`neighbours`: node name to count), ready for a shorter time, restarted more often, newer."""
    return sorted(pods, key=lambda pod: _rank(pod, neighbours))


def _rank(pod: Obj, neighbours: dict[str, int]) -> tuple[Any, ...]:
    node = pod["spec"].get("nodeName", "")
    ready = condition(pod, "Ready")
    ready_since = parse(ready["lastTransitionTime"]) if ready and ready.get("lastTransitionTime") else 0.0
    return (
        bool(node),
        PHASE_ORDER.get(phase(pod), 1),
        is_ready(pod),
        _cost(pod),
        -neighbours.get(node, 0),
        -ready_since if is_ready(pod) else 0.0,
        -_restarts(pod),
        -parse(pod["metadata"].get("creationTimestamp") or "1970-01-01T00:00:00Z"),
        pod["metadata"]["name"],
    )


def _cost(pod: Obj) -> int:
    try:
        return int(annotations_of(pod).get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _restarts(pod: Obj) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(status.get("restartCount", 0)) for status in statuses), default=0)
