"""ResourceSlices: the devices that a driver offers, on one node or on several."""

from __future__ import annotations

from ..cells import AGE, NAME, dig
from ..kind import Column, Kind
from ..meta import MutableObj
from .resourceslice_validation import validate, validate_update


def prepare_create(piece: MutableObj) -> None:
    """Taints count from when they were put there."""
    for device in dig(piece, "spec", "devices") or ():
        for taint in device.get("taints") or ():
            taint["timeAdded"] = taint.get("timeAdded") or piece["metadata"].get("creationTimestamp")


RESOURCESLICE = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceSlice",
    plural="resourceslices",
    namespaced=False,
    singular="resourceslice",
    schema="io.k8s.api.resource.v1.ResourceSlice",
    generation=True,
    prepare_create=prepare_create,
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Node", lambda piece, _: dig(piece, "spec", "nodeName") or ""),
        Column("Driver", lambda piece, _: dig(piece, "spec", "driver") or ""),
        Column("Pool", lambda piece, _: dig(piece, "spec", "pool", "name") or ""),
        AGE,
    ),
    selectable={
        "spec.nodeName": lambda piece: str(dig(piece, "spec", "nodeName") or ""),
        "spec.driver": lambda piece: str(dig(piece, "spec", "driver") or ""),
    },
)
