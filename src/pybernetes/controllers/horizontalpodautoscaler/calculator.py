"""How many replicas a metric asks for: upstream's replica calculator. Pure.

The ratio of what is used to what is wanted, times the pods that count. Within the tolerance nothing changes. Pods that are
not ready, and pods without a sample, are left out first; then, so that they cannot make the answer bolder than it would be
with them, they are put back in as using nothing (when growing) or all they ask for (when shrinking).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.controllers.pods import condition, is_ready, phase
from pybernetes.lang.quantity import milli
from pybernetes.lang.timestamps import parse

from .samples import Incalculable, Sample

NO_PODS = "no pods returned by selector while calculating replica count"
NO_METRICS = "did not receive metrics for targeted pods (pods might be unready)"
Samples = Mapping[str, Sample]
Ratio = Callable[[Mapping[str, int]], tuple[float, int, int]]
"""From values by pod to (usage to target, percentage of the requests, average), the last two for the status."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Shares of the target by which a metric may be below and above it."""

    down: float
    up: float

    def holds(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Terms:
    """What every calculation needs: the pods of the target, the time, and the settings."""

    pods: Sequence[Obj]
    now: float
    tolerance: Tolerance
    cpu_initialization_seconds: float
    initial_readiness_seconds: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """`average` is in thousandths; `utilization` is a percentage, None where the target is none."""

    replicas: int
    average: int
    utilization: int | None = None


@dataclass(frozen=True, slots=True)
class _Groups:
    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def by_utilization(
    terms: Terms, current: int, target: int, resource: str, container: str, samples: Samples
) -> Proposal:
    """`target` is a percentage of what the pods request. Raises Incalculable."""
    requests: dict[str, int] = {}

    def ratio(values: Mapping[str, int]) -> tuple[float, int, int]:
        known = [name for name in values if name in requests]
        asked = sum(requests[name] for name in known)
        if not asked:
            raise Incalculable("no metrics returned matched known pods")
        used = sum(values[name] for name in known)
        utilization = used * 100 // asked
        return utilization / target, utilization, used // len(known)

    _check(terms, samples, resource)
    requests.update({name_of(pod): _request(pod, container, resource) for pod in terms.pods})
    # A pod without a sample is taken to use what it requests, or the target where that is more.
    full = {name: asked * max(100, target) // 100 for name, asked in requests.items()}
    replicas, utilization, average = _calculate(terms, current, samples, resource, ratio, full)
    return Proposal(replicas, average, utilization)


def by_average(terms: Terms, current: int, target: int, resource: str, samples: Samples) -> Proposal:
    """`target` is the average value per pod, in thousandths; `resource` "" for a metric that is none. Raises
    Incalculable."""

    def ratio(values: Mapping[str, int]) -> tuple[float, int, int]:
        average = sum(values.values()) // len(values)
        return average / target, 0, average

    _check(terms, samples, resource)
    full = {name_of(pod): target for pod in terms.pods}
    replicas, _, average = _calculate(terms, current, samples, resource, ratio, full)
    return Proposal(replicas, average)


def by_value(terms: Terms, current: int, target: int, value: int) -> Proposal:
    """One value for all pods against one target, both in thousandths. From nothing, as many as the ratio says."""
    ratio = value / target
    if current == 0:
        return Proposal(math.ceil(ratio), value)
    if terms.tolerance.holds(ratio):
        return Proposal(current, value)
    if not terms.pods:
        raise Incalculable(f"unable to calculate ready pods: {NO_PODS}")
    ready = sum(phase(pod) == "Running" and is_ready(pod) for pod in terms.pods)
    return Proposal(math.ceil(ratio * ready), value)


def by_value_per_pod(terms: Terms, current: int, target: int, value: int) -> Proposal:
    """One value that is shared between the pods, against a target per pod. `current` is how many there are."""
    replicas = current
    if not current or not terms.tolerance.holds(value / (target * current)):
        replicas = math.ceil(value / target)
    return Proposal(replicas, math.ceil(value / current) if current else 0)


def _check(terms: Terms, samples: Samples, resource: str) -> None:
    if not terms.pods:
        raise Incalculable(NO_PODS)
    groups = _grouped(terms, samples, resource)
    if not samples.keys() - groups.ignored - groups.unready:
        raise Incalculable(NO_METRICS)


def _calculate(
    terms: Terms, current: int, samples: Samples, resource: str, ratio: Ratio, full: Mapping[str, int]
) -> tuple[int, int, int]:
    """(replicas, utilization, average); `full` is what a pod without a sample uses when shrinking."""
    groups = _grouped(terms, samples, resource)
    left_out = groups.ignored | groups.unready
    values = {name: sample.milli for name, sample in samples.items() if name not in left_out}
    first, utilization, average = ratio(values)
    growing_unready = bool(groups.unready) and first > 1.0
    if not growing_unready and not groups.missing:
        same = terms.tolerance.holds(first)
        return (current if same else math.ceil(first * groups.ready)), utilization, average
    if first < 1.0:
        values.update({name: full[name] for name in groups.missing})
    elif first > 1.0:
        values.update(dict.fromkeys(groups.missing, 0))
    if growing_unready:
        values.update(dict.fromkeys(groups.unready, 0))
    second, _, _ = ratio(values)
    turned = (first < 1.0 < second) or (second < 1.0 < first)
    if terms.tolerance.holds(second) or turned:
        return current, utilization, average
    replicas = math.ceil(second * len(values))
    if (second < 1.0 and replicas > current) or (second > 1.0 and replicas < current):
        replicas = current
    return replicas, utilization, average


def _grouped(terms: Terms, samples: Samples, resource: str) -> _Groups:
    ready = 0
    unready, missing, ignored = set(), set(), set()
    for pod in terms.pods:
        name = name_of(pod)
        if is_deleting(pod) or phase(pod) == "Failed":
            ignored.add(name)
        elif phase(pod) == "Pending":
            unready.add(name)
        elif name not in samples:
            missing.add(name)
        elif resource == "cpu" and _starting(terms, pod, samples[name]):
            unready.add(name)
        else:
            ready += 1
    return _Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _starting(terms: Terms, pod: Obj, sample: Sample) -> bool:
    """Whether the pod's CPU says nothing yet: starting takes more of it than running."""
    entry = condition(pod, "Ready")
    started = (pod.get("status") or {}).get("startTime")
    if entry is None or not started:
        return True
    changed = parse(entry["lastTransitionTime"]) if entry.get("lastTransitionTime") else 0.0
    not_ready = entry["status"] == "False"
    if parse(started) + terms.cpu_initialization_seconds > terms.now:
        return not_ready or sample.at < changed + sample.window
    return not_ready and parse(started) + terms.initial_readiness_seconds > changed


def _request(pod: Obj, container: str, resource: str) -> int:
    """What the pod (or one of its containers) requests, in thousandths. Raises Incalculable."""
    spec = pod["spec"]
    whole = ((spec.get("resources") or {}).get("requests") or {}).get(resource)
    if not container and whole is not None:
        return milli(whole)
    sidecars = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    total = 0
    for each in (*spec["containers"], *sidecars):
        if container and each["name"] != container:
            continue
        asked = ((each.get("resources") or {}).get("requests") or {}).get(resource)
        if asked is None:
            raise Incalculable(
                f"missing request for {resource} in container {each['name']} of Pod {name_of(pod)}"
            )
        total += milli(asked)
    return total
