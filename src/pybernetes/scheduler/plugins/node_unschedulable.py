"""NodeUnschedulable: no cordoned node (`kubectl cordon`), unless the pod tolerates exactly that."""

from __future__ import annotations

from ..framework import Plugin, Rejection, World, on
from ..podfacts import PodFacts

TAINT = "node.kubernetes.io/unschedulable"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    cordoned = world.table.unschedulable
    if not cordoned.any() or pod.tolerates(TAINT, "", "NoSchedule"):
        return ()
    return (Rejection("node(s) were unschedulable", cordoned),)


PLUGIN = Plugin(
    "NodeUnschedulable",
    filter=fits,
    static=True,
    unblocked_by=(on("Node", "add", "unschedulable", "taints"),),
)
