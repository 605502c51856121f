"""Events: what each of the two groups demands of them."""

from __future__ import annotations

from typing import Any

from pybernetes.api import kinds
from pybernetes.api.fielderrors import FieldErrors


def old(namespace: str = "ns", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "e", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": metadata,
        "involvedObject": {"namespace": "ns"},
        **fields,
    }


def new(**fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "ns"},
        "regarding": {"namespace": "ns"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/controller",
        "reportingInstance": "controller-1",
        "action": "Do",
        "reason": "Test",
        "type": "Normal",
        **fields,
    }


def told(event: dict[str, Any]) -> list[str]:
    kind = kinds.EVENT if event["apiVersion"] == "v1" else kinds.EVENTS_EVENT
    errors = FieldErrors()
    kind.validate(event, errors)
    kind.validate_create(event, errors)
    return [*errors]


def test_an_event_lives_where_its_object_lives() -> None:
    assert told(old()) == []
    assert told(old("other")) == [
        'involvedObject.namespace: Invalid value: "ns": does not match event.namespace'
    ]
    assert told(old("default", involvedObject={})) == []
    assert told(old(involvedObject={})) == [
        'involvedObject.namespace: Invalid value: "": does not match event.namespace'
    ]
    assert told(new(metadata={"name": "e", "namespace": "kube-system"}, regarding={})) == []


def test_a_time_in_microseconds_makes_the_report_complete() -> None:
    timed = old(eventTime="2026-01-01T00:00:00.000000Z")
    assert [line.partition(":")[0] for line in told(timed)] == [
        "reportingComponent",
        "reportingComponent",
        "reportingComponent",
        "reportingInstance",
        "action",
        "reason",
    ]
    assert told(new()) == []
    assert told(new(reportingInstance="x" * 129)) == [
        'reportingInstance: Invalid value: "": can have at most 128 characters'
    ]
    assert told(new(note="x" * 1025)) == ['message: Invalid value: "": can have at most 1024 characters']


def test_new_events_leave_out_what_is_deprecated() -> None:
    assert told(new(eventTime=None)) == ["eventTime: Required value"]
    assert told(new(type="Odd")) == ['type: Invalid value: "": has invalid value: Odd']
    assert told(new(deprecatedCount=2)) == ['deprecatedCount: Invalid value: "": needs to be unset']
    assert told(new(series={"count": 1})) == [
        'series.count: Invalid value: "": should be at least 2',
        "series.lastObservedTime: Required value",
    ]


def test_only_note_and_series_of_a_new_event_change() -> None:
    errors = FieldErrors()
    series = {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}
    kinds.EVENTS_EVENT.validate_update(new(note="other", series=series), new(note="one"), errors)
    assert not errors
    kinds.EVENTS_EVENT.validate_update(new(reason="Other"), new(), errors)
    assert [*errors] == ['reason: Invalid value: "Other": field is immutable']
