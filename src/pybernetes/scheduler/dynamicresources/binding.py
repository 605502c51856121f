"""Devices that must be made ready after their allocation, before a pod is bound: the conditions that a driver reports in
`status.devices`. Pure."""

from __future__ import annotations

from pybernetes.api.meta import Obj, name_of
from pybernetes.lang import timestamps

BINDING_SECONDS = 600.0


def failure(claim: Obj) -> str:
    """Why a device will not become ready; "" where none has failed."""
    for result, conditions in _conditional(claim):
        for wanted in result.get("bindingFailureConditions") or ():
            found = conditions.get(wanted)
            if found is not None and found.get("status") == "True":
                reason, message = found.get("reason") or "", found.get("message") or ""
                return f'claim {name_of(claim)} binding failed: reason={reason}, message="{message}"'
    return ""


def is_ready(claim: Obj) -> bool:
    """Whether every device of an allocated claim is ready; most have nothing to wait for."""
    return all(
        (conditions.get(wanted) or {}).get("status") == "True"
        for result, conditions in _conditional(claim)
        for wanted in result["bindingConditions"]
    )


def has_conditions(claim: Obj) -> bool:
    return bool(_conditional(claim))


def is_overdue(claim: Obj, now: float, seconds: float) -> bool:
    """Whether the devices had their time. `now` is Unix time."""
    allocated = str(((claim.get("status") or {}).get("allocation") or {}).get("allocationTimestamp") or "")
    return allocated != "" and has_conditions(claim) and timestamps.parse(allocated) + seconds < now


def is_stuck(claim: Obj, now: float, seconds: float) -> bool:
    """Whether an allocated claim will not get ready: one may try other devices."""
    if not has_conditions(claim):
        return False
    return bool(failure(claim)) or (not is_ready(claim) and is_overdue(claim, now, seconds))


def _conditional(claim: Obj) -> list[tuple[Obj, dict[str, Obj]]]:
    """The results with conditions, and the conditions of their devices by type."""
    status = claim.get("status") or {}
    results = ((status.get("allocation") or {}).get("devices") or {}).get("results") or ()
    found = []
    for result in results:
        if result.get("bindingConditions"):
            same = (each for each in status.get("devices") or () if _identity(each) == _identity(result))
            device: Obj = next(same, {})
            found.append((result, {each["type"]: each for each in device.get("conditions") or ()}))
    return found


def _identity(tree: Obj) -> tuple[str, str, str]:
    return tree["driver"], tree["pool"], tree["device"]
