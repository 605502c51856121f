"""What the cycle follows: each kind's informer and the method that takes its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from pybernetes.api import kinds
from pybernetes.api.features import GENERIC_WORKLOAD
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, key_of
from pybernetes.client.informers import Informers

from .framework import Action, Change, Resource

if TYPE_CHECKING:
    from .cycle import Cycle

log = logging.getLogger("scheduler")

VOLUME_KINDS: tuple[tuple[Resource, Kind], ...] = (
    ("PersistentVolume", kinds.PERSISTENTVOLUME),
    ("PersistentVolumeClaim", kinds.PERSISTENTVOLUMECLAIM),
    ("StorageClass", kinds.STORAGECLASS),
    ("CSINode", kinds.CSINODE),
    ("CSIDriver", kinds.CSIDRIVER),
    ("CSIStorageCapacity", kinds.CSISTORAGECAPACITY),
    ("VolumeAttachment", kinds.VOLUMEATTACHMENT),
)

DEVICE_KINDS: tuple[tuple[Resource, Kind], ...] = (
    ("ResourceClaim", kinds.RESOURCECLAIM),
    ("ResourceSlice", kinds.RESOURCESLICE),
    ("DeviceClass", kinds.DEVICECLASS),
    ("DeviceTaintRule", kinds.DEVICETAINTRULE),
)

Handler = Callable[[str, Obj | None, Obj | None], None]


def feed(
    informers: Informers,
    cycle: Cycle,
    wake: Callable[[], None],
    features: frozenset[str] = frozenset(),
    handled: Callable[[str, float], None] = lambda _event, _seconds: None,
) -> None:
    """Has the cycle told of everything it reads; `wake` is called after each event. `features`: the feature gates that
    are on; `handled` is told of each event (`NodeAdd`) and how many seconds it took."""
    loop = asyncio.get_running_loop()

    def telling(take: Callable[[Obj | None, Obj | None, float], None], name: str) -> Handler:
        def on_event(_change: str, old: Obj | None, new: Obj | None) -> None:
            began = perf_counter()
            try:
                take(old, new, loop.time())
            except Exception:
                # One object that cannot be read must not keep all others from being scheduled.
                log.exception("%s cannot be taken in", key_of(new or old or {"metadata": {}}))
            handled(_event(name, old, new), perf_counter() - began)
            wake()

        return on_event

    def volumes(resource: Resource) -> Callable[[Obj | None, Obj | None, float], None]:
        def take(old: Obj | None, new: Obj | None, now: float) -> None:
            cycle.volumes.event(resource, old, new)
            cycle.changed(change_of(resource, old, new), now)

        return take

    def devices(resource: Resource) -> Callable[[Obj | None, Obj | None, float], None]:
        def take(old: Obj | None, new: Obj | None, now: float) -> None:
            cycle.devices.event(resource, old, new)
            cycle.changed(change_of(resource, old, new), now)

        return take

    for resource, kind in DEVICE_KINDS:
        informers.of(kind).on_event(telling(devices(resource), resource))
    if GENERIC_WORKLOAD.name in features:
        informers.of(kinds.PODGROUP).on_event(telling(cycle.group_event, "PodGroup"))
    for resource, kind in VOLUME_KINDS:
        informers.of(kind).on_event(telling(volumes(resource), resource))
    informers.of(kinds.PODDISRUPTIONBUDGET).on_event(telling(cycle.budget_event, "PodDisruptionBudget"))
    informers.of(kinds.NODE).on_event(telling(cycle.node_event, "Node"))
    informers.of(kinds.POD).on_event(telling(cycle.pod_event, "Pod"))


def _event(name: str, old: Obj | None, new: Obj | None) -> str:
    """As metrics name it; pods are told apart by whether they have a node."""
    action = "Add" if old is None else "Delete" if new is None else "Update"
    if name == "Pod":
        name = "AssignedPod" if (new or old or {})["spec"].get("nodeName") else "UnscheduledPod"
    return f"{name}{action}"


def change_of(resource: Resource, old: Obj | None, new: Obj | None) -> Change:
    """The change that an informer's event is."""
    action: Action = "add" if old is None else "delete" if new is None else "update"
    return Change(resource, frozenset((action,)), old, new)
