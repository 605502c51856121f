"""Events as `events.k8s.io/v1` serves them; stored as `v1`, between which only names of fields differ."""

from __future__ import annotations

from typing import Any

from ..core.event import COLUMNS, SELECTABLE
from ..core.event_validation import validate_create_new_api, validate_new_api, validate_update_new_api
from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import MutableObj, Obj

TO_STORED = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
FROM_STORED = {stored: served for served, stored in TO_STORED.items()}


def to_stored(obj: Obj) -> MutableObj:
    return {**_renamed(obj, TO_STORED), "apiVersion": "v1"}


def from_stored(obj: Obj) -> MutableObj:
    return {**_renamed(obj, FROM_STORED), "apiVersion": "events.k8s.io/v1"}


def _renamed(obj: Obj, names: dict[str, str]) -> dict[str, Any]:
    return {names.get(field, field): value for field, value in obj.items()}


def _validate(event: Obj, errors: FieldErrors) -> None:
    validate_new_api(to_stored(event), errors)


def _validate_create(event: Obj, errors: FieldErrors) -> None:
    validate_create_new_api(to_stored(event), errors)


def _validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_update_new_api(to_stored(new), to_stored(old), errors)


_STORED_FIELDS = {
    **{
        field.replace("involvedObject", "regarding"): field
        for field in SELECTABLE
        if field not in ("source", "reportingComponent")
    },
    "reportingController": "reportingComponent",
}

EVENTS_EVENT = Kind(
    group="events.k8s.io",
    version="v1",
    kind="Event",
    plural="events",
    namespaced=True,
    singular="event",
    short_names=("ev",),
    storage_version="v1",
    to_stored=to_stored,
    from_stored=from_stored,
    schema="io.k8s.api.events.v1.Event",
    create_on_update=True,
    validate=_validate,
    validate_create=_validate_create,
    validate_update=_validate_update,
    columns=tuple(COLUMNS),
    selectable={served: SELECTABLE[stored] for served, stored in _STORED_FIELDS.items()},
    stored_fields=_STORED_FIELDS,
)
