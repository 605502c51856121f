"""The rules of resource requests and limits."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.lang import names, quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from .resources import pod_level_resource

STANDARD = ("cpu", "memory", "ephemeral-storage")


def validate_requirements(resources: Obj, errors: FieldErrors, *, pod_level: bool = False) -> None:
    """`limits` and `requests` of a container, or of a pod as a whole."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            at = errors.at(field).at_key(name)
            validate_resource_name(name, errors.at(field), pod_level=pod_level)
            validate_amount(name, amount, at)
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is not None:
            _compare(name, amount, limit, errors)
        elif not overcommit_allowed(name):
            errors.required("limits", "Limit must be set for non overcommitable resources")


def validate_amounts(amounts: Mapping[str, str], errors: FieldErrors) -> None:
    """A plain map of resources (overhead)."""
    for name, amount in amounts.items():
        validate_resource_name(name, errors)
        validate_amount(name, amount, errors.at_key(name))


def validate_resource_name(name: str, errors: FieldErrors, *, pod_level: bool = False) -> None:
    for message in names.qualified_name(name):
        errors.invalid(name, message)
    if pod_level:
        if not pod_level_resource(name):
            errors.not_supported(name, ["cpu", "hugepages-", "memory"])
    elif "/" not in name and name not in STANDARD and not name.startswith("hugepages-"):
        errors.at_key(name).invalid(name, "must be a standard resource type or fully qualified")
        errors.at_key(name).invalid(name, "must be a standard resource for containers")


def validate_amount(name: str, amount: str, errors: FieldErrors) -> None:
    nano = quantity.parse(amount).nano
    if nano < 0:
        errors.invalid(amount, "must be greater than or equal to 0")
    if (is_extended(name) or name.startswith("hugepages-")) and nano % quantity.NANO:
        errors.invalid(amount, "must be an integer")


def is_extended(name: str) -> bool:
    """A resource of a device plugin: qualified, and not of the kubernetes.io domain."""
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def overcommit_allowed(name: str) -> bool:
    """Whether limits above requests make sense: compressible and native resources, save huge pages."""
    native = "/" not in name or "kubernetes.io/" in name
    return native and not name.startswith("hugepages-")


def _compare(name: str, amount: str, limit: str, errors: FieldErrors) -> None:
    requested, most = quantity.parse(amount).nano, quantity.parse(limit).nano
    if requested != most and not overcommit_allowed(name):
        errors.invalid(amount, f"must be equal to {name} limit of {limit}", "requests")
    elif requested > most:
        errors.invalid(amount, f"must be less than or equal to {name} limit of {limit}", "requests")
