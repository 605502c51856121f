"""The scheduler's metrics under upstream's names, in the text format of Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

DURATIONS = tuple(0.001 * 2**n for n in range(15))
"""Seconds: upstream's buckets, 1 ms doubling."""
COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0)
SLI = tuple(0.01 * 2**n for n in range(20))
VICTIMS = tuple(float(2**n) for n in range(7))


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
        self._pod_attempts = Histogram(COUNTS)
        self._sli = Histogram(SLI)
        self._victims = Histogram(VICTIMS)
        self._preemptions = 0

    def attempted(self, profile: str, result: str, seconds: float) -> None:
        """A decision was made, or (`result` "error") could not be."""
        key = (profile, result)
        found = self._attempts.get(key)
        if found is None:
            found = self._attempts[key] = Histogram(DURATIONS)
        found.observe(seconds)

    def scheduled(self, attempts: int, seconds: float) -> None:
        """A pod was bound, so many attempts and seconds after it came."""
        self._pod_attempts.observe(attempts)
        self._sli.observe(seconds)

    def preempted(self, victims: int) -> None:
        self._preemptions += 1
        self._victims.observe(victims)

    def text(self, pending: Mapping[str, int], cached: Mapping[str, int]) -> str:
        """`pending`: pods by part of the queue; `cached`: sizes of the cache (`nodes`, `pods`, `assumed_pods`)."""
        lines = ["# TYPE scheduler_schedule_attempts_total counter"]
        for (profile, result), each in self._attempts.items():
            labels = f'profile="{profile}",result="{result}"'
            lines.append(f"scheduler_schedule_attempts_total{{{labels}}} {sum(each.counts)}")
        lines.append("# TYPE scheduler_scheduling_attempt_duration_seconds histogram")
        for (profile, result), each in self._attempts.items():
            labels = f'profile="{profile}",result="{result}"'
            lines += each.lines("scheduler_scheduling_attempt_duration_seconds", labels)
        for name, histogram in (
            ("scheduler_pod_scheduling_attempts", self._pod_attempts),
            ("scheduler_pod_scheduling_sli_duration_seconds", self._sli),
            ("scheduler_preemption_victims", self._victims),
        ):
            lines += [f"# TYPE {name} histogram", *histogram.lines(name)]
        lines += ["# TYPE scheduler_preemption_attempts_total counter"]
        lines += [f"scheduler_preemption_attempts_total {self._preemptions}"]
        lines += ["# TYPE scheduler_pending_pods gauge"]
        lines += [f'scheduler_pending_pods{{queue="{part}"}} {count}' for part, count in pending.items()]
        lines += ["# TYPE scheduler_cache_size gauge"]
        lines += [f'scheduler_cache_size{{type="{kind}"}} {count}' for kind, count in cached.items()]
        return "\n".join(lines) + "\n"
