"""TaintToleration: no node with a taint that the pod does not tolerate; few taints that only prefer not."""

from __future__ import annotations

import numpy as np

from ..framework import MAX_SCORE, Change, Plugin, Rejection, World, on
from ..kept import by_nodes
from ..nodetable import Ints, Mask
from ..podfacts import PodFacts
from .normalize import by_highest

REPELLING = ("NoSchedule", "NoExecute")


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    refused = untolerated(pod, world)
    return (Rejection("node(s) had untolerated taint(s)", refused),) if refused.any() else ()


def untolerated(pod: PodFacts, world: World) -> Mask:
    """The nodes with a repelling taint that the pod does not tolerate; asked once per different set of taints."""
    verdicts = [
        any(taint[2] in REPELLING and not pod.tolerates(*taint) for taint in taints)
        for taints in world.table.taint_sets
    ]
    return np.array(verdicts, np.bool_)[world.table.taint_set]


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints:
    """The more `PreferNoSchedule` taints are not tolerated, the less."""
    counts, best = by_nodes(world.table, score, pod, lambda: _intolerable(pod, world))
    return best if best is not None else by_highest(counts, feasible, reverse=True)


def _intolerable(pod: PodFacts, world: World) -> tuple[Ints, Ints | None]:
    """How many such taints each node has, and the score of all nodes where none has any."""
    relevant = [each for each in pod.tolerations if each.effect in ("", "PreferNoSchedule")]
    counts = [
        sum(
            taint[2] == "PreferNoSchedule" and not any(each.tolerates(*taint) for each in relevant)
            for taint in taints
        )
        for taints in world.table.taint_sets
    ]
    found = np.array(counts, np.int64)[world.table.taint_set]
    return found, None if found.any() else np.full_like(found, MAX_SCORE)


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
    unblocked_by=(on("Node", "add", "taints", hint=_is_tolerated),),
)
