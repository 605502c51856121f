"""Which nodes can serve a pod's unallocated claims: one search per node, remembered until its pools change.

Claims that ask for the same (those made from one template) share what is remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson

from pybernetes.api.meta import Obj

from ..nodetable import Ints, Mask, NodeTable
from . import asked as reading
from .asked import Asked
from .devices import FailedOnNode
from .result import preference
from .search import Reach, allocate
from .view import DeviceView

KEPT = 256
REFUSED = "cannot allocate all claims"


@dataclass(slots=True, eq=False)
class Verdicts:
    """By row: how good the alternatives are that the node can serve, -1 where it cannot serve the claims; `failed`: rows
    for which there is another reason than that devices are lacking."""

    preference: Ints
    failed: dict[int, str] = field(default_factory=dict)
    epoch: int = -1
    nodes: tuple[int, int] = (-1, -1)
    position: int = 0

    @property
    def refused(self) -> Mask:
        mask: Mask = self.preference < 0
        mask[list(self.failed)] = False
        return mask


class Remembered:
    """What is kept in a node table's memo."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Verdicts] = OrderedDict()

    def of(self, claims: Sequence[Obj], view: DeviceView, table: NodeTable) -> Verdicts:
        """Raises AllocationError."""
        key = orjson.dumps([claim["spec"] for claim in claims], option=orjson.OPT_SORT_KEYS)
        verdicts = self._kept.get(key)
        asked = [reading.read(claim, view.device_class) for claim in claims]
        nodes = (table.nodes_version, table.size)
        stale: Iterable[int] | None = None if verdicts is None else self._stale(verdicts, nodes, view, table)
        if verdicts is None or stale is None:
            verdicts = Verdicts(np.full(table.size, -1, np.int64))
            stale = range(table.size)
        _look(verdicts, stale, asked, view, table)
        verdicts.epoch, verdicts.nodes, verdicts.position = view.epoch, nodes, len(view.log)
        self._kept[key] = verdicts
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return verdicts

    @staticmethod
    def _stale(
        verdicts: Verdicts, nodes: tuple[int, int], view: DeviceView, table: NodeTable
    ) -> set[int] | None:
        """The rows that must be looked at again; None: all."""
        touched = set(view.log[verdicts.position :])
        rows: set[int] = set()
        for pool in touched:
            names = view.nodes_of(pool)
            if names is None:
                return None
            rows.update(table.rows[name] for name in names if name in table.rows)
        return rows if (verdicts.epoch, verdicts.nodes) == (view.epoch, nodes) else None


def _look(
    verdicts: Verdicts, rows: Iterable[int], asked: Sequence[Asked], view: DeviceView, table: NodeTable
) -> None:
    """Nodes that reach the very same devices get the same answer."""
    answers: dict[tuple[object, ...], tuple[int, str]] = {}
    alive = table.alive
    for row in rows:
        if not alive[row]:
            continue
        reach = view.reach(table.name(row), table.labels_at(row), table.nodes_version)
        same = tuple(each.devices for each in reach)
        answer = answers.get(same)
        if answer is None:
            answer = answers[same] = _answer(asked, reach, view)
        verdicts.preference[row] = answer[0]
        verdicts.failed.pop(row, None)
        if answer[1]:
            verdicts.failed[row] = answer[1]


def _answer(asked: Sequence[Asked], reach: Sequence[Reach], view: DeviceView) -> tuple[int, str]:
    try:
        chosen = allocate(asked, reach, view.in_use)
    except FailedOnNode as error:
        return -1, str(error)
    if chosen is None:
        return -1, ""
    return sum(preference(claim, each) for claim, each in zip(asked, chosen, strict=True)), ""
