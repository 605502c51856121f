"""Events, as `v1` serves and every version stores them."""

from __future__ import annotations

from ..cells import NAME, at, dig, since
from ..kind import Cell, Column, Kind
from ..meta import Obj
from ..selectable import field_text
from .event_validation import validate


def first_seen(event: Obj) -> str | None:
    first: str | None = event.get("firstTimestamp") or event.get("eventTime")
    return first or event["metadata"].get("creationTimestamp")


def last_seen(event: Obj) -> str | None:
    observed: str | None = dig(event, "series", "lastObservedTime")
    return observed or event.get("lastTimestamp") or first_seen(event)


def occurrences(event: Obj) -> int:
    return int(dig(event, "series", "count") or event.get("count") or 1)


def last_seen_cell(event: Obj, now: float) -> Cell:
    """`5s`, or `3s (x4 over 10s)` for what has happened several times."""
    count = occurrences(event)
    age = since(last_seen(event), now)
    return f"{age} (x{count} over {since(first_seen(event), now)})" if count > 1 else age


def object_cell(event: Obj, _now: float) -> Cell:
    about = event.get("involvedObject") or {}
    kind = str(about.get("kind", "")).lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def source_cell(event: Obj, _now: float) -> Cell:
    component = dig(event, "source", "component") or event.get("reportingComponent") or ""
    host = dig(event, "source", "host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else str(component)


def message_cell(event: Obj, _now: float) -> Cell:
    return str(event.get("message", "")).strip()


COLUMNS = (
    Column("Last Seen", last_seen_cell),
    Column("Type", at("type")),
    Column("Reason", at("reason")),
    Column("Object", object_cell),
    Column("Subobject", at("involvedObject", "fieldPath"), priority=1),
    Column("Source", source_cell, priority=1),
    Column("Message", message_cell),
    Column("First Seen", lambda event, now: since(first_seen(event), now), priority=1),
    Column("Count", lambda event, _now: occurrences(event), priority=1),
    Column("Name", NAME.cell, priority=1),
)

SELECTABLE = {
    **{
        f"involvedObject.{name}": field_text("involvedObject", name)
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
    "reason": field_text("reason"),
    "reportingComponent": field_text("reportingComponent"),
    "source": lambda event: str(dig(event, "source", "component") or event.get("reportingComponent") or ""),
    "type": field_text("type"),
}

EVENT = Kind(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    namespaced=True,
    singular="event",
    short_names=("ev",),
    schema="io.k8s.api.core.v1.Event",
    create_on_update=True,
    name_rule="path",
    validate=validate,
    columns=COLUMNS,
    selectable=SELECTABLE,
)
