"""Counting placed pods by domain (the nodes that share a value of a label), kept up to date placement by placement.

A tally weighs each class of pods once (how much one such pod counts, by topology key) and adds the weights up per value
of the label. Later placements are taken from the table's journal. It starts anew only where nodes changed or, for rules
that select namespaces by label, where a namespace did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from .columns import Ints, Mask
from .framework import World
from .journal import Entry
from .namespaces import version_of
from .nodetable import NodeTable
from .placements import RowCounts
from .podfacts import PodFacts

EACH_NODE = ""
"""Stands for a topology key of which every node is a domain of its own."""

Weights = Mapping[str, int]
Classes = Iterable[tuple[PodFacts, RowCounts]]

WEIGHED_MOST = 8192


class Tally:
    def __init__(
        self,
        weigh: Callable[[PodFacts, World], Weights],
        candidates: Callable[[World], Classes],
        *,
        eligible: Mask | None = None,
        selects_namespaces: bool = True,
    ) -> None:
        """`weigh`: what one pod of a class counts, by topology key; `candidates`: the classes now placed that may weigh
        anything, each once; `eligible`: the rows that count (all); `selects_namespaces`: whether `weigh` reads
        namespaces' labels."""
        self._weigh = weigh
        self._candidates = candidates
        self._eligible = eligible
        self._selects_namespaces = selects_namespaces
        self._version: tuple[int, int, int] = (-1, -1, -1)
        self._position = 0
        self._weights: dict[PodFacts | None, Weights] = {}
        self._places: dict[str, Ints] = {}
        self.sums: dict[str, Ints] = {}
        """By topology key: per domain the weights of its pods, at its place; place 0 stands for rows without the label
        and holds 0."""

    def update(self, world: World) -> None:
        """Catches up with the table."""
        table = world.table
        namespaces = version_of(world.namespace_labels) if self._selects_namespaces else 0
        version = (table.nodes_version, table.size, namespaces)
        if version != self._version:
            self._start(world)
            self._version = version
        elif self._position != table.journal.end:
            entries = table.journal.since(self._position)
            if entries is None:
                self._start(world)
            else:
                self._catch_up(world, entries)
        self._position = table.journal.end

    def places(self, table: NodeTable, key: str) -> Ints:
        """For each row the place of its domain in `sums[key]`."""
        places = self._places.get(key)
        if places is None:
            places = self._places[key] = places_of(table, key)
        return places

    def of_rows(self, table: NodeTable, key: str) -> Ints:
        """For each row, the sum of its domain."""
        return self.sums[key].take(self.places(table, key))

    def above_zero(self, table: NodeTable, key: str) -> Mask:
        """The rows in whose domain the sum is above 0."""
        found: Mask = (self.sums[key] > 0).take(self.places(table, key))
        return found

    def _start(self, world: World) -> None:
        self.sums.clear()
        self._places.clear()
        self._weights.clear()
        for facts, rows in self._candidates(world):
            weights = self._of(facts, world)
            if not weights or not rows:
                continue
            where = np.fromiter(rows.keys(), np.intp, len(rows))
            counts = np.fromiter(rows.values(), np.int64, len(rows))
            if self._eligible is not None:
                counts = np.where(self._eligible[where], counts, 0)
            for key, weight in weights.items():
                sums = self._sums(world.table, key)
                np.add.at(sums, self.places(world.table, key)[where], weight * counts)
                sums[0] = 0

    def _catch_up(self, world: World, entries: Sequence[Entry]) -> None:
        changes: dict[str, tuple[list[int], list[int]]] = {}
        known = self._weights
        for row, facts, sign in entries:
            weights = known.get(facts)
            if weights is None:
                if facts is None:
                    continue
                weights = self._of(facts, world)
            if not weights:
                continue
            for key, weight in weights.items():
                change = changes.get(key)
                if change is None:
                    change = changes[key] = ([], [])
                change[0].append(row)
                change[1].append(sign * weight)
        for key, (rows, amounts) in changes.items():
            self._add(world.table, key, rows, amounts)

    def _add(self, table: NodeTable, key: str, rows: list[int], amounts: list[int]) -> None:
        sums, places = self._sums(table, key), self.places(table, key)
        if len(rows) == 1:
            if self._eligible is None or self._eligible[rows[0]]:
                sums[places[rows[0]]] += amounts[0]
        else:
            added = np.array(amounts, np.int64)
            if self._eligible is not None:
                added *= self._eligible[rows]
            np.add.at(sums, places[rows], added)
        sums[0] = 0

    def _of(self, facts: PodFacts, world: World) -> Weights:
        if len(self._weights) > WEIGHED_MOST:
            self._weights.clear()
        weights = self._weights[facts] = self._weigh(facts, world)
        return weights

    def _sums(self, table: NodeTable, key: str) -> Ints:
        sums = self.sums.get(key)
        if sums is None:
            size = table.size if key == EACH_NODE else len(table.label(key).values)
            sums = self.sums[key] = np.zeros(size + 1, np.int64)
        return sums


def places_of(table: NodeTable, key: str) -> Ints:
    """The places of a key's domains: 1 + the code of the label's value, 0 where it is missing."""
    return np.arange(1, table.size + 1) if key == EACH_NODE else table.codes(key) + 1
