"""The scheduler's metrics under upstream's names, in the text format of Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

DURATIONS = tuple(0.001 * 2**n for n in range(15))
"""Seconds: upstream's buckets, 1 ms doubling."""
COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0)
SLI = tuple(0.01 * 2**n for n in range(20))
VICTIMS = tuple(float(2**n) for n in range(7))

HELP: Mapping[str, tuple[str, str]] = {
    "scheduler_schedule_attempts_total": (
        "counter",
        "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while "
        "'error' means an internal scheduler problem.",
    ),
    "scheduler_scheduling_attempt_duration_seconds": (
        "histogram",
        "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
    ),
    "scheduler_scheduling_algorithm_duration_seconds": (
        "histogram",
        "Scheduling algorithm latency in seconds",
    ),
    "scheduler_pod_scheduling_attempts": (
        "histogram",
        "Number of attempts to successfully schedule a pod.",
    ),
    "scheduler_pod_scheduling_sli_duration_seconds": (
        "histogram",
        "E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve "
        "multiple scheduling attempts.",
    ),
    "scheduler_permit_wait_duration_seconds": ("histogram", "Duration of waiting on permit."),
    "scheduler_preemption_victims": ("histogram", "Number of selected preemption victims"),
    "scheduler_preemption_attempts_total": (
        "counter",
        "Total preemption attempts in the cluster till now",
    ),
    "scheduler_pending_pods": (
        "gauge",
        "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of "
        "pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to "
        "schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to "
        "schedule because they are gated.",
    ),
    "scheduler_unschedulable_pods": (
        "gauge",
        "The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins "
        "that caused it to not schedule and so this metric have meaning only when broken down by plugin.",
    ),
    "scheduler_queue_incoming_pods_total": (
        "counter",
        "Number of pods added to scheduling queues by event and queue type.",
    ),
    "scheduler_cache_size": (
        "gauge",
        "Number of nodes, pods, and assumed (bound) pods in the scheduler cache.",
    ),
}
"""(type, help) of each."""


class Histogram:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str = "") -> list[str]:
        comma = f"{labels}," if labels else ""
        found, so_far = [], 0
        for bound, count in zip((*self.bounds, None), self.counts, strict=True):
            so_far += count
            edge = "+Inf" if bound is None else f"{bound:g}"
            found.append(f'{name}_bucket{{{comma}le="{edge}"}} {so_far}')
        braces = f"{{{labels}}}" if labels else ""
        return [*found, f"{name}_sum{braces} {self.total:g}", f"{name}_count{braces} {so_far}"]


class Metrics:
    def __init__(self) -> None:
        self._attempts: dict[tuple[str, str], Histogram] = {}
        self._algorithm = Histogram(DURATIONS)
        self._pod_attempts = Histogram(COUNTS)
        self._sli: dict[int, Histogram] = {}
        self._permit: dict[str, Histogram] = {}
        self._victims = Histogram(VICTIMS)
        self._preemptions = 0

    def attempted(self, profile: str, result: str, seconds: float) -> None:
        """An attempt ended: "scheduled", "unschedulable", "error"."""
        key = (profile, result)
        found = self._attempts.get(key)
        if found is None:
            found = self._attempts[key] = Histogram(DURATIONS)
        found.observe(seconds)

    def decided(self, seconds: float) -> None:
        """A node was looked for, so many seconds."""
        self._algorithm.observe(seconds)

    def scheduled(self, attempts: int, seconds: float) -> None:
        """A pod was bound, so many attempts and seconds after it came."""
        self._pod_attempts.observe(attempts)
        tried = min(attempts, 16)
        found = self._sli.get(tried)
        if found is None:
            found = self._sli[tried] = Histogram(SLI)
        found.observe(seconds)

    def permitted(self, result: str, seconds: float) -> None:
        """A pod that waited at Permit is let go ("Success") or is not ("Unschedulable")."""
        self._permit.setdefault(result, Histogram(DURATIONS)).observe(seconds)

    def preempted(self, victims: int) -> None:
        self._preemptions += 1
        self._victims.observe(victims)

    def text(
        self,
        pending: Mapping[str, int],
        cached: Mapping[str, int],
        incoming: Mapping[tuple[str, str], int],
        refused: Mapping[tuple[str, str], int],
    ) -> str:
        """`pending`: pods by part of the queue; `cached`: sizes of the cache (`nodes`, `pods`); `incoming`: by (part,
        event); `refused`: unschedulable pods by (plugin, profile)."""
        values = self._values()
        values["scheduler_pending_pods"] = [_sample("queue", part, n) for part, n in pending.items()]
        values["scheduler_cache_size"] = [_sample("type", kind, n) for kind, n in cached.items()]
        values["scheduler_queue_incoming_pods_total"] = [
            f'{{event="{event}",queue="{part}"}} {n}' for (part, event), n in sorted(incoming.items())
        ]
        values["scheduler_unschedulable_pods"] = [
            f'{{plugin="{plugin}",profile="{profile}"}} {n}'
            for (plugin, profile), n in sorted(refused.items())
        ]
        lines: list[str] = []
        for name, (kind, words) in HELP.items():
            lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
            lines += [line if line.startswith(name) else name + line for line in values[name]]
        return "\n".join(lines) + "\n"

    def _values(self) -> dict[str, list[str]]:
        attempts, durations = (
            "scheduler_schedule_attempts_total",
            "scheduler_scheduling_attempt_duration_seconds",
        )
        found: dict[str, list[str]] = {attempts: [], durations: []}
        for (profile, result), each in self._attempts.items():
            labels = f'profile="{profile}",result="{result}"'
            found[attempts].append(f"{{{labels}}} {sum(each.counts)}")
            found[durations] += each.lines(durations, labels)
        for name, histograms in self._histograms():
            found[name] = [line for labels, each in histograms for line in each.lines(name, labels)]
        found["scheduler_preemption_attempts_total"] = [f" {self._preemptions}"]
        return found

    def _histograms(self) -> Iterator[tuple[str, list[tuple[str, Histogram]]]]:
        yield "scheduler_scheduling_algorithm_duration_seconds", [("", self._algorithm)]
        yield "scheduler_pod_scheduling_attempts", [("", self._pod_attempts)]
        sli = [(f'attempts="{tried}"', each) for tried, each in sorted(self._sli.items())]
        yield "scheduler_pod_scheduling_sli_duration_seconds", sli
        permit = [(f'result="{result}"', each) for result, each in self._permit.items()]
        yield "scheduler_permit_wait_duration_seconds", permit
        yield "scheduler_preemption_victims", [("", self._victims)]


def _sample(label: str, value: str, number: int) -> str:
    return f'{{{label}="{value}"}} {number}'
