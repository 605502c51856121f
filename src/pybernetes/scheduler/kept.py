"""What was worked out about the node table for a pod's facts, kept and brought up to date instead of done again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .columns import Columns, Part
from .nodetable import NodeTable
from .podfacts import PodFacts

FEW = 8
"""Up to so many changed rows are looked at one by one."""
KNOWN = 1024

T = TypeVar("T")
Array = npt.NDArray[Any]

CELLS, LEAST, MOST = 2_000_000, 64, 1024
"""Facts times nodes that are kept for each rule, and the bounds of the facts."""


def shelf(table: NodeTable, rule: Hashable) -> OrderedDict[Hashable, Any]:
    """What a rule keeps by what it is about; the longest unused goes where it is full."""
    kept: OrderedDict[Hashable, Any] | None = table.memo.get(rule)
    if kept is None:
        kept = table.memo[rule] = OrderedDict()
    return kept


def put(table: NodeTable, kept: OrderedDict[Hashable, Any], about: Hashable, what: T) -> T:
    kept[about] = what
    kept.move_to_end(about)
    if len(kept) > LEAST:
        most = max(LEAST, min(MOST, CELLS // max(table.size, 1)))
        while len(kept) > most:
            kept.popitem(last=False)
    return what


def text_of(table: NodeTable, rule: Hashable, pod: PodFacts, make: Callable[[], object]) -> str:
    """What `make` gives for these facts as text, written once: pods for which it is the same share what a rule keeps."""
    kept = shelf(table, (rule, "text"))
    text: str | None = kept.get(pod)
    return put(table, kept, pod, repr(make())) if text is None else text


@dataclass(slots=True)
class _Rows:
    """`reads`: the columns on which a row's result depends; `known`: the results by their numbers."""

    array: Array
    position: int
    size: int
    reads: tuple[str, ...] = ()
    known: dict[tuple[int, ...], Array] = field(default_factory=dict)


def by_row(table: NodeTable, rule: Hashable, about: Hashable, work_out: Callable[[Columns], Array]) -> Array:
    """What `work_out` gives for the whole table, the rows along the last axis; where it must read of each row nothing
    but that row, only rows that changed since are done again. The array (a new one of `work_out`) is kept: the caller
    does not keep it."""
    kept = shelf(table, rule)
    known: _Rows | None = kept.get(about)
    if known is not None and known.size == table.size:
        if known.position == table.journal.end:
            return known.array
        rows = table.journal.rows_since(known.position)
        if rows is not None and len(rows) * 4 < table.size:
            if len(rows) <= FEW:
                for row in rows.tolist():
                    _one(table, known, row, work_out)
            else:
                known.array[..., rows] = work_out(Part(table, rows))
            known.position = table.journal.end
            kept.move_to_end(about)
            return known.array
    array = work_out(table)
    put(table, kept, about, _Rows(array, table.journal.end, table.size))
    return array


def _one(table: NodeTable, kept: _Rows, row: int, work_out: Callable[[Columns], Array]) -> None:
    """Brings one row up to date. Nodes of a kind pass through the same numbers: each is worked out once."""
    if kept.reads:
        numbers = table.numbers(kept.reads, row)
        result = kept.known.get(numbers)
        if result is None:
            result = work_out(Part(table, np.array((row,))))[..., 0]
            if len(kept.known) >= KNOWN:
                kept.known.clear()
            kept.known[numbers] = result
    else:
        part = Part(table, np.array((row,)))
        result = work_out(part)[..., 0]
        kept.reads = tuple(part.read)
    kept.array[..., row] = result


def by_nodes(table: NodeTable, rule: Hashable, pod: PodFacts, work_out: Callable[[], T]) -> T:
    """What `work_out` gives from node objects alone, done again when one of them changes. It is kept and shared."""
    kept = shelf(table, rule)
    version = (table.nodes_version, table.size)
    known: tuple[tuple[int, int], T] | None = kept.get(pod)
    if known is not None and known[0] == version:
        return known[1]
    return put(table, kept, pod, (version, work_out()))[1]
