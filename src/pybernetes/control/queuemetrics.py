"""What Prometheus is told about work queues, under upstream's names (`workqueue_*`), for as many queues as there are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

from pybernetes.aio.workqueue import WorkQueue

BOUNDS = tuple(10.0**power for power in range(-8, 2))
"""Seconds: upstream's buckets, 10 ns growing tenfold."""


class Durations:
    """A histogram without labels of its own."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def lines(self, name: str, labels: str) -> Iterator[str]:
        total = 0
        for bound, count in zip((*BOUNDS, None), self._counts, strict=True):
            total += count
            edge = "+Inf" if bound is None else f"{bound:g}"
            yield f'{name}_bucket{{{labels},le="{edge}"}} {total}'
        yield f"{name}_sum{{{labels}}} {self._sum:g}"
        yield f"{name}_count{{{labels}}} {total}"


class QueueGauge:
    """Implements `aio.workqueue.Observer`: what one queue has done, measured on the loop's clock."""

    def __init__(self, queue: WorkQueue[str], now: Callable[[], float]) -> None:
        self._queue = queue
        self._now = now
        self._since: dict[str, float] = {}
        self._begun: dict[str, float] = {}
        self.adds = 0
        self.retries = 0
        self.waited = Durations()
        self.worked = Durations()
        queue.observer = self

    def added(self, key: str) -> None:
        self.adds += 1
        self._since.setdefault(key, self._now())

    def taken(self, key: str) -> None:
        now = self._now()
        self.waited.observe(now - self._since.pop(key, now))
        self._begun[key] = now

    def ended(self, key: str) -> None:
        now = self._now()
        self.worked.observe(now - self._begun.pop(key, now))

    def retried(self) -> None:
        self.retries += 1

    @property
    def depth(self) -> int:
        return len(self._queue)

    @property
    def unfinished(self) -> tuple[float, float]:
        """Seconds of work that has not ended: of all keys together, and of the longest."""
        now = self._now()
        spans = [now - at for at in self._begun.values()]
        return sum(spans), max(spans, default=0.0)


_HEADINGS: tuple[tuple[str, str, str, Callable[[QueueGauge], float]], ...] = (
    ("workqueue_adds_total", "counter", "Total number of adds handled by workqueue", lambda g: g.adds),
    ("workqueue_depth", "gauge", "Current depth of workqueue", lambda g: g.depth),
    (
        "workqueue_longest_running_processor_seconds",
        "gauge",
        "How many seconds has the longest running processor for workqueue been running.",
        lambda g: g.unfinished[1],
    ),
    (
        "workqueue_retries_total",
        "counter",
        "Total number of retries handled by workqueue",
        lambda g: g.retries,
    ),
    (
        "workqueue_unfinished_work_seconds",
        "gauge",
        "How many seconds of work has done that is in progress and hasn't been observed by work_duration.",
        lambda g: g.unfinished[0],
    ),
)


def queue_lines(gauges: Mapping[str, QueueGauge]) -> Iterator[str]:
    """The exposition of all queues, by name."""
    for metric, kind, text, value in _HEADINGS:
        yield f"# HELP {metric} {text}"
        yield f"# TYPE {metric} {kind}"
        for name, gauge in gauges.items():
            yield f'{metric}{{name="{name}"}} {value(gauge):g}'
    texts = (
        (
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested.",
        ),
        ("workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes."),
    )
    for metric, text in texts:
        yield f"# HELP {metric} {text}"
        yield f"# TYPE {metric} histogram"
        for name, gauge in gauges.items():
            durations = gauge.waited if metric.startswith("workqueue_queue") else gauge.worked
            yield from durations.lines(metric, f'name="{name}"')
