"""The rules of one device of a ResourceSlice: attributes, capacity, taints, counters, nodes."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.lang.quantity import parse

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_affinity import validate_node_selector
from . import names
from .bindingconditions import validate_binding_conditions
from .capacitypolicy import validate_policy
from .taints import validate_taint

MOST_ATTRIBUTES, MOST_VALUES, MOST_TAINTS, MOST_CONSUMPTIONS, MOST_COUNTERS = 32, 48, 16, 2, 32
MANY = 1 << 31
"""No bound of its own."""
LONGEST_VALUE = 64
SCALARS, LISTS = ("bool", "int", "string", "version"), ("bools", "ints", "strings", "versions")
_NUMBER = r"(0|[1-9]\d*)"
_PRERELEASE = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRERELEASE}(\.{_PRERELEASE})*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)
_PLACES = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true "
    "in the ResourceSlice spec"
)


def lists_of(attribute: Obj) -> list[Any]:
    return [attribute[field] for field in LISTS if attribute.get(field) is not None]


def validate_device(device: Obj, per_device: bool, errors: FieldErrors) -> None:
    """`per_device`: whether the slice leaves it to its devices to say where they are."""
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    names.label_name(device.get("name") or "", errors.at("name"))
    if (count := len(attributes) + len(capacity)) > MOST_ATTRIBUTES:
        errors.invalid(
            count, f"the total number of attributes and capacities must not exceed {MOST_ATTRIBUTES}"
        )
    values = sum(sum(map(len, lists_of(each))) or 1 for each in attributes.values())
    if values > MOST_VALUES:
        errors.invalid(values, f"the total number of attribute values must not exceed {MOST_VALUES}")
    names.entries(
        attributes,
        MANY,
        names.qualified,
        _validate_attribute,
        errors.at("attributes"),
        names.LONGEST_QUALIFIED,
    )
    shared = bool(device.get("allowMultipleAllocations"))
    names.entries(
        capacity,
        MANY,
        names.qualified,
        lambda each, here: _validate_capacity(each, shared, here),
        errors.at("capacity"),
        names.LONGEST_QUALIFIED,
    )
    names.items(device.get("taints") or (), MOST_TAINTS, validate_taint, errors.at("taints"))
    names.unique(
        device.get("consumesCounters") or (),
        MOST_CONSUMPTIONS,
        _validate_consumption,
        lambda each: each.get("counterSet") or "",
        errors.at("consumesCounters"),
    )
    _validate_place(device, per_device, errors)
    validate_binding_conditions(device, errors)
    _validate_node_allocatable(device, capacity, errors.at("nodeAllocatableResources"))


def _validate_attribute(attribute: Obj, errors: FieldErrors) -> None:
    given = [field for field in (*SCALARS, *LISTS) if attribute.get(field) is not None]
    for field in given:
        value = attribute[field]
        if field in LISTS and not value:
            errors.invalid(value, "must not be empty if specified", field)
    if "string" in given:
        _validate_text(attribute["string"], errors.at("string"))
    if "version" in given:
        _validate_version(attribute["version"], errors.at("version"))
    for index, value in enumerate(attribute.get("strings") or ()):
        _validate_text(value, errors.at("strings", index))
    for index, value in enumerate(attribute.get("versions") or ()):
        _validate_version(value, errors.at("versions", index))
    if len(given) != 1:
        errors.invalid(attribute if given else "", "exactly one value must be specified")


def _validate_text(value: str, errors: FieldErrors) -> None:
    if len(value.encode()) > LONGEST_VALUE:
        errors.too_long(LONGEST_VALUE)


def _validate_version(value: str, errors: FieldErrors) -> None:
    if not _SEMVER.fullmatch(value):
        errors.invalid(value, "must be a string compatible with semver.org spec 2.0.0")
    _validate_text(value, errors)


def _validate_capacity(capacity: Obj, shared: bool, errors: FieldErrors) -> None:
    policy = capacity.get("requestPolicy")
    if policy is None:
        return
    if shared:
        validate_policy(policy, parse(capacity.get("value") or "0"), errors.at("requestPolicy"))
    else:
        errors.forbidden("allowMultipleAllocations must be true", "requestPolicy")


def _validate_consumption(consumption: Obj, errors: FieldErrors) -> None:
    name, counters = consumption.get("counterSet") or "", consumption.get("counters") or {}
    if name:
        names.label_name(name, errors.at("counterSet"))
    else:
        errors.required("counterSet")
    if not counters:
        errors.required("counters")
        return
    names.entries(
        counters, MOST_COUNTERS, names.label_name, lambda _counter, _at: None, errors.at("counters")
    )


def _validate_place(device: Obj, per_device: bool, errors: FieldErrors) -> None:
    given = [field for field in ("nodeName", "nodeSelector", "allNodes") if device.get(field) is not None]
    if not per_device:
        if given:
            errors.invalid(
                None,
                "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true "
                "in the ResourceSlice spec",
            )
        return
    if "nodeName" in given:
        if device["nodeName"]:
            names.node_name(device["nodeName"], errors.at("nodeName"))
        else:
            given.remove("nodeName")
            errors.invalid("", "must not be empty", "nodeName")
    if "nodeSelector" in given:
        validate_node_selector(device["nodeSelector"], errors.at("nodeSelector"))
    if "allNodes" in given and not device["allNodes"]:
        given.remove("allNodes")
        errors.invalid(False, "must be either unset or set to true", "allNodes")
    if not given:
        errors.required("", _PLACES)
    elif len(given) > 1:
        errors.invalid(f"{{{', '.join(f'`{field}`' for field in given)}}}", _PLACES)


def _validate_node_allocatable(device: Obj, capacity: Obj, errors: FieldErrors) -> None:
    """How much of the node's own resources the device takes."""
    for name, resource in (device.get("nodeAllocatableResources") or {}).items():
        at = errors.at_key(name)
        if name not in ("cpu", "memory", "ephemeral-storage") and not name.startswith("hugepages-"):
            at.invalid(name, "must be a node allocatable resource name")
        mapping, overhead = resource.get("mapping"), resource.get("overhead")
        if mapping is None and overhead is None:
            at.required("", "at least one of mapping or overhead must be set")
        if mapping is not None:
            _validate_mapping(mapping, capacity, at.at("mapping"))
        if overhead is not None:
            _validate_overhead(overhead, at.at("overhead"))


def _validate_mapping(mapping: Obj, capacity: Obj, errors: FieldErrors) -> None:
    key, factor = mapping.get("capacityKey"), mapping.get("capacityMultiplier")
    if key == "":
        errors.invalid("", "capacityKey must not be an empty string", "capacityKey")
    elif key is not None and key not in capacity:
        errors.not_found(key, "capacityKey")
    if key is not None and factor is None:
        errors.required("capacityMultiplier", "capacityMultiplier is required when capacityKey is set")
    if key is None and factor is not None:
        errors.required("capacityKey", "capacityKey is required when capacityMultiplier is set")
    for field in ("capacityMultiplier", "deviceMultiplier"):
        if mapping.get(field) is not None and parse(mapping[field]).nano <= 0:
            errors.invalid(mapping[field], "must be positive", field)


def _validate_overhead(overhead: Obj, errors: FieldErrors) -> None:
    given = [field for field in ("perPod", "perContainer") if overhead.get(field) is not None]
    if not given:
        errors.invalid("", "at least one of perPod or perContainer must be set")
    for field in given:
        if parse(overhead[field]).nano < 0:
            errors.invalid(overhead[field], "must be non-negative", field)
