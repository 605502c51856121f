"""Events as `events.k8s.io/v1` serves them; stored as `v1`."""

from __future__ import annotations

from ..kind import Kind

EVENTS_EVENT = Kind(
    group="events.k8s.io",
    version="v1",
    kind="Event",
    plural="events",
    namespaced=True,
    singular="event",
    short_names=("ev",),
    storage_version="v1",
    schema="io.k8s.api.events.v1.Event",
)
