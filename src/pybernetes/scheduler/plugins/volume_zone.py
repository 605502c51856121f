"""VolumeZone: a node in the zone (and region) of each volume that has one."""

from __future__ import annotations

import numpy as np

from pybernetes.api.meta import labels_of

from ..framework import Plugin, Rejection, World, on
from ..nodetable import Mask, NodeTable
from ..podfacts import PodFacts

REASON = "node(s) had no available volume zone"
ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
OLD = {"failure-domain.beta.kubernetes.io/zone": ZONE, "failure-domain.beta.kubernetes.io/region": REGION}
LABELS = (*OLD, ZONE, REGION)


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    view, table = world.volumes, world.table
    if not pod.claims or view is None:
        return ()
    refused = np.zeros(table.size, np.bool_)
    for name, _ in pod.claims:
        claim = view.get("PersistentVolumeClaim", f"{pod.namespace}/{name}")
        volume_name = ((claim or {}).get("spec") or {}).get("volumeName")
        volume = view.get("PersistentVolume", volume_name) if volume_name else None
        for key, value in labels_of(volume).items() if volume is not None else ():
            if key in LABELS:
                refused |= ~_in(table, key, set(value.split("__")))
    if not refused.any():
        return ()
    placed = np.zeros(table.size, np.bool_)
    for key in LABELS:
        placed |= table.codes(key) >= 0
    return (Rejection(REASON, refused & placed),)


def _in(table: NodeTable, key: str, values: set[str]) -> Mask:
    """The rows whose label (under its old name or, where that is missing, its new one) has one of the values."""
    found = _has(table, key, values)
    if key in OLD:
        found |= (table.codes(key) < 0) & _has(table, OLD[key], values)
    return found


def _has(table: NodeTable, key: str, values: set[str]) -> Mask:
    column = table.label(key)
    verdicts = [value in values for value in column.values]
    return np.array([*verdicts, False], np.bool_)[column.codes[: table.size]]


PLUGIN = Plugin(
    "VolumeZone",
    filter=fits,
    minds_others=lambda pod, _world: pod.has_volumes,
    after_same=lambda pod, _world: None if pod.has_volumes else "nothing",
    unblocked_by=(
        on("StorageClass", "add"),
        on("Node", "add", "labels"),
        on("PersistentVolumeClaim", "add", "update"),
        on("PersistentVolume", "add", "update"),
    ),
)
