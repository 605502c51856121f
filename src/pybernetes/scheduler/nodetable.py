"""All nodes as columns: one array per fact, one place in it (a row) per node.

A row outlives its node while pods are counted on it, and a pod may be counted on a node that has not been seen yet;
`alive` tells which rows are nodes. `nodes_version` grows when a node changes in what filters on nodes alone read;
masks may be kept as long as it stands. Only the scheduler's shell writes to the table; decisions read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pybernetes.api.meta import Obj, labels_of, name_of

from .columns import Capacity, Columns, Ints, Mask
from .journal import Journal
from .placements import Placements
from .podfacts import PodFacts
from .requests import amounts

Taint = tuple[str, str, str]
"""(key, value, effect)."""

FIRST_CAPACITY = 16


class LabelColumn:
    """The values of one label over all rows: `codes[row]` is a place in `values`, -1 where the label is missing."""

    __slots__ = ("_code_of", "codes", "values")

    def __init__(self, capacity: int) -> None:
        self.codes: Ints = np.full(capacity, -1, np.int64)
        self.values: list[str] = []
        self._code_of: dict[str, int] = {}

    def set(self, row: int, value: str | None) -> None:
        if value is None:
            self.codes[row] = -1
            return
        code = self._code_of.get(value)
        if code is None:
            code = self._code_of[value] = len(self.values)
            self.values.append(value)
        self.codes[row] = code

    def grow(self, capacity: int) -> None:
        self.codes = np.concatenate((self.codes, np.full(capacity - len(self.codes), -1, np.int64)))


@dataclass(slots=True)
class Image:
    """An image that nodes have. `size`: bytes, as the first of them told (upstream's rule: an image has one size)."""

    size: int
    rows: set[int] = field(default_factory=set)


__all__ = ["Ints", "LabelColumn", "Mask", "NodeTable", "Taint"]


class NodeTable(Columns):
    """`size`: the rows in use, holes included."""

    def __init__(self) -> None:
        self.size = 0
        self._at = slice(0, 0)
        self.journal = Journal()
        self.nodes_version = 0
        self.rows: dict[str, int] = {}
        self.placements = Placements()
        self._names: list[str] = []
        self._names_kept: tuple[str, ...] | None = None
        self._labels: list[Mapping[str, str]] = []
        self._free: list[int] = []
        self._capacity = FIRST_CAPACITY
        self._flags = {name: np.zeros(FIRST_CAPACITY, np.bool_) for name in ("alive", "unschedulable")}
        self._columns = {
            name: np.zeros(FIRST_CAPACITY, np.int64)
            for name in ("pods", "nonzero cpu", "nonzero memory", "taint set", "version")
        }
        self._label_columns: dict[str, LabelColumn] = {}
        self._by_priority: dict[int, dict[str, Ints]] = {}
        self._versions = 0
        self.memo: dict[object, Any] = {}
        """What plugins keep about this table; they check for themselves whether it still holds."""
        self.taint_sets: list[tuple[Taint, ...]] = [()]
        self._taint_set_of: dict[tuple[Taint, ...], int] = {(): 0}
        self.images: dict[str, Image] = {}
        self._images_on: dict[int, tuple[str, ...]] = {}

    # Reading.

    @property
    def alive(self) -> Mask:
        return self._flags["alive"][: self.size]

    @property
    def unschedulable(self) -> Mask:
        return self._flags["unschedulable"][: self.size]

    @property
    def taint_set(self) -> Ints:
        """A place in `taint_sets` for each row."""
        return self._columns["taint set"][: self.size]

    @property
    def row_version(self) -> Ints:
        """A number per row that is new whenever the node or the pods counted on it change."""
        return self._columns["version"][: self.size]

    def requested_below(self, priority: int) -> dict[str, Ints]:
        """What pods of a lower priority hold, per resource and row; "pods" is their number."""
        found: dict[str, Ints] = {}
        for each, columns in self._by_priority.items():
            if each < priority:
                for resource, column in columns.items():
                    so_far = found.get(resource)
                    held = column[: self.size]
                    found[resource] = held.copy() if so_far is None else so_far + held
        return found

    def capacity(self, resource: str) -> Capacity:
        """As of any columns; kept while the nodes stand."""
        key, version = ("capacity", resource), (self.nodes_version, self.size)
        kept: tuple[tuple[int, int], Capacity] | None = self.memo.get(key)
        if kept is None or kept[0] != version:
            found = super().capacity(resource)
            if found.has is not None and found.has[self.alive].all():
                found = found._replace(has=None)
            kept = self.memo[key] = (version, found)
        return kept[1]

    def name(self, row: int) -> str:
        return self._names[row]

    def labels_at(self, row: int) -> Mapping[str, str]:
        return self._labels[row]

    def names(self) -> tuple[str, ...]:
        """The nodes by row; kept while no row changes its node."""
        if self._names_kept is None:
            self._names_kept = tuple(self._names)
        return self._names_kept

    def label(self, key: str) -> LabelColumn:
        """The column of a label, built when it is first asked for and kept up to date since."""
        column = self._label_columns.get(key)
        if column is None:
            column = self._label_columns[key] = LabelColumn(self._capacity)
            for row, labels in enumerate(self._labels):
                column.set(row, labels.get(key))
        return column

    def codes(self, key: str) -> Ints:
        return self.label(key).codes[: self.size]

    # Writing.

    def put_node(self, node: Obj) -> None:
        """Adds a node or takes over what changed in it."""
        name = name_of(node)
        row = self._row(name)
        self._flags["alive"][row] = True
        spec, status = node.get("spec") or {}, node.get("status") or {}
        self._flags["unschedulable"][row] = bool(spec.get("unschedulable"))
        taints = tuple(
            (taint["key"], taint.get("value") or "", taint["effect"]) for taint in spec.get("taints") or ()
        )
        self._columns["taint set"][row] = self._intern_taints(taints)
        self._set_labels(row, labels_of(node))
        allocatable = amounts(status.get("allocatable") or status.get("capacity"))
        for column in [*self._columns]:
            if column.startswith("allocatable "):
                self._columns[column][row] = 0
        for resource, amount in allocatable.items():
            self._written(f"allocatable {resource}")[row] = amount
        self._set_images(row, status.get("images") or ())
        self._node_changed(row)

    def remove_node(self, name: str) -> None:
        row = self.rows.get(name)
        if row is None:
            return
        self._flags["alive"][row] = False
        self._set_labels(row, {})
        self._set_images(row, ())
        self._node_changed(row)
        self._free_if_empty(name, row)

    def place(self, uid: str, node: str, facts: PodFacts) -> None:
        """Counts a pod on a node; one that is counted elsewhere or otherwise is moved."""
        before = self.placements.of(uid)
        if before is not None:
            here, known = before
            if here == self.rows.get(node):
                if known is facts:
                    return
                if known.asks == facts.asks and known.priority == facts.priority:
                    self._rename(uid, here, known, facts)
                    return
            self.unplace(uid)
        row = self._row(node)
        self.placements.add(uid, row, facts)
        self._count(row, facts, 1)

    def unplace(self, uid: str) -> None:
        """Forgets a pod; one that is not counted is no matter."""
        placed = self.placements.of(uid)
        if placed is None:
            return
        row, facts = placed
        self.placements.remove(uid)
        self._count(row, facts, -1)
        if not self._flags["alive"][row]:
            self._free_if_empty(self._names[row], row)

    def node_of(self, uid: str) -> str | None:
        """The node on which a pod is counted."""
        placed = self.placements.of(uid)
        return None if placed is None else self._names[placed[0]]

    def touch(self, uid: str) -> None:
        """Tells that a counted pod changed in what its facts do not hold (it has started)."""
        placed = self.placements.of(uid)
        if placed is not None:
            self.touch_row(placed[0])

    def touch_row(self, row: int) -> None:
        """Tells that what was found out about preemption on a row does not hold any more."""
        self._touch(row)

    def _node_changed(self, row: int) -> None:
        self.nodes_version += 1
        self.journal.add((row, None, 0))
        self._touch(row)

    def _touch(self, row: int) -> None:
        self._versions += 1
        self._columns["version"][row] = self._versions

    def _rename(self, uid: str, row: int, old: PodFacts, new: PodFacts) -> None:
        """A counted pod is of another class now, and asks for the same."""
        self._touch(row)
        self.placements.remove(uid)
        self.placements.add(uid, row, new)
        self.journal.add((row, old, -1))
        self.journal.add((row, new, 1))

    def _count(self, row: int, facts: PodFacts, sign: int) -> None:
        self._touch(row)
        self.journal.add((row, facts, sign))
        columns, priority = self._columns, facts.priority
        columns["pods"][row] += sign
        columns["nonzero cpu"][row] += sign * facts.nonzero_cpu
        columns["nonzero memory"][row] += sign * facts.nonzero_memory
        self._held(priority, "pods")[row] += sign
        for resource, amount in facts.requests.items():
            change = sign * amount
            self._held(priority, resource)[row] += change
            self._written(f"requested {resource}")[row] += change

    def _written(self, name: str) -> Ints:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = np.zeros(self._capacity, np.int64)
        return column

    def _held(self, priority: int, resource: str) -> Ints:
        columns = self._by_priority.get(priority)
        if columns is None:
            columns = self._by_priority[priority] = {}
        column = columns.get(resource)
        if column is None or len(column) < self._capacity:
            grown: Ints = np.zeros(self._capacity, np.int64)
            if column is not None:
                grown[: len(column)] = column
            column = columns[resource] = grown
        return column

    def _row(self, name: str) -> int:
        """The row of a node, a fresh one where it has none."""
        row = self.rows.get(name)
        if row is not None:
            return row
        if self._free:
            row = self._free.pop()
            self._names[row] = name
        else:
            row = self.size
            if row == self._capacity:
                self._grow()
            self.size += 1
            self._at = slice(0, self.size)
            self._names.append(name)
            self._labels.append({})
        self.rows[name] = row
        self._names_kept = None
        return row

    def _free_if_empty(self, name: str, row: int) -> None:
        if self._columns["pods"][row] == 0:
            del self.rows[name]
            self._free.append(row)

    def _grow(self) -> None:
        more = self._capacity
        self._capacity *= 2
        self._flags = {
            name: np.concatenate((flag, np.zeros(more, np.bool_))) for name, flag in self._flags.items()
        }
        self._columns = {
            name: np.concatenate((column, np.zeros(more, np.int64))) for name, column in self._columns.items()
        }
        for column in self._label_columns.values():
            column.grow(self._capacity)
        for columns in self._by_priority.values():
            for name, held in columns.items():
                columns[name] = np.concatenate((held, np.zeros(self._capacity - len(held), np.int64)))

    def _intern_taints(self, taints: tuple[Taint, ...]) -> int:
        place = self._taint_set_of.get(taints)
        if place is None:
            place = self._taint_set_of[taints] = len(self.taint_sets)
            self.taint_sets.append(taints)
        return place

    def _set_labels(self, row: int, labels: Mapping[str, str]) -> None:
        self._labels[row] = labels
        for key, column in self._label_columns.items():
            column.set(row, labels.get(key))

    def _set_images(self, row: int, images: Any) -> None:
        for name in self._images_on.pop(row, ()):
            known = self.images[name]
            known.rows.discard(row)
            if not known.rows:
                del self.images[name]
        names: dict[str, None] = {}
        for each in images:
            for name in each.get("names") or ():
                names[name] = None
                image = self.images.get(name)
                if image is None:
                    image = self.images[name] = Image(int(each.get("sizeBytes") or 0))
                image.rows.add(row)
        if names:
            self._images_on[row] = tuple(names)
