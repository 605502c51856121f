"""The rules of ResourceSlices as a whole; those of single devices are in `device.py`."""

from __future__ import annotations

from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_affinity import validate_node_selector
from ..validation.values import immutable
from . import names
from .device import lists_of, validate_device
from .skipping import validate_skipped

MOST_DEVICES, MOST_ADVANCED_DEVICES = 128, 64
MOST_COUNTER_SETS, MOST_COUNTERS = 8, 32
_PLACES = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"


def validate(piece: Obj, errors: FieldErrors) -> None:
    spec, at = piece.get("spec") or {}, errors.at("spec")
    names.driver_name(spec.get("driver") or "", at.at("driver"))
    _validate_pool(spec.get("pool") or {}, at.at("pool"))
    _validate_place(spec, at)
    devices, counters = spec.get("devices"), spec.get("sharedCounters")
    if devices and counters:
        at.invalid("", "only one of `sharedCounters` or `devices` is allowed")
    names.unique(
        devices or (),
        MOST_ADVANCED_DEVICES if _is_advanced(devices or ()) else MOST_DEVICES,
        lambda device, here: validate_device(device, bool(spec.get("perDeviceNodeSelection")), here),
        lambda device: device.get("name") or "",
        at.at("devices"),
    )
    names.unique(
        counters or (),
        MOST_COUNTER_SETS,
        _validate_counter_set,
        lambda counter_set: counter_set.get("name") or "",
        at.at("sharedCounters"),
    )
    if spec.get("partitionTypeAttribute") is not None:
        _validate_partition_type(spec, spec["partitionTypeAttribute"], at)
    validate_skipped(spec, at)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    after, before, at = new.get("spec") or {}, old.get("spec") or {}, errors.at("spec")
    immutable(after.get("pool") or {}, before.get("pool") or {}, "name", at.at("pool"))
    immutable(after, before, "driver", at)
    immutable(after, before, "nodeName", at)


def _is_advanced(devices: Any) -> bool:
    """Whether taints, counters or lists make the devices larger than others."""
    return any(
        device.get("taints")
        or device.get("consumesCounters")
        or any(lists_of(attribute) for attribute in (device.get("attributes") or {}).values())
        for device in devices
    )


def _validate_pool(pool: Obj, errors: FieldErrors) -> None:
    names.pool_name(pool.get("name") or "", errors.at("name"))
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        errors.invalid(count, "must be greater than zero", "resourceSliceCount")
    if generation < 0:
        errors.invalid(generation, "must be greater than or equal to zero", "generation")


def _validate_place(spec: Obj, errors: FieldErrors) -> None:
    """Where the devices are: said once."""
    given = []
    if spec.get("nodeName") is not None:
        if spec["nodeName"]:
            given.append("`nodeName`")
            names.node_name(spec["nodeName"], errors.at("nodeName"))
        else:
            errors.invalid("", "must be either unset or set to a non-empty string", "nodeName")
    if spec.get("nodeSelector") is not None:
        given.append("`nodeSelector`")
        validate_node_selector(spec["nodeSelector"], errors.at("nodeSelector"))
        terms = spec["nodeSelector"].get("nodeSelectorTerms") or []
        if len(terms) != 1:
            errors.at("nodeSelector").invalid(
                terms, "must have exactly one node selector term", "nodeSelectorTerms"
            )
    for field in ("allNodes", "perDeviceNodeSelection"):
        if spec.get(field):
            given.append(f"`{field}`")
        elif spec.get(field) is not None:
            errors.invalid(False, "must be either unset or set to true", field)
    if not given:
        errors.required("", _PLACES)
    elif len(given) > 1:
        errors.invalid(f"{{{', '.join(given)}}}", f"{_PLACES}, but multiple fields are set")


def _validate_counter_set(counter_set: Obj, errors: FieldErrors) -> None:
    name, counters = counter_set.get("name") or "", counter_set.get("counters") or {}
    if name:
        names.label_name(name, errors.at("name"))
    else:
        errors.required("name")
    if not counters:
        errors.required("counters")
        return
    names.entries(
        counters, MOST_COUNTERS, names.label_name, lambda _counter, _at: None, errors.at("counters")
    )


def _validate_partition_type(spec: Obj, name: str, errors: FieldErrors) -> None:
    """Each device that takes a part of something says by this attribute which kind of part it is."""
    devices = spec.get("devices") or ()
    if not any(device.get("consumesCounters") for device in devices):
        errors.invalid(
            name,
            "may only be set on a slice which declares devices that consume counters",
            "partitionTypeAttribute",
        )
        return
    found = FieldErrors()
    names.fully_qualified(name, found)
    if found:
        names.fully_qualified(name, errors.at("partitionTypeAttribute"))
        return
    bare = name.removeprefix(f"{spec.get('driver', '')}/")
    for index, device in enumerate(devices):
        attributes = device.get("attributes") or {}
        at = errors.at("devices", index).at("attributes").at_key(name)
        attribute = attributes.get(name) or attributes.get(bare)
        if not device.get("consumesCounters"):
            continue
        if attribute is None:
            at.required(
                "",
                "device consumes counters and `partitionTypeAttribute` names this attribute, so it must be set",
            )
        elif attribute.get("string") is None:
            at.invalid(
                attribute, "must be a string value because `partitionTypeAttribute` names this attribute"
            )
