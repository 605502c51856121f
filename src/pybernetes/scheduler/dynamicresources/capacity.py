"""How much of a device's capacity a request takes. Pure; amounts are in units of 10^-9."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.meta import Obj

from .devices import Device, nano


def consumed(device: Device, requests: Mapping[str, int]) -> dict[str, int] | None:
    """What an allocation takes of each capacity of the device, its policies applied; None where the device does not
    have what is asked for, or may not give it in such amounts."""
    wanted: dict[str, int] = {}
    for name, amount in requests.items():
        found = _resolve(name, device)
        if found is None or found in wanted:
            return None
        wanted[found] = amount
    taken: dict[str, int] = {}
    for name, total in device.capacity.items():
        policy: Obj = device.tree["capacity"][name].get("requestPolicy") or {}
        amount = _rounded(wanted.get(name), total, policy)
        if amount < 0 or _violates(amount, policy):
            return None
        taken[name] = amount
    return taken


def fits(device: Device, taken: Mapping[str, int], used: Mapping[str, int]) -> bool:
    """Whether the amounts are left, where `used` are given away already."""
    return all(used.get(name, 0) + amount <= device.capacity[name] for name, amount in taken.items())


def _resolve(name: str, device: Device) -> str | None:
    """The capacity that a request means; the driver's own may be named with or without its domain."""
    if name in device.capacity:
        return name
    driver = device.id[0]
    domain, slash, identifier = name.partition("/")
    other = identifier if slash and domain == driver else "" if slash else f"{driver}/{name}"
    return other if other and other in device.capacity else None


def _rounded(wanted: int | None, total: int, policy: Obj) -> int:
    if wanted is None:
        return nano(policy["default"]) if policy.get("default") is not None else total
    allowed = policy.get("validRange")
    if allowed is not None and allowed.get("min") is not None:
        least = nano(allowed["min"])
        if wanted < least:
            return least
        if allowed.get("step") is not None:
            step = nano(allowed["step"])
            return least + -(-(wanted - least) // step) * step
        return wanted
    values = sorted(nano(value) for value in policy.get("validValues") or ())
    return next((value for value in values if value >= wanted), wanted)


def _violates(amount: int, policy: Obj) -> bool:
    allowed = policy.get("validRange")
    if allowed is not None:
        return (
            (allowed.get("min") is not None and amount < nano(allowed["min"]))
            or (allowed.get("max") is not None and amount > nano(allowed["max"]))
            or (
                allowed.get("step") is not None
                and (amount - nano(allowed.get("min") or "0")) % nano(allowed["step"]) != 0
            )
        )
    values = {nano(value) for value in policy.get("validValues") or ()}
    return bool(values) and amount not in values
