"""A Prometheus histogram: counts by bucket for each set of labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Histogram:
    """`labels` are the names; every observation gives their values in that order."""

    def __init__(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._labels = tuple(labels)
        self._buckets = tuple(buckets)
        self._rows: dict[tuple[str, ...], list[float]] = {}

    def row(self, values: tuple[str, ...]) -> list[float]:
        """The counts by bucket and the sum, for who adds to them by itself."""
        row = self._rows.get(values)
        if row is None:
            row = self._rows[values] = [0.0] * (len(self._buckets) + 2)
        return row

    def observe(self, values: tuple[str, ...], seconds: float) -> None:
        """One observation."""
        row = self.row(values)
        row[bisect_left(self._buckets, seconds)] += 1
        row[-1] += seconds

    def lines(self) -> Iterator[str]:
        """The exposition, heading included."""
        name = self._name
        yield from heading(name, "histogram", self._text)
        for values, row in self._rows.items():
            if not any(row):
                continue
            labels, total = label_text(self._labels, values), 0.0
            for bound, count in zip(self._buckets, row, strict=False):
                total += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total:.0f}'
            total += row[-2]
            yield f'{name}_bucket{{{labels},le="+Inf"}} {total:.0f}'
            yield f"{name}_sum{{{labels}}} {row[-1]:.9g}"
            yield f"{name}_count{{{labels}}} {total:.0f}"


def heading(name: str, type_: str, text: str) -> tuple[str, str]:
    """The two lines before the samples of a metric."""
    return f"# HELP {name} {text}", f"# TYPE {name} {type_}"


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """`verb="GET",resource="pods"`."""
    return ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))
