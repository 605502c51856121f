"""From what the metrics ask for to what is done: windows in which recommendations are held back, how fast the number may
change, and the limits of the object. Pure.

With `spec.behavior` its rules hold; without it, the older ones: the highest recommendation of the last five minutes, and
at most twice as many pods (or four) at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pybernetes.api.meta import Obj
from pybernetes.control.definition import Settings
from pybernetes.lang.quantity import parse_quantity

from .calculator import Tolerance

WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
READY = ("ReadyForNewScale", "recommended size matches current size")
HELD_UP = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
HELD_DOWN = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
DEFAULT_UP: Mapping[str, Any] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
DEFAULT_DOWN: Mapping[str, Any] = {
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}


class Mark(NamedTuple):
    """A number at a time: a recommendation, or by how many pods the target was changed."""

    at: float
    number: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one HorizontalPodAutoscaler. `at` is when it was looked at last."""

    at: float = 0.0
    recommendations: tuple[Mark, ...] = ()
    ups: tuple[Mark, ...] = ()
    downs: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do: a number of replicas, whether and why the recommendation was held back (`stable`), whether and why it
    was limited, and what to remember."""

    replicas: int
    stable: tuple[str, str]
    limited: bool
    limit: tuple[str, str]
    memory: Memory


@dataclass(frozen=True, slots=True)
class _Limits:
    fewest: int
    most: int


def rules(autoscaler: Obj, settings: Settings) -> tuple[Obj, Obj]:
    """The rules for growing and for shrinking, complete."""
    behavior = autoscaler["spec"].get("behavior") or {}
    up = {**DEFAULT_UP, **(behavior.get("scaleUp") or {})}
    down = {**DEFAULT_DOWN, **(behavior.get("scaleDown") or {})}
    if down.get("stabilizationWindowSeconds") is None:
        down["stabilizationWindowSeconds"] = settings.hpa_downscale_stabilization_seconds
    return up, down


def tolerance(autoscaler: Obj, settings: Settings) -> Tolerance:
    def share(rule: Obj) -> float:
        own = rule.get("tolerance")
        return settings.hpa_tolerance if own is None else float(parse_quantity(own))

    up, down = rules(autoscaler, settings)
    return Tolerance(share(down), share(up))


def decide(
    autoscaler: Obj, current: int, desired: int, memory: Memory, now: float, settings: Settings
) -> Verdict:
    """`desired` is what the metrics ask for."""
    spec = autoscaler["spec"]
    limits = _Limits(fewest_of(autoscaler), int(spec["maxReplicas"]))
    if spec.get("behavior") is None:
        return _plain(limits, current, desired, memory, now, settings)
    up, down = rules(autoscaler, settings)
    held, kept = _held(up, down, current, desired, memory, now)
    reason = READY if held == desired else (HELD_UP if desired >= current else HELD_DOWN)
    replicas, limit = _paced(limits, up, down, current, held, memory, now)
    return Verdict(replicas, reason, replicas != held, limit, _remembering(memory, now, kept, desired))


def fewest_of(autoscaler: Obj) -> int:
    """`minReplicas`, or 1."""
    fewest = autoscaler["spec"].get("minReplicas")
    return 1 if fewest is None else int(fewest)


def changed(
    autoscaler: Obj, memory: Memory, before: int, after: int, now: float, settings: Settings
) -> Memory:
    """The memory after the target was given another number of replicas: changes within the longest period count."""
    if autoscaler["spec"].get("behavior") is None:
        return memory
    up, down = rules(autoscaler, settings)
    ups, downs = _recent(memory.ups, up, now), _recent(memory.downs, down, now)
    if after > before:
        ups = (*ups, Mark(now, after - before))
    else:
        downs = (*downs, Mark(now, before - after))
    return Memory(memory.at, memory.recommendations, ups, downs)


def _recent(marks: Sequence[Mark], rule: Obj, now: float) -> tuple[Mark, ...]:
    longest = max((float(policy["periodSeconds"]) for policy in rule["policies"]), default=0.0)
    return tuple(mark for mark in marks if mark.at > now - longest)


def _remembering(memory: Memory, now: float, kept: Sequence[Mark], desired: int) -> Memory:
    return Memory(now, (*kept, Mark(now, desired)), memory.ups, memory.downs)


def _plain(
    limits: _Limits, current: int, desired: int, memory: Memory, now: float, settings: Settings
) -> Verdict:
    since = now - settings.hpa_downscale_stabilization_seconds
    kept = [mark for mark in memory.recommendations if mark.at >= since]
    held = max([desired, *(mark.number for mark in kept)])
    reason = READY if held == desired else HELD_DOWN
    fastest = max(2 * current, 4)
    most, limit = (fastest, UP_LIMIT) if limits.most > fastest else (limits.most, TOO_MANY)
    replicas, why = held, WITHIN
    if held < limits.fewest:
        replicas, why = limits.fewest, TOO_FEW
    elif held > most:
        replicas, why = most, limit
    return Verdict(replicas, reason, replicas != held, why, _remembering(memory, now, kept, desired))


def _held(
    up: Obj, down: Obj, current: int, desired: int, memory: Memory, now: float
) -> tuple[int, list[Mark]]:
    """The number between the lowest recommendation of the window for growing and the highest of that for shrinking, as
    near to the current one as these allow; and the recommendations that may still count."""
    up_since = now - float(up["stabilizationWindowSeconds"])
    down_since = now - float(down["stabilizationWindowSeconds"])
    lowest = min([desired, *(mark.number for mark in memory.recommendations if mark.at > up_since)])
    highest = max([desired, *(mark.number for mark in memory.recommendations if mark.at > down_since)])
    kept = [mark for mark in memory.recommendations if mark.at > min(up_since, down_since)]
    return min(max(current, lowest), highest), kept


def _paced(
    limits: _Limits, up: Obj, down: Obj, current: int, desired: int, memory: Memory, now: float
) -> tuple[int, tuple[str, str]]:
    if desired > current:
        fastest = max(current, _up_limit(up, current, memory, now))
        most, limit = (fastest, UP_LIMIT) if limits.most > fastest else (limits.most, TOO_MANY)
        return (most, limit) if desired > most else (desired, WITHIN)
    if desired < current:
        fastest = min(current, _down_limit(down, current, memory, now))
        fewest, limit = (fastest, DOWN_LIMIT) if limits.fewest < fastest else (limits.fewest, TOO_FEW)
        return (fewest, limit) if desired < fewest else (desired, WITHIN)
    return desired, WITHIN


def _start(policy: Obj, current: int, memory: Memory, now: float) -> int:
    """How many replicas there were when the policy's period began."""
    since = now - float(policy["periodSeconds"])
    added = sum(mark.number for mark in memory.ups if mark.at > since)
    removed = sum(mark.number for mark in memory.downs if mark.at > since)
    return current - added + removed


def _up_limit(rule: Obj, current: int, memory: Memory, now: float) -> int:
    if rule["selectPolicy"] == "Disabled":
        return current
    proposals = []
    for policy in rule["policies"]:
        start = _start(policy, current, memory, now)
        if policy["type"] == "Pods":
            proposals.append(start + int(policy["value"]))
        else:
            # Rounded up: else a small number would never grow.
            proposals.append(math.ceil(start * (1 + policy["value"] / 100)))
    return min(proposals) if rule["selectPolicy"] == "Min" else max(proposals)


def _down_limit(rule: Obj, current: int, memory: Memory, now: float) -> int:
    if rule["selectPolicy"] == "Disabled":
        return current
    proposals = []
    for policy in rule["policies"]:
        start = _start(policy, current, memory, now)
        if policy["type"] == "Pods":
            proposals.append(start - int(policy["value"]))
        else:
            proposals.append(int(start * (1 - policy["value"] / 100)))
    return max(proposals) if rule["selectPolicy"] == "Min" else min(proposals)
