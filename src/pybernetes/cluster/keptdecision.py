"""What the scheduler of this process decided about a pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.scheduler.explain import explained
from pybernetes.scheduler.scheduler import Scheduler


def decision_of(scheduler: Scheduler | None, namespace: str, pod: str) -> Mapping[str, Any] | None:
    """The decision about a pod, as `Scheduler`'s own pages tell it; None where none is kept."""
    cycle = scheduler.cycle if scheduler is not None else None
    if cycle is None:
        return None
    held = cycle.queue.held_back(namespace, pod)
    if held is not None:
        plugin, message = held
        return {"node": None, "feasible": 0, "message": message, "nodes": {}, "heldBackBy": plugin}
    kept = cycle.decisions.find(namespace, pod)
    return explained(kept) if kept is not None else None
