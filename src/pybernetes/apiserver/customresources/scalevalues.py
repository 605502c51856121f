"""The values in a custom resource that its scale subresource shows: they must be what a Scale can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import Obj

LARGEST = 2**31 - 1
_TYPES = ((bool, "bool"), (int, "int64"), (float, "float64"), (str, "string"), (list, "[]interface {}"))


def validate_scale_values(obj: Obj, scale: Obj, errors: FieldErrors) -> None:
    """`scale` is the `scale` of the definition's subresources. Upstream's `ValidateScaleSpec`, `ValidateScaleStatus`."""
    for field in ("specReplicasPath", "statusReplicasPath"):
        path = str(scale[field])
        value, problem = _nested(obj, path, int)
        if problem:
            errors.invalid(0, problem, path)
        elif value < 0:
            errors.invalid(value, "should be a non-negative integer", path)
        elif value > LARGEST:
            errors.invalid(value, f"should be less than or equal to {LARGEST}", path)
    if path := str(scale.get("labelSelectorPath") or ""):
        _, problem = _nested(obj, path, str)
        if problem:
            errors.invalid("", problem, path)


def _nested(obj: Obj, path: str, wanted: type) -> tuple[Any, str]:
    """The value at a dotted path (zero where there is none), or why it cannot be read."""
    here: Any = obj
    *above, last = path.removeprefix(".").split(".")
    for number, step in enumerate((*above, last)):
        if not isinstance(here, Mapping):
            return wanted(), _problem(above[:number], here, "map[string]interface {}")
        if step not in here:
            return wanted(), ""
        here = here[step]
    if not isinstance(here, wanted) or isinstance(here, bool):
        return wanted(), _problem([*above, last], here, "int64" if wanted is int else "string")
    return here, ""


def _problem(steps: list[str], value: Any, wanted: str) -> str:
    found = next((name for kind, name in _TYPES if isinstance(value, kind)), "map[string]interface {}")
    shown = "<nil>" if value is None else str(value).lower() if isinstance(value, bool) else value
    kind = "<nil>" if value is None else found
    return f".{'.'.join(steps)} accessor error: {shown} is of the type {kind}, expected {wanted}"
