"""LimitRanges: bounds and defaults of resources in a namespace."""

from __future__ import annotations

from ..kind import Kind

LIMITRANGE = Kind(
    group="",
    version="v1",
    kind="LimitRange",
    plural="limitranges",
    namespaced=True,
    singular="limitrange",
    short_names=("limits",),
    schema="io.k8s.api.core.v1.LimitRange",
)
