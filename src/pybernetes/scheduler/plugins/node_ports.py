"""NodePorts: no node on which a host port that the pod wants is taken."""

from __future__ import annotations

from ..framework import Change, Plugin, Rejection, World, on
from ..kept import put, shelf
from ..podfacts import HostPort, PodFacts, host_ports
from ..tally import EACH_NODE, Tally, Weights

ANY_ADDRESS = "0.0.0.0"
REASON = "node(s) didn't have free ports for the requested pod ports"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    if not pod.host_ports:
        return ()
    kept = shelf(world.table, fits)
    clashes: Tally = kept.get(pod) or put(world.table, kept, pod, _clashes(pod))
    clashes.update(world)
    if EACH_NODE not in clashes.sums:
        return ()
    return (Rejection(REASON, clashes.above_zero(world.table, EACH_NODE), resolvable=True),)


def _clashes(pod: PodFacts) -> Tally:
    """How many pods of each node hold a port that the pod wants."""

    def weigh(other: PodFacts, _world: World) -> Weights:
        taken = any(clash(mine, theirs) for mine in pod.host_ports for theirs in other.host_ports)
        return {EACH_NODE: 1} if taken else {}

    return Tally(
        weigh, lambda world: world.table.placements.with_host_ports().items(), selects_namespaces=False
    )


def clash(a: HostPort, b: HostPort) -> bool:
    """The same port of the same protocol, on the same address or with one on all addresses."""
    return a[1:] == b[1:] and (a[0] == b[0] or ANY_ADDRESS in (a[0], b[0]))


def _frees(pod: PodFacts, change: Change) -> bool:
    """Whether the pod that went held a port that this one wants."""
    held = host_ports(change.old["spec"]) if change.old is not None else ()
    return any(clash(mine, theirs) for mine in pod.host_ports for theirs in held)


PLUGIN = Plugin(
    "NodePorts",
    filter=fits,
    minds_others=lambda pod, _world: bool(pod.host_ports),
    after_same=lambda pod, _world: None if pod.host_ports else "nothing",
    unblocked_by=(on("AssignedPod", "delete", hint=_frees), on("Node", "add")),
)
