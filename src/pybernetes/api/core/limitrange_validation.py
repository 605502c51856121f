"""The rules of LimitRanges: the amounts of one resource must be in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pybernetes.lang import names, quantity
from pybernetes.lang.quantity import Quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_resources import (
    overcommit_allowed,
    validate_container_resource_name,
    validate_resource_name,
)

TYPES = ("Pod", "Container", "PersistentVolumeClaim")
PAIRS = (
    ("min", "max", "min", "min value {0} is greater than max value {1}"),
    ("min", "defaultRequest", "defaultRequest", "min value {0} is greater than default request value {1}"),
    (
        "defaultRequest",
        "max",
        "defaultRequest",
        "default request value {0} is greater than max value {1}",
    ),
    (
        "defaultRequest",
        "default",
        "defaultRequest",
        "default request value {0} is greater than default limit value {1}",
    ),
    ("min", "default", "default", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "default value {0} is greater than max value {1}"),
)
"""(what must not be greater, than what, the field that is told, the message)."""

Amounts = Mapping[str, Mapping[str, Quantity]]
"""Field -> resource -> amount."""


def validate(limit_range: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, item in enumerate((limit_range.get("spec") or {}).get("limits") or ()):
        at, kind = errors.at("spec", "limits", index), item.get("type") or ""
        _validate_type(kind, at)
        if kind in seen:
            at.duplicate(kind, "type")
        seen.add(kind)
        amounts = _read(item, kind, at)
        if kind == "PersistentVolumeClaim" and not {"storage"} & {*amounts["min"], *amounts["max"]}:
            at.required(
                "limits", "either minimum or maximum storage value is required, but neither was provided"
            )
        for name in _resources(amounts):
            _validate_order(name, amounts, at)


def _validate_type(kind: str, errors: FieldErrors) -> None:
    faults = names.qualified_name(kind)
    for message in faults:
        errors.invalid(kind, message, "type")
    if not faults and "/" not in kind and kind not in TYPES:
        errors.invalid(kind, "must be a standard limit type or fully qualified", "type")


def _read(item: Obj, kind: str, errors: FieldErrors) -> Amounts:
    """The amounts as quantities, their names looked at."""
    found: dict[str, dict[str, Quantity]] = {}
    for field in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        given = item.get(field) or {}
        found[field] = {}
        if kind == "Pod" and field in ("default", "defaultRequest"):
            if given:
                errors.forbidden("may not be specified when `type` is 'Pod'", field)
            continue
        for name, amount in given.items():
            _validate_name(name, kind, errors.at(field).at_key(name))
            found[field][name] = quantity.parse(amount)
    return found


def _validate_name(name: str, kind: str, errors: FieldErrors) -> None:
    if kind in ("Pod", "Container"):
        validate_container_resource_name(name, errors)
    else:
        validate_resource_name(name, errors)


def _resources(amounts: Amounts) -> Iterator[str]:
    yield from dict.fromkeys(name for by_name in amounts.values() for name in by_name)


def _validate_order(name: str, amounts: Amounts, errors: FieldErrors) -> None:
    for lesser, greater, told, message in PAIRS:
        a, b = amounts[lesser].get(name), amounts[greater].get(name)
        if a is not None and b is not None and a.nano > b.nano:
            shown = amounts[_shown(lesser, greater, told)][name]
            errors.at(told).at_key(name).invalid(str(shown), message.format(a, b))
    _validate_ratio(name, amounts, errors.at("maxLimitRequestRatio").at_key(name))
    default, request = amounts["default"].get(name), amounts["defaultRequest"].get(name)
    if default is None or request is None or overcommit_allowed(name):
        return
    if default.nano != request.nano:
        errors.at("defaultRequest").at_key(name).invalid(
            str(request), f"default value {default} must equal to defaultRequest value {request} in {name}"
        )


def _shown(lesser: str, greater: str, told: str) -> str:
    """The amount that the error carries: the field's own, save that a bad default shows the bound."""
    return (lesser if lesser == "min" else greater) if told == "default" else told


def _validate_ratio(name: str, amounts: Amounts, errors: FieldErrors) -> None:
    ratio, least, most = (amounts[field].get(name) for field in ("maxLimitRequestRatio", "min", "max"))
    if ratio is None:
        return
    if ratio.nano < quantity.NANO:
        errors.invalid(str(ratio), f"ratio {ratio} is less than 1")
    if least is not None and most is not None and least.nano:
        limit = most.nano / least.nano
        if ratio.nano / quantity.NANO > limit:
            errors.invalid(str(ratio), f"ratio {ratio} is greater than max/min = {limit:f}")
