"""NodeVolumeLimits: no more volumes of a CSI driver on a node than its CSINode says that it can attach."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..framework import Plugin, Rejection, World, on
from ..podfacts import PodFacts
from ..volumes.view import VolumeView, class_of

REASON = "node(s) exceed max volume count"


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    view, table = world.volumes, world.table
    if not pod.claims or view is None:
        return ()
    wanted: dict[str, set[str]] = {}
    for name, _ in pod.claims:
        driver = driver_of(view, pod.namespace, name)
        if driver:
            wanted.setdefault(driver, set()).add(f"{pod.namespace}/{name}")
    if not wanted:
        return ()
    full = np.zeros(table.size, np.bool_)
    for row, limits in _limits(world):
        for driver, new in wanted.items():
            limit = limits.get(driver)
            if limit is not None:
                used = _used(world, view, row).get(driver, frozenset())
                full[row] |= len(used | new) > limit and not new <= used
    return (Rejection(REASON, full, resolvable=True),) if full.any() else ()


def driver_of(view: VolumeView, namespace: str, name: str) -> str:
    """The CSI driver of a claim: its volume's, or the one that will provision it; "" for none."""
    claim = view.get("PersistentVolumeClaim", f"{namespace}/{name}")
    if claim is None:
        return ""
    volume_name = claim["spec"].get("volumeName")
    if volume_name:
        volume = view.get("PersistentVolume", volume_name)
        return str((((volume or {}).get("spec") or {}).get("csi") or {}).get("driver") or "")
    storage_class = view.get("StorageClass", class_of(claim))
    return str((storage_class or {}).get("provisioner") or "")


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


def _used(world: World, view: VolumeView, row: int) -> dict[str, frozenset[str]]:
    """The claims of the pods on a row by driver. Kept while the row stands and every driver was known."""
    table = world.table
    kept: dict[int, tuple[int, dict[str, frozenset[str]]]] = table.memo.setdefault("volumes used", {})
    version = int(table.row_version[row])
    known = kept.get(row)
    if known is not None and known[0] == version:
        return known[1]
    found: dict[str, set[str]] = {}
    for facts in table.placements.on(row).values():
        for name, _ in facts.claims:
            found.setdefault(driver_of(view, facts.namespace, name), set()).add(f"{facts.namespace}/{name}")
    used = {driver: frozenset(claims) for driver, claims in found.items()}
    if "" not in used:
        kept[row] = (version, used)
    return used


PLUGIN = Plugin(
    "NodeVolumeLimits",
    filter=fits,
    unblocked_by=(
        on("CSINode", "add", "update"),
        on("AssignedPod", "delete"),
        on("PersistentVolumeClaim", "add", "update"),
        on("PersistentVolume", "add", "update"),
        on("VolumeAttachment", "delete"),
    ),
)
