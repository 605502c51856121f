"""What the API server counts, and `/metrics` in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .config import GIT_VERSION
from .flowcontrol.metrics import lines as flow_lines
from .histogram import Histogram, heading, label_text
from .processmetrics import process_lines
from .requestinfo import RequestInfo

if TYPE_CHECKING:
    from .services import Services

BUCKETS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    15,
    20,
    30,
    45,
    60,
)
"""Upper bounds in seconds: upstream's."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ADMISSION_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
STORE_BUCKETS = tuple(bound for bound in BUCKETS if bound != 0.01)
CONVERSION_BUCKETS = tuple(0.001 * 2**step for step in range(15))
WEBHOOK_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60)
REQUEST_LABELS = ("verb", "group", "version", "resource", "subresource", "scope")

Series = tuple[str, str, str, str, str, str]
"""The values of REQUEST_LABELS."""


class Answers:
    """Requests of one sort that got one code."""

    __slots__ = ("code", "count", "durations", "series")

    def __init__(self, series: Series, code: int, durations: list[float]) -> None:
        self.series = series
        self.code = code
        self.count = 0
        self.durations = durations
        """Their row of the histogram, which they share with other codes."""


class Metrics:
    """Counters of one API server."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str, str, str, str, int], Answers] = {}
        """By verb, group, version, resource, subresource, scope and code."""
        self._durations = Histogram(
            "apiserver_request_duration_seconds", "Time from request to answer.", REQUEST_LABELS, BUCKETS
        )
        self.admission = Histogram(
            "apiserver_admission_step_admission_duration_seconds",
            "Time of all plugins of a step (admit: those that change, validate: those that refuse).",
            ("operation", "rejected", "type"),
            ADMISSION_BUCKETS,
        )
        self.store = Histogram(
            "etcd_request_duration_seconds",
            "Time of a request to the store, whichever it is.",
            ("operation", "group", "resource"),
            STORE_BUCKETS,
        )

        self.conversion = Histogram(
            "apiserver_crd_conversion_webhook_duration_seconds",
            "CRD webhook conversion duration in seconds",
            ("crd_name", "from_version", "to_version", "succeeded"),
            CONVERSION_BUCKETS,
        )
        self.conversion_call = Histogram(
            "apiserver_conversion_webhook_duration_seconds",
            "Conversion webhook request latency in seconds.",
            ("failure_type", "result"),
            WEBHOOK_BUCKETS,
        )

    def observe(self, info: RequestInfo, code: int, seconds: float) -> None:
        """One request that was answered, for a resource that is served."""
        scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
        key = (info.verb, info.group, info.version, info.resource, info.subresource, scope, code)
        answers = self._answers.get(key)
        if answers is None:
            series = (info.verb.upper(), *key[1:6])
            answers = self._answers[key] = Answers(series, code, self._durations.row(series))
        answers.count += 1
        if info.verb != "watch":
            row = answers.durations
            row[bisect_left(BUCKETS, seconds)] += 1
            row[-1] += seconds

    def lines(self, services: Services) -> Iterator[str]:
        """The whole page, line by line."""
        yield from heading("kubernetes_build_info", "gauge", "The version of the API.")
        major, minor = GIT_VERSION.lstrip("v").split(".")[:2]
        labels = label_text(("major", "minor", "git_version"), (major, minor, GIT_VERSION))
        yield f"kubernetes_build_info{{{labels}}} 1"
        yield from heading("apiserver_request_total", "counter", "Requests by verb, resource and code.")
        for answers in self._answers.values():
            labels = label_text(REQUEST_LABELS, answers.series)
            yield f'apiserver_request_total{{{labels},code="{answers.code}"}} {answers.count}'
        for histogram in (self._durations, self.admission, self.store, self.conversion, self.conversion_call):
            yield from histogram.lines()
        yield from heading("apiserver_current_inflight_requests", "gauge", "Requests being served.")
        yield f'apiserver_current_inflight_requests{{request_kind="readOnly"}} {services.in_flight}'
        yield f'apiserver_current_inflight_requests{{request_kind="mutating"}} {services.mutating_in_flight}'
        yield from flow_lines(services.flows)
        yield from services.aggregator.metric_lines()
        yield from _cache_lines(services)
        yield from process_lines()


def _cache_lines(services: Services) -> Iterator[str]:
    caches = list(services.cacher.caches)
    yield from heading("apiserver_longrunning_requests", "gauge", "Open watches.")
    for cache in caches:
        labels = f'verb="WATCH",resource="{cache.kind.group_resource}"'
        yield f"apiserver_longrunning_requests{{{labels}}} {len(cache.watchers)}"
    yield from heading("apiserver_watch_events_total", "counter", "Events that watches were sent.")
    for cache in caches:
        kind = cache.kind
        labels = f'group="{kind.group}",version="{kind.version}",resource="{kind.plural}"'
        yield f"apiserver_watch_events_total{{{labels}}} {cache.watchers.delivered}"
    yield from heading("apiserver_storage_objects", "gauge", "Objects in the store.")
    for cache in caches:
        yield f'apiserver_storage_objects{{resource="{cache.kind.group_resource}"}} {cache.count()}'
    yield from heading("apiserver_watch_cache_revision", "gauge", "The store's revision in the watch cache.")
    yield f"apiserver_watch_cache_revision {services.cacher.revision}"
