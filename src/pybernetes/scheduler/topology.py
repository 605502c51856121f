"""Counting pods by node and by domain (the nodes that share a value of a label)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from pybernetes.lang.labelselector import Selector

from .nodetable import Ints, NodeTable
from .placements import RowCounts
from .podfacts import PodFacts


def count_pods(
    table: NodeTable,
    selector: Selector,
    namespaces: Iterable[str] | None,
    also: Callable[[PodFacts], bool] = lambda _facts: True,
) -> Ints:
    """For each row, the placed pods that match, in some namespaces or (None) in all."""
    counts = np.zeros(table.size, np.int64)
    for facts, rows in table.placements.selected(selector, namespaces):
        if also(facts):
            add_rows(counts, rows)
    return counts


def add_rows(counts: Ints, rows: RowCounts, weight: int = 1) -> None:
    for row, count in rows.items():
        counts[row] += weight * count


def per_domain(table: NodeTable, key: str, counts: Ints) -> Ints:
    """For each row, the sum of `counts` over its domain; 0 for rows without the label."""
    places = table.codes(key) + 1
    sums = np.bincount(places, weights=counts, minlength=1).astype(np.int64)
    sums[0] = 0
    domain: Ints = sums[places]
    return domain


def count_domains(codes: Ints) -> int:
    """How many different domains these codes name; rows without the label make one more."""
    return int(np.count_nonzero(np.bincount(codes + 1))) if len(codes) else 0
