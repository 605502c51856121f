"""Events of both groups (upstream: test/e2e/instrumentation/{events,core_events}.go)."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj
from tests.conformance.scenario import changed, until, watching

EVENT, CORE = kinds.EVENTS_EVENT, kinds.EVENT
LABEL = {"testevent-set": "true"}


def new_event(ns: str, name: str, label: bool) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": ns, "labels": LABEL if label else {}},
        "regarding": {"namespace": ns},
        "eventTime": "2017-09-19T13:49:16.000000Z",
        "note": "This is a test event",
        "action": "Do",
        "reason": "Test",
        "type": "Normal",
        "reportingController": "test-controller",
        "reportingInstance": "test-node",
    }


def core_event(ns: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": ns, "labels": LABEL},
        "message": "This is a test event",
        "reason": "Test",
        "type": "Normal",
        "count": 1,
        "involvedObject": {"namespace": ns},
        **more,
    }


async def test_life_of_a_new_event(c: Cluster, ns: str) -> None:
    """[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]"""
    made = await c.client.create(EVENT, new_event(ns, "event-test", True))
    for namespace in ("", ns):
        listed = (await c.client.list(EVENT, namespace, fields=f"regarding.namespace={ns}")).items
        assert "event-test" in [obj["metadata"]["name"] for obj in listed]
        listed = (await c.client.list(EVENT, namespace, fields="reportingController=test-controller")).items
        assert "event-test" in [
            obj["metadata"]["name"] for obj in listed if obj["metadata"]["namespace"] == ns
        ]
    got = await c.client.get(EVENT, "event-test", ns)
    assert got == made
    assert "deprecatedCount" not in got
    patched = await c.client.patch(
        EVENT, "event-test", ns, {"reportingInstance": "test-node", "note": "This is a patched event"}
    )
    assert patched["note"] == "This is a patched event"
    series = {"count": 100, "lastObservedTime": "2014-01-30T12:34:56.000000Z"}
    updated = await c.client.update(EVENT, {**patched, "series": series})
    assert updated["series"] == series
    assert await c.client.get(EVENT, "event-test", ns) == updated
    core = await c.client.get(CORE, "event-test", ns)
    assert core["message"] == "This is a patched event"
    assert core["involvedObject"]["namespace"] == ns
    await c.client.delete(EVENT, "event-test", ns)
    with pytest.raises(NotFound):
        await c.client.get(EVENT, "event-test", ns)
    assert not (await c.client.list(EVENT, ns, labels="testevent-set=true")).items


async def test_collection_of_new_events(c: Cluster, ns: str) -> None:
    """[sig-instrumentation] Events API should delete a collection of events [Conformance]"""
    for name in ("test-event-1", "test-event-2", "test-event-3"):
        await c.client.create(EVENT, new_event(ns, name, True))
    await c.client.create(EVENT, new_event(ns, "other", False))
    assert len((await c.client.list(EVENT, ns, labels="testevent-set=true")).items) == 3
    await c.client.delete_collection(EVENT, ns, labels="testevent-set=true")
    assert not (await c.client.list(EVENT, ns, labels="testevent-set=true")).items
    await c.client.get(EVENT, "other", ns)


async def test_life_of_a_core_event(c: Cluster, ns: str) -> None:
    """[sig-instrumentation] Events should manage the lifecycle of an event [Conformance]"""
    await c.client.create(CORE, core_event(ns, "event-test"))
    assert (
        len((await c.client.list(CORE, fields=f"metadata.name=event-test,metadata.namespace={ns}")).items)
        == 1
    )
    assert len((await c.client.list(CORE, labels="testevent-set=true", fields="reason=Test")).items) == 1
    patch = {"message": "This is a test event - patched"}
    patched = await c.client.patch(CORE, "event-test", ns, patch, patch_type="strategic")
    assert patched["message"] == patch["message"]
    got = await c.client.get(CORE, "event-test", ns)
    assert got == patched
    series = {"count": 100, "lastObservedTime": "2014-01-30T12:34:56.000000Z"}
    complete = {
        **got,
        "eventTime": "2014-01-30T12:34:56.000000Z",
        "action": "Do",
        "reportingComponent": "test-controller",
        "reportingInstance": "test-node",
        "series": series,
    }
    updated = await c.client.update(CORE, complete)
    assert updated["series"] == series
    await c.client.delete(CORE, "event-test", ns)
    assert not (await c.client.list(CORE, labels="testevent-set=true")).items


async def test_collection_of_core_events(c: Cluster, ns: str) -> None:
    """[sig-instrumentation] Events should delete a collection of events [Conformance]"""
    for name in ("test-event-1", "test-event-2", "test-event-3"):
        await c.client.create(CORE, core_event(ns, name))
    assert len((await c.client.list(CORE, ns, labels="testevent-set=true")).items) == 3
    await c.client.delete_collection(CORE, ns, labels="testevent-set=true")

    async def emptied() -> bool:
        return not (await c.client.list(CORE, ns, labels="testevent-set=true")).items

    await until("the events are gone", emptied)


async def test_both_groups_show_one_object(c: Cluster, ns: str) -> None:
    """A watch of either group sees what the other has written, in its own words."""
    async with watching(c.client, EVENT, ns) as seen:
        await c.client.create(CORE, core_event(ns, "shared", source={"component": "x", "host": "y"}))
        found: Obj = (await seen.next()).object
    assert (found["note"], found["deprecatedCount"]) == ("This is a test event", 1)
    assert found["deprecatedSource"] == {"component": "x", "host": "y"}
    assert found["regarding"] == {"namespace": ns}
    assert changed(found, labels={})["metadata"]["labels"] == LABEL
