"""When the change happened that a slice is written for: the annotation by which the network's latency is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pybernetes.api.meta import Obj, annotations_of, name_of
from pybernetes.controllers.pods import condition

LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"


def times(pods: Iterable[Obj]) -> dict[str, str]:
    """Since when each pod is as ready as it is (RFC 3339, whole seconds in UTC, so that text order is time order)."""
    found = {}
    for pod in pods:
        ready = condition(pod, "Ready")
        if ready is not None and ready.get("lastTransitionTime"):
            found[name_of(pod)] = str(ready["lastTransitionTime"])
    return found


def last_change(service: Obj, now: Mapping[str, str], before: Mapping[str, str] | None) -> str:
    """The earliest of the changes since the last look (`before`; None at the first, when it is the Service's own
    creation), "" where no pod became ready or unready."""
    if before is None:
        return str(service["metadata"].get("creationTimestamp") or "")
    return min((time for name, time in now.items() if time > before.get(name, "")), default="")


def annotated(metadata: Obj, time: str) -> dict[str, Any]:
    """Metadata that carry this time, or none."""
    rest = {k: v for k, v in annotations_of({"metadata": metadata}).items() if k != LAST_CHANGE}
    annotations = {**rest, LAST_CHANGE: time} if time else rest
    plain = {k: v for k, v in metadata.items() if k != "annotations"}
    return {**plain, "annotations": annotations} if annotations else plain
