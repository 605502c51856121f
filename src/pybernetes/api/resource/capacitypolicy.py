"""Which amounts of a device's capacity may be asked for: some values, or a range with steps."""

from __future__ import annotations

from itertools import pairwise

from pybernetes.lang.quantity import NANO, Quantity, parse

from ..fielderrors import FieldErrors
from ..meta import Obj

MOST_OPTIONS = 10
MILLI = NANO // 1000
LARGEST = (2**63 - 1) * NANO


def validate_policy(policy: Obj, capacity: Quantity, errors: FieldErrors) -> None:
    values, bounds = policy.get("validValues") or (), policy.get("validRange")
    default = None if policy.get("default") is None else parse(policy["default"])
    if values and bounds is not None:
        errors.forbidden(
            'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
        )
    elif values and default is None:
        errors.required("default", "required when validValues is defined")
    elif bounds is not None and default is None:
        errors.required("default", "required when validRange is defined")
    elif values and default is not None:
        _validate_values([parse(value) for value in values], default, capacity, errors.at("validValues"))
    elif bounds is not None and default is not None:
        _validate_range(bounds, default, capacity, errors.at("validRange"))


def _validate_values(
    values: list[Quantity], default: Quantity, capacity: Quantity, errors: FieldErrors
) -> None:
    for index, (one, following) in enumerate(pairwise(values), 1):
        if one.nano > following.nano:
            errors.at(index).invalid(str(following), "values must be sorted in ascending order")
    if len(values) > MOST_OPTIONS:
        errors.too_many(len(values), MOST_OPTIONS)
        return
    seen: set[int] = set()
    for index, value in enumerate(values):
        if value.nano > capacity.nano:
            errors.at(index).invalid(str(value), f"option is larger than capacity value: {capacity}")
        if value.nano in seen:
            errors.at(index).duplicate(str(value))
        seen.add(value.nano)
    if default.nano not in seen:
        errors.invalid(str(default), "default value is not valid according to the requestPolicy")


def _validate_range(bounds: Obj, default: Quantity, capacity: Quantity, errors: FieldErrors) -> None:
    found = {field: parse(bounds[field]) for field in ("min", "max", "step") if bounds.get(field) is not None}
    least, most, step = found.get("min"), found.get("max"), found.get("step")
    if least is None:
        errors.required("min", "required when validRange is defined")
        return
    if least.nano > capacity.nano:
        errors.invalid(str(least), f"min is larger than capacity value: {capacity}", "min")
    if default.nano < least.nano:
        errors.invalid(str(default), f"default is less than min: {least}", "default")
    if most is not None:
        if least.nano > most.nano:
            errors.invalid(str(least), f"min is larger than max: {most}", "max")
        if most.nano > capacity.nano:
            errors.invalid(str(most), f"max is larger than capacity value: {capacity}", "max")
        if default.nano > most.nano:
            errors.invalid(str(default), f"default is more than max: {most}", "default")
    if _countable({"default": default, **found}, errors) and step is not None:
        _validate_step(step, least, [default] if most is None else [default, most], capacity, errors)


def _countable(amounts: dict[str, Quantity], errors: FieldErrors) -> bool:
    """Whether the amounts are whole, or thousandths where one is not; and not too large to count with."""
    fractional = any(amount.nano % NANO for amount in amounts.values())
    good = True
    for field, amount in amounts.items():
        if fractional and amount.nano % MILLI:
            errors.invalid(str(amount), "value cannot be represented as a milli value", field)
            good = False
        elif not fractional and "step" in amounts and amount.nano > LARGEST:
            errors.invalid(str(amount), "must not be larger than 9223372036854775807", field)
            good = False
    return good


def _validate_step(
    step: Quantity, least: Quantity, values: list[Quantity], capacity: Quantity, errors: FieldErrors
) -> None:
    if step.nano <= 0:
        errors.invalid(str(step), "must be greater than zero", "step")
        return
    first = Quantity(least.nano + step.nano, least.format)
    if first.nano > capacity.nano:
        errors.invalid(str(step), f"one step {first} is larger than capacity value: {capacity}", "step")
    for value in values:
        if (value.nano - least.nano) % step.nano:
            errors.invalid(
                str(value), f"value is not a multiple of a given step ({step}) from ({least})", "step"
            )
