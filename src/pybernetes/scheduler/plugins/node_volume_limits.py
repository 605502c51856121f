"""NodeVolumeLimits: no more volumes of a CSI driver on a node than its CSINode says that it can attach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pybernetes.api.meta import Obj

from ..framework import Plugin, Rejection, World, on
from ..nodetable import NodeTable
from ..podfacts import PodFacts
from ..volumes.view import VolumeView, class_of

REASON = "node(s) exceed max volume count"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    view, table = world.volumes, world.table
    if not pod.claims or view is None:
        return ()
    wanted = _by_driver(view, pod)
    if not wanted:
        return ()
    full = np.zeros(table.size, np.bool_)
    limited = _limits(world)
    attached = _attached(world) if limited else {}
    for row, limits in limited:
        volumes = attached.get(table.name(row), ())
        # So many there are at most; only where that could be too many it is looked at closely.
        most = _claims_on(table, row) + len(volumes)
        for driver, asked in wanted.items():
            limit = limits.get(driver)
            if limit is not None and most + len(asked) > limit:
                there = _used(world, view, row, driver, volumes)
                new = asked - there
                full[row] |= bool(new) and len(new) + len(there) > limit
    return (Rejection(REASON, full, resolvable=True),) if full.any() else ()


def _by_driver(view: VolumeView, pod: PodFacts) -> dict[str, set[str]]:
    """The CSI volumes of a pod by driver."""
    found: dict[str, set[str]] = {}
    for name, _ in pod.claims:
        driver, volume = volume_of(view, pod.namespace, name)
        if driver:
            found.setdefault(driver, set()).add(volume)
    return found


def volume_of(view: VolumeView, namespace: str, name: str) -> tuple[str, str]:
    """(the CSI driver, the volume) of a claim: its volume's, or of the one that will be provisioned; "" for none."""
    claim = view.get("PersistentVolumeClaim", f"{namespace}/{name}")
    if claim is None:
        return "", ""
    volume_name = claim["spec"].get("volumeName")
    if volume_name:
        return _csi(view.get("PersistentVolume", volume_name))
    storage_class = view.get("StorageClass", class_of(claim))
    driver = str((storage_class or {}).get("provisioner") or "")
    return driver, f"{driver}-{namespace}/{name}"


def _csi(volume: Obj | None) -> tuple[str, str]:
    csi = ((volume or {}).get("spec") or {}).get("csi") or {}
    return str(csi.get("driver") or ""), str(csi.get("volumeHandle") or "")


def _attached(world: World) -> Mapping[str, list[str]]:
    """The PersistentVolumes that VolumeAttachments say are on a node, by its name; also where no pod there uses them (any
    more). Kept while the attachments stand."""
    assert world.volumes is not None
    memo, version = world.table.memo, world.volumes.versions["VolumeAttachment"]
    kept: tuple[int, Mapping[str, list[str]]] | None = memo.get("volumes attached")
    if kept is not None and kept[0] == version:
        return kept[1]
    found: dict[str, list[str]] = {}
    for each in world.volumes.all("VolumeAttachment"):
        name = (each["spec"].get("source") or {}).get("persistentVolumeName")
        if name:
            found.setdefault(each["spec"].get("nodeName") or "", []).append(name)
    memo["volumes attached"] = (version, found)
    return found


def _claims_on(table: NodeTable, row: int) -> int:
    """How many claims the pods on a row use. Kept while the row stands."""
    kept: dict[int, tuple[int, int]] = table.memo.setdefault("claims on", {})
    version = table.row_version.item(row)
    known = kept.get(row)
    if known is None or known[0] != version:
        claims = {(f.namespace, name) for f in table.placements.on(row).values() for name, _ in f.claims}
        known = kept[row] = (version, len(claims))
    return known[1]


def _limits(world: World) -> tuple[tuple[int, dict[str, int]], ...]:
    """The rows whose CSINode limits a driver, with the limits. Kept while the CSINodes and the nodes stand."""
    assert world.volumes is not None
    memo, table = world.table.memo, world.table
    stands = (world.volumes.versions["CSINode"], table.nodes_version, table.size)
    kept = memo.get("volume limits")
    if kept is None or kept[0] != stands:
        kept = memo["volume limits"] = (stands, tuple(_read_limits(world)))
    found: tuple[tuple[int, dict[str, int]], ...] = kept[1]
    return found


def _read_limits(world: World) -> Iterator[tuple[int, dict[str, int]]]:
    assert world.volumes is not None
    for each in world.volumes.all("CSINode"):
        row = world.table.rows.get(each["metadata"]["name"])
        if row is not None:
            limits = {
                driver["name"]: int(driver["allocatable"]["count"])
                for driver in (each.get("spec") or {}).get("drivers") or ()
                if (driver.get("allocatable") or {}).get("count") is not None
            }
            if limits:
                yield row, limits


def _used(world: World, view: VolumeView, row: int, driver: str, attached: Sequence[str]) -> frozenset[str]:
    """The volumes of a driver on a row: those of its pods, and those that are attached."""
    found: set[str] = set()
    for facts in world.table.placements.on(row).values():
        found |= _by_driver(view, facts).get(driver, set())
    for name in attached:
        its, volume = _csi(view.get("PersistentVolume", name))
        if its == driver:
            found.add(volume)
    return frozenset(found)


PLUGIN = Plugin(
    "NodeVolumeLimits",
    filter=fits,
    minds_others=lambda pod, _world: pod.has_volumes,
    after_same=lambda pod, _world: None if pod.has_volumes else "nothing",
    unblocked_by=(
        on("CSINode", "add", "update"),
        on("AssignedPod", "delete"),
        on("PersistentVolumeClaim", "add", "update"),
        on("PersistentVolume", "add", "update"),
        on("VolumeAttachment", "delete"),
    ),
)
