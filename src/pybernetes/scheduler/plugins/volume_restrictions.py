"""VolumeRestrictions: no disk in two pods of a node that only one may have, no second pod of a ReadWriteOncePod claim."""

from __future__ import annotations

import numpy as np

from ..framework import Plugin, Rejection, World, on
from ..podfacts import PodFacts
from ..podvolumes import Disk

DISK = "node(s) had no available disk"
ONCE = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    table, found = world.table, []
    others = np.ones(table.size, np.bool_)
    if pod.disks:
        taken = np.zeros(table.size, np.bool_)
        for row, disks in table.placements.disks():
            taken[row] = any(clash(mine, theirs) for mine in pod.disks for theirs in disks)
        found.append(Rejection(DISK, taken, resolvable=True))
        others = ~taken
    if pod.claims and world.volumes is not None and any(_in_use(pod, name, world) for name, _ in pod.claims):
        found.append(Rejection(ONCE, others, resolvable=True))
    return tuple(found)


def clash(a: Disk, b: Disk) -> bool:
    """The same disk, unless both only read it; an AWS one always."""
    if (a.kind, a.identity) != (b.kind, b.identity) or (a.kind == "rbd" and not a.tags & b.tags):
        return False
    return a.kind == "awsElasticBlockStore" or not (a.read_only and b.read_only)


def _in_use(pod: PodFacts, name: str, world: World) -> bool:
    assert world.volumes is not None
    claim = world.volumes.get("PersistentVolumeClaim", f"{pod.namespace}/{name}")
    if claim is None or "ReadWriteOncePod" not in (claim["spec"].get("accessModes") or ()):
        return False
    return bool(world.table.placements.users_of(pod.namespace, name))


PLUGIN = Plugin(
    "VolumeRestrictions",
    filter=fits,
    minds_others=lambda pod, _world: pod.has_volumes,
    after_same=lambda pod, _world: None if pod.has_volumes else "nothing",
    unblocked_by=(
        on("AssignedPod", "delete"),
        on("Node", "add"),
        on("PersistentVolumeClaim", "add", "update"),
    ),
)
