"""The scheduler's metrics under upstream's names, in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .histogram import Histogram, doubling
from .metricnames import HELP

if TYPE_CHECKING:
    from .cycle import Cycle
    from .gang.outcome import Outcome
    from .profile import Profile

DURATIONS = doubling(0.001, 15)
"""Seconds: upstream's buckets, 1 ms doubling."""
SLI = doubling(0.01, 20)
COUNTS = doubling(1.0, 5)
VICTIMS = doubling(1.0, 7)
GROUP_VICTIMS = doubling(1.0, 11)
EVENTS = doubling(0.0001, 12)

Labels = tuple[str, ...]


class Family:
    """The histograms of one name, by the values of its labels."""

    def __init__(self, name: str, bounds: tuple[float, ...], *labels: str) -> None:
        self.name, self._bounds, self._labels = name, bounds, labels
        self._by: dict[Labels, Histogram] = {}
        if not labels:
            self._by[()] = Histogram(bounds)

    def observe(self, value: float, *labels: str) -> None:
        found = self._by.get(labels)
        if found is None:
            found = self._by[labels] = Histogram(self._bounds)
        found.observe(value)

    def lines(self) -> list[str]:
        found = sorted(self._by.items())
        return [line for at, each in found for line in each.lines(self.name, _text(self._labels, at))]


def _text(names: Iterable[str], values: Iterable[str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))


class Metrics:
    def __init__(self) -> None:
        self._attempts = Family(
            "scheduler_scheduling_attempt_duration_seconds", DURATIONS, "profile", "result"
        )
        self._algorithm = Family("scheduler_scheduling_algorithm_duration_seconds", DURATIONS)
        self._pod_attempts = Family("scheduler_pod_scheduling_attempts", COUNTS)
        self._sli = Family("scheduler_pod_scheduling_sli_duration_seconds", SLI, "attempts")
        self._permit = Family("scheduler_permit_wait_duration_seconds", DURATIONS, "result")
        self._victims = Family("scheduler_preemption_victims", VICTIMS)
        self._events = Family("scheduler_event_handling_duration_seconds", EVENTS, "event")
        self._groups = Family(
            "scheduler_podgroup_scheduling_attempt_duration_seconds", DURATIONS, "profile", "result"
        )
        self._group_algorithm = Family("scheduler_podgroup_scheduling_algorithm_duration_seconds", DURATIONS)
        self._group_victims = Family("scheduler_workload_preemption_victims", GROUP_VICTIMS)
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self.binding = 0
        """Pods on their way to their node."""
        self._count("scheduler_preemption_attempts_total", 0)
        self._count("scheduler_pod_scheduled_after_flush_total", 0)

    def _count(self, name: str, more: int, *labels: str) -> None:
        self._counts[name, labels] += more

    def attempted(self, profile: str, result: str, seconds: float) -> None:
        """An attempt ended: "scheduled", "unschedulable", "error"."""
        self._attempts.observe(seconds, profile, result)
        self._count("scheduler_schedule_attempts_total", 1, profile, result)

    def decided(self, seconds: float) -> None:
        """A node was looked for, so many seconds."""
        self._algorithm.observe(seconds)

    def scheduled(self, attempts: int, seconds: float, flushed: bool = False) -> None:
        """A pod was bound, so many attempts and seconds after it came; `flushed`: no event had let it be tried."""
        self._pod_attempts.observe(attempts)
        self._sli.observe(seconds, f"{attempts}" if attempts < 15 else "15+")
        if flushed:
            self._count("scheduler_pod_scheduled_after_flush_total", 1)

    def permitted(self, result: str, seconds: float) -> None:
        """A pod that waited at Permit is let go ("Success") or is not ("Unschedulable")."""
        self._permit.observe(seconds, result)

    def preempted(self, victims: int) -> None:
        self._count("scheduler_preemption_attempts_total", 1)
        self._victims.observe(victims)

    def handled(self, event: str, seconds: float) -> None:
        """An event of an informer was taken in."""
        self._events.observe(seconds, event)

    def group_decided(self, profile: str, outcome: Outcome, seconds: float) -> None:
        """A whole PodGroup was decided on."""
        preemption = outcome.preemption
        result = "error" if outcome.failed else "scheduled" if outcome.scheduled else "unschedulable"
        if preemption is not None:
            made = bool(preemption.nodes)
            self._count(
                "scheduler_workload_preemption_attempts_total", 1, "Success" if made else "Unschedulable"
            )
            if made:
                result = "waiting_on_preemption"
                self._group_victims.observe(len(preemption.victims))
        self._group_algorithm.observe(seconds)
        self._groups.observe(seconds, profile, result)
        self._count("scheduler_podgroup_schedule_attempts_total", 1, profile, result)

    def text(self, cycle: Cycle) -> str:
        """Everything, with what the queue and the caches hold now."""
        values: dict[str, list[str]] = {name: [] for name in HELP}
        for (name, labels), count in sorted(self._counts.items()):
            values[name].append(_sample(name, labels, count))
        for family in (
            self._attempts, self._algorithm, self._pod_attempts, self._sli, self._permit, self._victims, self._events,
            self._groups, self._group_algorithm, self._group_victims,
        ):  # fmt: skip
            values[family.name] = family.lines()
        for name, labels, value in _now(cycle, self.binding):
            values[name].append(_sample(name, labels, value))
        for profile in cycle.profiles.values():
            for name, lines in _of_profile(profile).items():
                values[name] += lines
        found: list[str] = []
        for name, (kind, words, _) in HELP.items():
            found += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *values[name]]
        return "\n".join(found) + "\n"


