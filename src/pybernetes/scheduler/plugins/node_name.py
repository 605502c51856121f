"""NodeName: a pod that names its node goes nowhere else."""

from __future__ import annotations

import numpy as np

from ..framework import Plugin, Rejection, World, on
from ..podfacts import PodFacts


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    if not pod.node_name:
        return ()
    others = np.ones(world.table.size, np.bool_)
    row = world.table.rows.get(pod.node_name)
    if row is not None:
        others[row] = False
    return (Rejection("node(s) didn't match the requested node name", others),)


PLUGIN = Plugin(
    "NodeName",
    filter=fits,
    static=True,
    after_same=lambda _pod, _world: "nothing",
    unblocked_by=(on("Node", "add"),),
)
