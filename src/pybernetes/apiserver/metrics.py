"""What the API server counts, and `/metrics` in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

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

Series = tuple[str, str, str, str, str, str]
"""(verb, group, version, resource, subresource, scope)."""


class Metrics:
    """Counters of one API server."""

    def __init__(self) -> None:
        self._requests: dict[tuple[Series, int], int] = {}
        self._durations: dict[Series, list[float]] = {}

    def observe(self, info: RequestInfo, code: int, seconds: float) -> None:
        """One request that was answered."""
        if not info.is_resource:
            return
        scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
        series = (info.verb.upper(), info.group, info.version, info.resource, info.subresource, scope)
        key = (series, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        if info.verb == "watch":
            return
        row = self._durations.get(series)
        if row is None:
            row = self._durations[series] = [0.0] * (len(BUCKETS) + 2)
        row[bisect_left(BUCKETS, seconds)] += 1
        row[-1] += seconds

    def lines(self, services: Services) -> Iterator[str]:
        """The whole page, line by line."""
        yield from _heading("apiserver_request_total", "counter", "Requests by verb, resource and code.")
        for (series, code), count in self._requests.items():
            yield f'apiserver_request_total{{{_labels(series)},code="{code}"}} {count}'
        yield from self._duration_lines()
        yield from _heading("apiserver_current_inflight_requests", "gauge", "Requests being served.")
        yield f'apiserver_current_inflight_requests{{request_kind="readOnly"}} {services.in_flight}'
        yield f'apiserver_current_inflight_requests{{request_kind="mutating"}} {services.mutating_in_flight}'
        caches = [(cache.kind.group_resource, cache) for cache in services.cacher.caches]
        yield from _heading("apiserver_longrunning_requests", "gauge", "Open watches.")
        for resource, cache in caches:
            yield f'apiserver_longrunning_requests{{verb="WATCH",resource="{resource}"}} {len(cache.watchers)}'
        yield from _heading("apiserver_storage_objects", "gauge", "Objects in the store.")
        for resource, cache in caches:
            yield f'apiserver_storage_objects{{resource="{resource}"}} {cache.count()}'
        yield from _heading(
            "apiserver_watch_cache_revision", "gauge", "The store's revision in the watch cache."
        )
        yield f"apiserver_watch_cache_revision {services.cacher.revision}"

    def _duration_lines(self) -> Iterator[str]:
        name = "apiserver_request_duration_seconds"
        yield from _heading(name, "histogram", "Time from request to answer.")
        for series, row in self._durations.items():
            labels, total = _labels(series), 0.0
            for bound, count in zip(BUCKETS, row, strict=False):
                total += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total:.0f}'
            total += row[-2]
            yield f'{name}_bucket{{{labels},le="+Inf"}} {total:.0f}'
            yield f"{name}_sum{{{labels}}} {row[-1]:.9g}"
            yield f"{name}_count{{{labels}}} {total:.0f}"


def _heading(name: str, type_: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {type_}"


def _labels(series: Series) -> str:
    verb, group, version, resource, subresource, scope = series
    return (
        f'verb="{verb}",group="{group}",version="{version}",resource="{resource}",'
        f'subresource="{subresource}",scope="{scope}"'
    )
