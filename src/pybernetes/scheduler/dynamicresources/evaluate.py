"""What a CEL expression says of a device. Imports CEL, so only where there is an expression.

`device.driver`, `device.attributes["domain"].name`, `device.capacity["domain"].name` and
`device.allowMultipleAllocations`; what has no domain in the slice is the driver's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.resource.devicecel import SelectorError, compile_selector
from pybernetes.lang import quantity
from pybernetes.lang.cel.errors import CelError
from pybernetes.lang.cel.library.quantities import Quantity
from pybernetes.lang.cel.library.semver import Semver, read_semver
from pybernetes.lang.cel.program import Budget

from .asked import Selector
from .devices import AllocationError, Device

COST_LIMIT = 1_000_000
"""What evaluating one selector of one device may cost."""


class _Domains(dict[str, Mapping[str, Any]]):
    """By domain; one that a device does not mention is empty, so that expressions need not ask for it."""

    def __missing__(self, _domain: str) -> Mapping[str, Any]:
        return {}


def selects(selector: Selector, device: Device) -> bool:
    """Raises AllocationError where the expression does not compile, or has no value for this device."""
    try:
        program = compile_selector(selector.expression)
    except SelectorError as error:
        raise AllocationError(f"{selector.origin}: CEL compile error: {error}") from error
    try:
        value = program.evaluate({"device": _variables(device)}, Budget(COST_LIMIT))
    except CelError as error:
        raise AllocationError(f"{selector.origin}: CEL runtime error: {error}") from error
    if not isinstance(value, bool):
        problem = f"CEL result of type {type(value).__name__} could not be converted to bool"
        raise AllocationError(f"{selector.origin}: CEL runtime error: {problem}")
    return value


def _variables(device: Device) -> dict[str, Any]:
    driver = device.id[0]
    return {
        "driver": driver,
        "allowMultipleAllocations": device.shareable,
        "attributes": _by_domain(driver, device.tree.get("attributes") or {}, _attribute),
        "capacity": _by_domain(driver, device.tree.get("capacity") or {}, _amount),
    }


def _by_domain(driver: str, table: Mapping[str, Any], value: Any) -> _Domains:
    found: dict[str, dict[str, Any]] = {}
    for name, each in table.items():
        domain, slash, identifier = name.partition("/")
        own, key = (domain, identifier) if slash else (driver, name)
        read = value(each)
        if read is not None:
            found.setdefault(own, {})[key] = read
    return _Domains(found)


def _attribute(tree: Mapping[str, Any]) -> bool | int | str | Semver | None:
    """None for the types of value that expressions do not know."""
    for kind in ("bool", "int", "string"):
        if tree.get(kind) is not None:
            found: bool | int | str = tree[kind]
            return found
    if tree.get("version") is not None:
        return read_semver(tree["version"])
    return None


def _amount(tree: Mapping[str, Any]) -> Quantity:
    parsed = quantity.parse(tree["value"])
    return Quantity(parsed.nano, parsed.format)
