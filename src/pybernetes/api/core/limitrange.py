"""LimitRanges: bounds and defaults of resources in a namespace."""

from __future__ import annotations

from ..kind import Kind
from ..meta import MutableObj
from .limitrange_validation import validate


def default(limit_range: MutableObj) -> None:
    """Of containers: limits default to the maximum, requests to the limits, and else to the minimum."""
    for item in limit_range.setdefault("spec", {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        for field, amounts in (("default", limits), ("defaultRequest", requests)):
            if amounts:
                item[field] = amounts


LIMITRANGE = Kind(
    group="",
    version="v1",
    kind="LimitRange",
    plural="limitranges",
    namespaced=True,
    singular="limitrange",
    short_names=("limits",),
    schema="io.k8s.api.core.v1.LimitRange",
    create_on_update=True,
    default=default,
    validate=validate,
)
