"""Pods that wait for room that was made for them on a node: others of no higher priority must leave it to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .columns import Columns, Ints, Rows

if TYPE_CHECKING:
    from .framework import World
    from .nodetable import NodeTable
    from .podfacts import PodFacts

Nomination = tuple[str, "PodFacts"]
"""(node, the pod's facts)."""
MOST = 1024
"""Changes that wait to be counted."""


class Nominations:
    def __init__(self) -> None:
        self._pods: dict[str, Nomination] = {}
        self._on: dict[str, dict[str, PodFacts]] = {}
        self._apart = 0
        self._changes: list[tuple[Nomination, int]] = []
        self._version = (-1, -1)
        self._promised: dict[int, dict[str, Ints]] = {}

    def add(self, uid: str, node: str, facts: PodFacts) -> None:
        self.remove(uid)
        self._pods[uid] = (node, facts)
        self._on.setdefault(node, {})[uid] = facts
        self._apart += bool(facts.anti_affinity)
        self._note((node, facts), 1)

    def remove(self, uid: str) -> None:
        nomination = self._pods.pop(uid, None)
        if nomination is not None:
            node, facts = nomination
            del self._on[node][uid]
            if not self._on[node]:
                del self._on[node]
            self._apart -= bool(facts.anti_affinity)
            self._note(nomination, -1)

    def _note(self, nomination: Nomination, sign: int) -> None:
        self._changes.append((nomination, sign))
        if len(self._changes) > MOST:
            # Nobody has asked for the sums for long: they are made anew when somebody does.
            self._changes.clear()
            self._version = (-1, -1)

    def of(self, uid: str) -> str:
        """The node a pod is nominated for; "" for none."""
        return self._pods[uid][0] if uid in self._pods else ""

    def below(self, priority: int, node: str) -> list[str]:
        """The uids of the pods nominated for a node with a lower priority."""
        return [uid for uid, facts in self._on.get(node, {}).items() if facts.priority < priority]

    def before(self, pod: PodFacts, world: World) -> Iterator[tuple[int, str, PodFacts]]:
        """(row, uid, facts) of the nominated pods that go before this one: of its priority or a higher one."""
        own = _own(world)
        for uid, (node, facts) in self._pods.items():
            if facts.priority >= pod.priority and uid != own:
                row = world.table.rows.get(node)
                if row is not None:
                    yield row, uid, facts

    @property
    def any_apart(self) -> bool:
        """Whether a nominated pod must be apart from others."""
        return self._apart > 0

    def own_row(self, world: World) -> int | None:
        """The row for which the pod of this decision is nominated."""
        return world.table.rows.get(self.of(_own(world)))

    def promised(self, pod: PodFacts, world: World) -> Mapping[str, Ints]:
        """By resource and row, what the pods of `before` will take; "pods" is their number. To be read only."""
        self._catch_up(world.table)
        found: dict[str, Ints] = {}
        for priority, columns in self._promised.items():
            if priority >= pod.priority:
                for name, column in columns.items():
                    found[name] = found[name] + column if name in found else column
        node, facts = self._pods.get(_own(world), ("", pod))
        row = world.table.rows.get(node)
        if row is not None and facts.priority >= pod.priority:
            for name, amount in (("pods", 1), *facts.requests.items()):
                found[name] = found[name].copy()
                found[name][row] -= amount
        return found

    def _catch_up(self, table: NodeTable) -> None:
        version = (table.nodes_version, table.size)
        if version != self._version:
            self._version = version
            self._promised.clear()
            changes = [(nomination, 1) for nomination in self._pods.values()]
        else:
            changes = self._changes
        for (node, facts), sign in changes:
            row = table.rows.get(node)
            if row is not None:
                columns = self._promised.setdefault(facts.priority, {})
                for name, amount in (("pods", 1), *facts.requests.items()):
                    if name not in columns:
                        columns[name] = np.zeros(table.size, np.int64)
                    columns[name][row] += sign * amount
                table.touch_row(row)
        self._changes = []

    def __len__(self) -> int:
        return len(self._pods)


class WithPromised(Columns):
    """The table's numbers with what is promised counted as taken, of all rows or of some."""

    def __init__(self, table: NodeTable, promised: Mapping[str, Ints], rows: Rows | None = None) -> None:
        self._table, self._rows = table, rows
        self._promised = {("pods" if n == "pods" else f"requested {n}"): each for n, each in promised.items()}
        self.size = table.size if rows is None else len(rows)

    def column(self, name: str) -> Ints:
        promised, column = self._promised.get(name), self._table.column(name)
        if self._rows is not None:
            column = column[self._rows]
            promised = promised if promised is None else promised[self._rows]
        return column if promised is None else column + promised


def _own(world: World) -> str:
    return str((world.pod or {}).get("metadata", {}).get("uid", ""))
