"""Which pods go first when there are too many.

ReplicaSets go by upstream's `ActivePodsWithRanks`: ages are compared by the power of two that they lie in, and chance (the
uid) decides within one, so that scaling down again and again does not take the newest pods each time. Jobs go by
`ActivePods`: exact ages, no deletion cost, no neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cmp_to_key
from math import log2
from typing import Any

from pybernetes.api.meta import Obj, annotations_of, uid_of
from pybernetes.controllers.pods import condition, is_ready, phase
from pybernetes.lang.timestamps import parse

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}
FRESH = -1
"""The age of what began at this very moment, or of a clock ahead of ours."""


@dataclass(frozen=True, slots=True)
class _Rank:
    """What is compared before the ages, and the ages; `ready_since` is None for a pod that is not ready."""

    first: tuple[Any, ...]
    ready_since: float | None
    restarts: tuple[int, int]
    created: float
    uid: str


def deletion_order(pods: Iterable[Obj], neighbours: Mapping[str, int], now: float) -> list[Obj]:
    """The pods, the first to be deleted first: unassigned, pending, not ready, cheaper to delete, on a node with more
    of its siblings (`neighbours`: node name to count), ready for a shorter time, restarted more often, newer."""

    def compared(one: tuple[_Rank, Obj], other: tuple[_Rank, Obj]) -> int:
        a, b = one[0], other[0]
        if a.first != b.first:
            return -1 if a.first < b.first else 1
        if a.ready_since is not None and b.ready_since is not None and a.ready_since != b.ready_since:
            return _by_age(a.ready_since, b.ready_since, a, b)
        if a.restarts != b.restarts:
            return -1 if a.restarts > b.restarts else 1
        return _by_age(a.created, b.created, a, b) if a.created != b.created else 0

    def _by_age(since: float, other_since: float, a: _Rank, b: _Rank) -> int:
        age, other_age = _power(now - since), _power(now - other_since)
        if age != other_age:
            return age - other_age
        return -1 if a.uid < b.uid else 1

    ranked = [
        (_rank(pod, (_cost(pod), -neighbours.get(pod["spec"].get("nodeName", ""), 0))), pod) for pod in pods
    ]
    ranked.sort(key=cmp_to_key(compared))
    return [pod for _, pod in ranked]


def exact_order(pods: Iterable[Obj]) -> list[Obj]:
    """The pods, the first to be deleted first, where only their own state counts: unassigned, pending, not ready, ready
    for a shorter time, restarted more often, newer."""

    def key(pod: Obj) -> tuple[Any, ...]:
        rank = _rank(pod, ())
        restarts = (-rank.restarts[0], -rank.restarts[1])
        return (*rank.first, -(rank.ready_since or 0.0), restarts, -rank.created, pod["metadata"]["name"])

    return sorted(pods, key=key)


def _rank(pod: Obj, circumstances: tuple[int, ...]) -> _Rank:
    ready = condition(pod, "Ready")
    since = None
    if ready is not None and ready.get("status") == "True" and ready.get("lastTransitionTime"):
        since = parse(ready["lastTransitionTime"])
    return _Rank(
        (
            bool(pod["spec"].get("nodeName")),
            PHASE_ORDER.get(phase(pod), 1),
            is_ready(pod),
            *circumstances,
        ),
        since,
        _restarts(pod),
        parse(pod["metadata"].get("creationTimestamp") or "1970-01-01T00:00:00Z"),
        uid_of(pod),
    )


def _power(seconds: float) -> int:
    """The power of two, in nanoseconds, that an age lies in."""
    return int(log2(seconds * 1e9)) if seconds > 0 else FRESH


def _cost(pod: Obj) -> int:
    try:
        return int(annotations_of(pod).get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _restarts(pod: Obj) -> tuple[int, int]:
    """The most restarts of a container, and of a sidecar (an init container that runs on)."""
    status = pod.get("status") or {}
    sidecars = {
        each["name"]
        for each in pod["spec"].get("initContainers") or ()
        if each.get("restartPolicy") == "Always"
    }
    return (
        max((int(each.get("restartCount", 0)) for each in status.get("containerStatuses") or ()), default=0),
        max(
            (
                int(each.get("restartCount", 0))
                for each in (status.get("initContainerStatuses") or () if sidecars else ())
                if each.get("name") in sidecars
            ),
            default=0,
        ),
    )
