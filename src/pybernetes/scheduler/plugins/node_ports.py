"""NodePorts: no node on which a host port that the pod wants is taken."""

from __future__ import annotations

import numpy as np

from ..framework import Change, Plugin, Rejection, World, on
from ..podfacts import HostPort, PodFacts, host_ports

ANY_ADDRESS = "0.0.0.0"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    if not pod.host_ports:
        return ()
    taken = np.zeros(world.table.size, np.bool_)
    for row, ports in world.table.placements.host_ports():
        taken[row] = any(clash(mine, theirs) for mine in pod.host_ports for theirs in ports)
    return (Rejection("node(s) didn't have free ports for the requested pod ports", taken, resolvable=True),)


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
    unblocked_by=(on("AssignedPod", "delete", hint=_frees), on("Node", "add")),
)
