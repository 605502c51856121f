"""TaintToleration: no node with a taint that the pod does not tolerate; few taints that only prefer not."""

from __future__ import annotations

import numpy as np

from ..framework import MAX_SCORE, Change, Plugin, Rejection, World, on
from ..kept import by_nodes
from ..nodetable import Ints, Mask, NodeTable
from ..podfacts import PodFacts
from .normalize import by_highest

REPELLING = ("NoSchedule", "NoExecute")


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    verdicts = _verdicts(pod, world)
    if not any(verdicts):
        return ()
    return (Rejection("node(s) had untolerated taint(s)", _by_row(verdicts, world)),)


def untolerated(pod: PodFacts, world: World) -> Mask:
    """The nodes with a repelling taint that the pod does not tolerate."""
    return _by_row(_verdicts(pod, world), world)


def _verdicts(pod: PodFacts, world: World) -> list[bool]:
    """For each different set of taints that a node has or had."""
    return [
        any(taint[2] in REPELLING and not pod.tolerates(*taint) for taint in taints)
        for taints in world.table.taint_sets
    ]


def _by_row(verdicts: list[bool], world: World) -> Mask:
    return np.array(verdicts, np.bool_)[world.table.taint_set]


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints:
    """The more `PreferNoSchedule` taints are not tolerated, the less."""
    by_set = _intolerable(pod, world)
    if not any(by_set):
        return _all_alike(world.table)
    counts = by_nodes(world.table, score, pod, lambda: np.array(by_set, np.int64)[world.table.taint_set])
    return by_highest(counts, feasible, reverse=True)


def _intolerable(pod: PodFacts, world: World) -> list[int]:
    """How many such taints each different set of them has."""
    relevant = [each for each in pod.tolerations if each.effect in ("", "PreferNoSchedule")]
    return [
        sum(
            taint[2] == "PreferNoSchedule" and not any(each.tolerates(*taint) for each in relevant)
            for taint in taints
        )
        for taints in world.table.taint_sets
    ]


def _all_alike(table: NodeTable) -> Ints:
    """The highest score for every row; one array for all who ask."""
    kept: Ints | None = table.memo.get(_all_alike)
    if kept is None or len(kept) != table.size:
        kept = table.memo[_all_alike] = np.full(table.size, MAX_SCORE, np.int64)
    return kept


def _is_tolerated(pod: PodFacts, change: Change) -> bool:
    """Whether the pod tolerates what repels on the node now."""
    taints = ((change.new or {}).get("spec") or {}).get("taints") or ()
    return not any(
        each["effect"] in REPELLING
        and not pod.tolerates(each["key"], each.get("value") or "", each["effect"])
        for each in taints
    )


PLUGIN = Plugin(
    "TaintToleration",
    filter=fits,
    score=score,
    weight=3,
    static=True,
    after_same=lambda _pod, _world: "nothing",
    unblocked_by=(on("Node", "add", "taints", hint=_is_tolerated),),
)
