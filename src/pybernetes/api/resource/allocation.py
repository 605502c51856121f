"""The status of a claim: which devices it got, for whom, and what their drivers say of them."""

from __future__ import annotations

import ipaddress
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj, is_deleting
from ..podspec.validate_affinity import validate_node_selector
from ..validation.conditions import validate_conditions
from ..validation.values import immutable
from . import names
from .bindingconditions import validate_binding_conditions
from .deviceclaim import MOST_CONFIGS, Requests, request_names, validate_config, validate_reference
from .skipping import validate_skipped
from .taints import validate_toleration

MOST_RESULTS, MOST_CONSUMERS, MOST_CONDITIONS, MOST_ADDRESSES = 32, 256, 8, 16
MANY = 1 << 31
"""No bound."""
LONGEST_INTERFACE, LONGEST_HARDWARE_ADDRESS, LONGEST_DATA = 256, 128, 10 * 1024
SOURCES = ["FromClaim", "FromClass"]


def prepare_status(new: MutableObj, old: Obj, _now: float) -> None:
    """What drivers said of devices that the claim has no more goes away."""
    status, before = new.get("status") or {}, old.get("status") or {}
    if not status.get("devices"):
        return
    allocated = _allocated(status)
    reported = {_device_key(each) for each in before.get("devices") or ()}
    kept = [
        each
        for each in status["devices"]
        if _device_key(each) in allocated or _device_key(each) not in reported
    ]
    new["status"] = {field: value for field, value in status.items() if field != "devices"}
    if kept:
        new["status"]["devices"] = kept


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    status, before, at = new.get("status") or {}, old.get("status") or {}, errors.at("status")
    consumers, allocation = status.get("reservedFor") or (), status.get("allocation")
    names.unique(
        consumers,
        MOST_CONSUMERS,
        _validate_consumer,
        lambda consumer: consumer.get("uid") or "",
        at.at("reservedFor"),
    )
    allocated = _allocated(status)
    names.unique(
        status.get("devices") or (),
        MANY,
        lambda device, here: _validate_device(device, allocated, here),
        _device_key,
        at.at("devices"),
    )
    if consumers and allocation is None:
        at.forbidden("may not be specified when `allocated` is not set", "reservedFor")
    elif is_deleting(new) and any(each not in (before.get("reservedFor") or ()) for each in consumers):
        at.forbidden(
            "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
            "reservedFor",
        )
    if allocation is not None and before.get("allocation") is not None:
        immutable(status, before, "allocation", at)
    elif allocation is not None:
        _validate_allocation(allocation, request_names(new.get("spec") or {}), at.at("allocation"))


def _allocated(status: Obj) -> set[Any]:
    devices = (status.get("allocation") or {}).get("devices") or {}
    return {_device_key(each) for each in devices.get("results") or ()}


def _device_key(device: Obj) -> str:
    """`driver/pool/device`, and the share where there are several."""
    key = "/".join(device.get(field) or "" for field in ("driver", "pool", "device"))
    return f"{key}/{device['shareID']}" if device.get("shareID") else key


def _validate_consumer(consumer: Obj, errors: FieldErrors) -> None:
    for field in ("resource", "name", "uid"):
        if not consumer.get(field):
            errors.required(field)


def _validate_allocation(allocation: Obj, known: Requests, errors: FieldErrors) -> None:
    devices, at = allocation.get("devices") or {}, errors.at("devices")
    names.items(
        devices.get("results") or (),
        MOST_RESULTS,
        lambda result, here: _validate_result(result, known, here),
        at.at("results"),
    )
    names.items(
        devices.get("config") or (),
        2 * MOST_CONFIGS,  # of the class and of the claim
        lambda config, here: _validate_allocated_config(config, known, here),
        at.at("config"),
    )
    if allocation.get("nodeSelector") is not None:
        validate_node_selector(allocation["nodeSelector"], errors.at("nodeSelector"))


def _validate_result(result: Obj, known: Requests, errors: FieldErrors) -> None:
    validate_reference(result.get("request") or "", known, errors.at("request"))
    _validate_identity(result, errors)
    validate_binding_conditions(result, errors)
    for index, toleration in enumerate(result.get("tolerations") or ()):
        validate_toleration(toleration, errors.at("tolerations", index))
    validate_skipped(result, errors)


def _validate_identity(device: Obj, errors: FieldErrors) -> None:
    names.driver_name(device.get("driver") or "", errors.at("driver"))
    names.pool_name(device.get("pool") or "", errors.at("pool"))
    names.label_name(device.get("device") or "", errors.at("device"))
    if device.get("shareID") is not None:
        names.share_id(device["shareID"], errors.at("shareID"))


def _validate_allocated_config(config: Obj, known: Requests, errors: FieldErrors) -> None:
    source = config.get("source") or ""
    if not source:
        errors.required("source")
    elif source not in SOURCES:
        errors.not_supported(source, SOURCES, "source")
    validate_config(config, known, errors)


def _validate_device(device: Obj, allocated: set[Any], errors: FieldErrors) -> None:
    _validate_identity(device, errors)
    if _device_key(device) not in allocated:
        errors.invalid(_device_key(device), "must be an allocated device in the claim")
    conditions = device.get("conditions") or ()
    if len(conditions) > MOST_CONDITIONS:
        errors.too_many(len(conditions), MOST_CONDITIONS, "conditions")
    validate_conditions(conditions, errors.at("conditions"))
    if device.get("data") is not None:
        names.raw(device["data"], LONGEST_DATA, errors.at("data"))
    _validate_network(device.get("networkData") or {}, errors.at("networkData"))


def _validate_network(data: Obj, errors: FieldErrors) -> None:
    for field, longest in (
        ("interfaceName", LONGEST_INTERFACE),
        ("hardwareAddress", LONGEST_HARDWARE_ADDRESS),
    ):
        if len((data.get(field) or "").encode()) > longest:
            errors.too_long(longest, field)
    names.unique(
        data.get("ips") or (), MOST_ADDRESSES, _validate_address, lambda address: address, errors.at("ips")
    )


def _validate_address(address: str, errors: FieldErrors) -> None:
    """`10.9.8.7/24`: an address with the prefix of its network, in canonical form."""
    try:
        found = ipaddress.ip_interface(address) if "/" in address else None
    except ValueError:
        found = None
    if found is None:
        errors.invalid(address, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")
    elif str(found) != address:
        errors.invalid(address, f'must be in canonical form ("{found}")')
