"""What an Event must be: the rules of `v1`, which every client may have grown up with, and those of `events.k8s.io/v1`.

Both speak of an event as it is stored. Source: upstream's `pkg/apis/core/validation/events.go`.
"""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.values import immutable

LONGEST_WORD, LONGEST_NOTE = 128, 1024
TYPES = ("Normal", "Warning")
OTHER_NAMESPACE = "does not match event.namespace"
UNSET = "needs to be unset"
DEPRECATED = {
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "source": "deprecatedSource",
}
"""Fields of old clients only, and what `events.k8s.io` calls them."""
IMMUTABLE = {
    "involvedObject": "involvedObject",
    "reason": "reason",
    "reportingComponent": "reportingController",
    "reportingInstance": "reportingInstance",
    "action": "action",
    "type": "type",
    "eventTime": "eventTime",
    **DEPRECATED,
}


def validate(event: Obj, errors: FieldErrors) -> None:
    """As `v1` takes it."""
    _validate(event, errors, "reportingComponent")


def _validate(event: Obj, errors: FieldErrors, controller: str) -> None:
    namespace = event["metadata"].get("namespace", "")
    about = (event.get("involvedObject") or {}).get("namespace") or ""
    if event.get("eventTime"):
        if not about and namespace not in ("default", "kube-system"):
            errors.at("involvedObject").invalid(about, OTHER_NAMESPACE, "namespace")
        _validate_report(event, errors, controller)
    elif (about or "default") != namespace:
        errors.at("involvedObject").invalid(about, OTHER_NAMESPACE, "namespace")


def _validate_report(event: Obj, errors: FieldErrors, controller: str) -> None:
    """What only events with a time in microseconds must have."""
    reporter = event.get("reportingComponent") or ""
    if not reporter:
        errors.required(controller)
    for message in names.qualified_name(reporter):
        errors.invalid(reporter, message, controller)
    for field in ("reportingInstance", "action", "reason"):
        value = event.get(field) or ""
        if not value:
            errors.required(field)
        if len(value.encode()) > LONGEST_WORD:
            errors.invalid("", f"can have at most {LONGEST_WORD} characters", field)
    if len((event.get("message") or "").encode()) > LONGEST_NOTE:
        errors.invalid("", f"can have at most {LONGEST_NOTE} characters", "message")


def validate_new_api(event: Obj, errors: FieldErrors) -> None:
    """As `events.k8s.io/v1` takes it, new or changed."""
    _validate(event, errors, "reportingController")


def validate_create_new_api(event: Obj, errors: FieldErrors) -> None:
    """Of new events, which old clients' fields have no place in."""
    _validate_series(event, errors)
    if not event.get("eventTime"):
        errors.required("eventTime")
    if event.get("type") not in TYPES:
        errors.invalid("", f"has invalid value: {event.get('type') or ''}", "type")
    for field, served in DEPRECATED.items():
        if event.get(field):
            errors.invalid("", UNSET, served)


def validate_update_new_api(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Of changed events: the note and the series may change."""
    if new.get("series") != old.get("series"):
        _validate_series(new, errors)
    for field, served in IMMUTABLE.items():
        immutable({served: _held(new, field)}, {served: _held(old, field)}, served, errors)


def _held(event: Obj, field: str) -> Any:
    """A field's value; what is empty is as good as absent."""
    return event.get(field) or None


def _validate_series(event: Obj, errors: FieldErrors) -> None:
    series = event.get("series")
    if series is None:
        return
    at = errors.at("series")
    if (series.get("count") or 0) < 2:
        at.invalid("", "should be at least 2", "count")
    if not series.get("lastObservedTime"):
        at.required("lastObservedTime")
