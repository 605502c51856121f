"""NodeUnschedulable: no cordoned node (`kubectl cordon`), unless the pod tolerates exactly that."""

from __future__ import annotations

from ..framework import Change, Plugin, Rejection, World, on
from ..podfacts import PodFacts

TAINT = "node.kubernetes.io/unschedulable"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    cordoned = world.table.unschedulable
    if not cordoned.any() or pod.tolerates(TAINT, "", "NoSchedule"):
        return ()
    return (Rejection("node(s) were unschedulable", cordoned),)


def _is_open(pod: PodFacts, change: Change) -> bool:
    """Whether the node is not cordoned now."""
    cordoned = ((change.new or {}).get("spec") or {}).get("unschedulable")
    return not cordoned or pod.tolerates(TAINT, "", "NoSchedule")


PLUGIN = Plugin(
    "NodeUnschedulable",
    filter=fits,
    static=True,
    after_same=lambda _pod, _world: "nothing",
    unblocked_by=(on("Node", "add", "unschedulable", "taints", hint=_is_open),),
)
