"""Events, as `v1` serves and every version stores them."""

from __future__ import annotations

from ..kind import Kind

EVENT = Kind(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    namespaced=True,
    singular="event",
    short_names=("ev",),
    schema="io.k8s.api.core.v1.Event",
)