def _sample(name: str, labels: Labels, value: int) -> str:
    names = HELP[name][2]
    return f"{name}{{{_text(names, labels)}}} {value}" if names else f"{name} {value}"


def _now(cycle: Cycle, binding: int) -> Iterable[tuple[str, Labels, int]]:
    """What is so at this moment."""
    queue = cycle.queue
    for part, count in queue.counts().items():
        yield "scheduler_pending_pods", (part,), count
    for (part, kind), count in sorted(queue.entities().items()):
        yield "scheduler_queued_entities", (part, kind), count
    for (part, event), count in sorted(queue.incoming.items()):
        yield "scheduler_queue_incoming_pods_total", (event, part), count
    for (plugin, profile), count in sorted(queue.refused().items()):
        yield "scheduler_unschedulable_pods", (plugin, profile), count
    for event, count in sorted(queue.in_flight().items()):
        yield "scheduler_inflight_events", (event,), count
    yield "scheduler_cache_size", ("nodes",), int(cycle.table.alive.sum())
    yield "scheduler_cache_size", ("pods",), len(cycle.table.placements)
    yield "scheduler_cache_size", ("assumed_pods",), cycle.assumed
    yield "scheduler_goroutines", ("binding",), binding


def _of_profile(profile: Profile) -> Mapping[str, list[str]]:
    """How long its extension points and plugins took."""
    points = "scheduler_framework_extension_point_duration_seconds"
    plugins = "scheduler_plugin_execution_duration_seconds"
    evaluated = "scheduler_plugin_evaluation_total"
    batches = "scheduler_batch_attempts_total"
    found: dict[str, list[str]] = {points: [], plugins: [], evaluated: [], batches: []}
    times = profile.timings
    for result, times_so in (("hint_used", times.hinted), ("no_hint", times.unhinted)):
        found[batches].append(_sample(batches, (profile.name, result), times_so))
    for (point, status), each in sorted(times.points.items()):
        found[points] += each.lines(points, _text(HELP[points][2], (point, status, profile.name)))
    for (plugin, point, status), each in sorted(times.plugins.items()):
        found[plugins] += each.lines(plugins, _text(HELP[plugins][2], (plugin, point, status)))
    for (plugin, point), count in sorted(times.evaluations(profile.names).items()):
        found[evaluated].append(_sample(evaluated, (plugin, point, profile.name), count))
    return found
