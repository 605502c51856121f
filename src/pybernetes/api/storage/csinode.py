"""CSINodes: the storage drivers of a node, under the node's name."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME, dig
from ..core.persistentvolume_sources import validate_driver_name
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from ..validation.values import non_negative

NODE_ID_LENGTH = 256


def validate(node: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, driver in enumerate(dig(node, "spec", "drivers") or ()):
        at, name = errors.at("spec", "drivers", index), driver.get("name", "")
        validate_driver_name(name, "name", at)
        _validate_node_id(driver.get("nodeID") or "", at)
        non_negative(driver.get("allocatable") or {}, "count", at.at("allocatable"))
        if name in seen:
            at.duplicate(name, "name")
        seen.add(name)
        _validate_topology(driver.get("topologyKeys") or [], at)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A driver that stays on the node keeps all but the number of volumes it can take."""
    before = {driver.get("name"): driver for driver in dig(old, "spec", "drivers") or ()}
    for driver in dig(new, "spec", "drivers") or ():
        was = before.get(driver.get("name"))
        if was is not None and _fixed(driver) != _fixed(was):
            errors.at("spec").invalid(_fixed(driver), "field is immutable", "drivers")


def _fixed(driver: Obj) -> Obj:
    kept = {field: value for field, value in driver.items() if field != "allocatable"}
    return {**kept, "topologyKeys": driver.get("topologyKeys") or None}


def _validate_node_id(node_id: str, errors: FieldErrors) -> None:
    if not node_id:
        errors.required("nodeID")
    if len(node_id.encode()) > NODE_ID_LENGTH:
        errors.invalid(node_id, f"must be {NODE_ID_LENGTH} characters or less", "nodeID")


def _validate_topology(keys: list[str], errors: FieldErrors) -> None:
    """Upstream records these at the driver, not at its field."""
    for index, key in enumerate(keys):
        if not key:
            errors.required()
        if key in keys[:index]:
            errors.duplicate(key)
        for message in names.qualified_name(key):
            errors.invalid(key, message)


CSINODE = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSINode",
    plural="csinodes",
    namespaced=False,
    unconditional_update=False,
    singular="csinode",
    schema="io.k8s.api.storage.v1.CSINode",
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column(
            "Drivers",
            lambda node, _now: len(dig(node, "spec", "drivers") or ()),
            type="integer",
            description="Drivers indicates the number of CSI drivers registered on the node",
        ),
        AGE,
    ),
)
