"""The numbers of the node table by row, of all rows or of some of them: what rules about single nodes read."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.intp]


EXACT = 2**52 // 100
"""Up to so much, a share in percent that is worked out in floating point and cut is that of whole numbers."""


class Capacity(NamedTuple):
    """`divisor`: at least 1; `has`: which rows have the resource at all (None: every node); `exact`: whether none has more
    than EXACT."""

    divisor: Floats
    has: Mask | None
    exact: bool


class Columns:
    """`size`: the length of every array that is handed out. Arrays of all rows are the table's own: to be read, and not
    kept."""

    _columns: dict[str, Ints]
    _at: slice | Rows
    size: int

    @property
    def pod_count(self) -> Ints:
        return self.column("pods")

    @property
    def nonzero_cpu(self) -> Ints:
        return self.column("nonzero cpu")

    @property
    def nonzero_memory(self) -> Ints:
        return self.column("nonzero memory")

    def allocatable(self, resource: str) -> Ints:
        return self.column(f"allocatable {resource}")

    def requested(self, resource: str) -> Ints:
        return self.column(f"requested {resource}")

    def capacity(self, resource: str) -> Capacity:
        """What is allocatable of a resource, to divide by."""
        allocatable = self.allocatable(resource)
        has = allocatable > 0
        divisor = np.maximum(allocatable, 1)
        exact = int(divisor.max(initial=1)) <= EXACT
        return Capacity(divisor.astype(np.float64), None if has.all() else has, exact)

    def column(self, name: str) -> Ints:
        """Zeros where no node has such numbers."""
        column = self._columns.get(name)
        return np.zeros(self.size, np.int64) if column is None else column[self._at]

    def numbers(self, names: tuple[str, ...], row: int) -> tuple[int, ...]:
        """The numbers of one row of the whole table."""
        columns = self._columns
        return tuple([columns[name].item(row) if name in columns else 0 for name in names])


class Part(Columns):
    """Some rows of a table, in the given order, as long as it is not written to. `read`: the columns that were asked
    for."""

    def __init__(self, table: Columns, rows: Rows) -> None:
        self._columns = table._columns
        self._at = rows
        self.size = len(rows)
        self.read: dict[str, None] = {}

    def column(self, name: str) -> Ints:
        self.read[name] = None
        return super().column(name)
