"""The conditions of a CustomResourceDefinition's status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.lang import timestamps

from ..meta import MutableObj, Obj


def with_condition(status: Obj, type_: str, value: str, reason: str, message: str, now: float) -> MutableObj:
    """The status with this condition: `lastTransitionTime` moves only where the value changes."""
    new: dict[str, Any] = {
        "type": type_,
        "status": value,
        "lastTransitionTime": timestamps.rfc3339(now),
        "reason": reason,
        "message": message,
    }
    conditions = list(status.get("conditions") or ())
    for number, old in enumerate(conditions):
        if old.get("type") == type_:
            if old.get("status") == value:
                new["lastTransitionTime"] = old.get("lastTransitionTime")
            conditions[number] = new
            break
    else:
        conditions.append(new)
    return {**status, "conditions": conditions}


def condition(crd: Obj, type_: str) -> Obj | None:
    """The condition of that type."""
    conditions: Iterable[Obj] = (crd.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == type_), None)


def is_true(crd: Obj, type_: str) -> bool:
    """Whether the condition of that type says True."""
    found = condition(crd, type_)
    return found is not None and found.get("status") == "True"
