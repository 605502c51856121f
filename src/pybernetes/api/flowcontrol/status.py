"""The rules of the conditions of FlowSchemas and PriorityLevelConfigurations."""

from __future__ import annotations

from ..cells import dig
from ..fielderrors import FieldErrors
from ..meta import Obj


def validate_status(obj: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, condition in enumerate(dig(obj, "status", "conditions") or ()):
        at, kind = errors.at("status", "conditions", index), condition.get("type") or ""
        if kind in seen:
            at.duplicate(kind, "type")
        seen.add(kind)
        if not kind:
            at.required("type", "must not be empty")


def validate_status_update(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    validate_status(new, errors)
