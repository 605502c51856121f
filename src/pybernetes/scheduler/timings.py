"""How long a profile's extension points and plugins take: counted at every point, measured per plugin in one attempt of
ten (as upstream, whose chance this is: a hot path is not to be slowed down by looking at it)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import perf_counter

from .histogram import Histogram, doubling

POINTS = doubling(0.0001, 12)
PLUGINS = doubling(0.00001, 20, 1.5)
EVERY = 10
"""One attempt of so many is sampled."""

EVALUATED = {"PreFilter": "pre_filter", "Filter": "filter", "PreScore": "pre_score", "Score": "score"}
"""The points at which it is counted how often each plugin is asked, and what a profile calls them."""

now = perf_counter


class Timings:
    __slots__ = ("_attempts", "asked", "hinted", "plugins", "points", "sampled")

    def __init__(self) -> None:
        self._attempts = 0
        self.sampled = False
        """Whether the plugins of this attempt are measured one by one."""
        self.points: dict[tuple[str, str], Histogram] = {}
        """By (extension point, status)."""
        self.plugins: dict[tuple[str, str, str], Histogram] = {}
        """By (plugin, extension point, status)."""
        self.hinted = 0
        """Pods that were decided on by what was found for one just like them."""
        self.asked: Counter[tuple[str, int]] = Counter()
        """How often the first so many plugins of a point were asked."""

    def begin(self) -> None:
        """Another attempt to place a pod begins."""
        self._attempts += 1
        self.sampled = self._attempts % EVERY == 0

    def point(self, point: str, seconds: float, status: str = "Success") -> None:
        """All plugins of a point have been asked."""
        found = self.points.get((point, status))
        if found is None:
            found = self.points[point, status] = Histogram(POINTS)
        found.observe(seconds)

    def measured(self, point: str) -> Measured:
        """As a context: all plugins of a point are asked within."""
        return Measured(self, point)

    def plugin(self, name: str, point: str, seconds: float, status: str = "Success") -> None:
        """One plugin has been asked in a sampled attempt."""
        found = self.plugins.get((name, point, status))
        if found is None:
            found = self.plugins[name, point, status] = Histogram(PLUGINS)
        found.observe(seconds)

    @property
    def unhinted(self) -> int:
        """Pods for which all nodes were looked at."""
        return self._attempts - self.hinted

    def evaluations(self, names: Callable[[str], tuple[str, ...]]) -> Counter[tuple[str, str]]:
        """How often each plugin was asked, by (plugin, point); `names` gives a profile's plugins of a point."""
        found: Counter[tuple[str, str]] = Counter()
        for (point, many), times in self.asked.items():
            for name in names(EVALUATED[point])[:many]:
                found[name, point] += times
        return found


class Measured:
    __slots__ = ("_began", "_point", "_timings")

    def __init__(self, timings: Timings, point: str) -> None:
        self._timings, self._point, self._began = timings, point, 0.0

    def __enter__(self) -> None:
        self._began = now()

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        self._timings.point(self._point, now() - self._began, "Success" if kind is None else "Error")
