"""Counting values into buckets, in the text format of Prometheus."""

from __future__ import annotations

from bisect import bisect_left


def doubling(first: float, count: int, factor: float = 2) -> tuple[float, ...]:
    """Upstream's `ExponentialBuckets`."""
    return tuple(first * factor**number for number in range(count))


class Histogram:
    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)

    def lines(self, name: str, labels: str = "") -> list[str]:
        comma = f"{labels}," if labels else ""
        found, so_far = [], 0
        for bound, count in zip((*self.bounds, None), self.counts, strict=True):
            so_far += count
            edge = "+Inf" if bound is None else f"{bound:g}"
            found.append(f'{name}_bucket{{{comma}le="{edge}"}} {so_far}')
        braces = f"{{{labels}}}" if labels else ""
        return [*found, f"{name}_sum{braces} {self.total:g}", f"{name}_count{braces} {so_far}"]
