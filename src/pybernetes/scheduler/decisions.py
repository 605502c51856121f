"""Decisions that are kept to be explained: the latest ones, and the last one about every pod that has no node yet.

A decision over thousands of nodes is large (masks and scores), so that fewer are kept in a large cluster; of those about
pods without a node, each mask is kept as bits.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of

if TYPE_CHECKING:
    from .decide import Decision
    from .filtering import Verdict

MOST, LEAST = 256, 16
CELLS = 200_000
"""Nodes times decisions that are kept of pods that have their node."""
MOST_UNPLACED = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    namespace: str
    name: str
    uid: str
    at: float
    """Unix time."""
    decision: Decision


class Decisions:
    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._unplaced: OrderedDict[str, Kept] = OrderedDict()

    def keep(self, pod: Obj, decision: Decision, at: float) -> None:
        """Keeps what was decided about a pod, in place of what was before."""
        uid = uid_of(pod)
        kept = Kept(namespace_of(pod), name_of(pod), uid, at, decision)
        self._unplaced.pop(uid, None)
        self._kept.pop(uid, None)
        if decision.node is None:
            self._unplaced[uid] = replace(kept, decision=_packed(decision))
            if len(self._unplaced) > MOST_UNPLACED:
                self._unplaced.popitem(last=False)
            return
        self._kept[uid] = kept
        most = max(LEAST, min(MOST, CELLS // max(len(decision.names), 1)))
        while len(self._kept) > most:
            self._kept.popitem(last=False)

    def get(self, uid: str) -> Decision | None:
        kept = self._kept.get(uid)
        if kept is not None:
            return kept.decision
        kept = self._unplaced.get(uid)
        return _unpacked(kept).decision if kept is not None else None

    def find(self, namespace: str, name: str) -> Kept | None:
        """The latest decision about the pod of this name."""
        found = None
        for kept in (*self._kept.values(), *self._unplaced.values()):
            if kept.name == name and kept.namespace == namespace and (found is None or kept.at >= found.at):
                found = kept
        return _unpacked(found) if found is not None else None

    def all(self) -> list[Kept]:
        """Every one, the latest last."""
        every = (*self._kept.values(), *map(_unpacked, self._unplaced.values()))
        return sorted(every, key=lambda kept: kept.at)

    def placed(self, uid: str) -> None:
        """The pod has a node: what was said while it had none is of no interest."""
        self._unplaced.pop(uid, None)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._kept.pop(uid, None)
        self._unplaced.pop(uid, None)


def _packed(decision: Decision) -> Decision:
    """The decision about a pod without a node, its masks as bits; what only preemption asks is left out."""
    return replace(decision, candidates=(), verdicts=tuple(map(_packed_verdict, decision.verdicts)))


def _packed_verdict(verdict: Verdict) -> Verdict:
    rejections = tuple(
        replace(each, nodes=np.packbits(each.nodes).view(np.bool_), resolvable=False)
        for each in verdict.rejections
    )
    return replace(verdict, rejections=rejections)


def _unpacked(kept: Kept) -> Kept:
    decision, size = kept.decision, len(kept.decision.names)
    if decision.node is not None:
        return kept
    verdicts = tuple(
        replace(
            verdict,
            rejections=tuple(
                replace(each, nodes=np.unpackbits(each.nodes.view(np.uint8), count=size).astype(np.bool_))
                for each in verdict.rejections
            ),
        )
        for verdict in decision.verdicts
    )
    return replace(kept, decision=replace(decision, verdicts=verdicts))
