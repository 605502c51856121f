"""Events against a real API server in the same process: counting, combining, limiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.client.events import EventRecorder, reference
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore
from tests.virtualtime import run_virtual

START = 1_790_000_000.0


def with_recorder(story: Callable[[ApiClient, EventRecorder, Obj], Awaitable[None]]) -> list[Obj]:
    """Runs a story and gives the events that are in the server then."""

    async def main() -> list[Obj]:
        loop = asyncio.get_running_loop()
        env = Env(now=lambda: START + loop.time(), rng=random.Random(1))
        store = MemoryStore(env)
        async with ApiServer(store, env) as server:
            client = ApiClient(server.transport(LOOPBACK))
            about = await client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "web", "default"))
            recorder = EventRecorder(client, env, "replicaset-controller")
            task = asyncio.create_task(recorder.run())
            await story(client, recorder, about)
            await recorder.flush()
            task.cancel()
            await asyncio.wait({task})
            found = (await client.list(kinds.EVENT, "default")).items
        await store.close()
        return [event for event in found if event["involvedObject"]["name"] == "web"]

    return run_virtual(main())


def test_an_event_says_what_upstreams_says() -> None:
    async def story(_client: ApiClient, recorder: EventRecorder, about: Obj) -> None:
        recorder.event(about, "Normal", "SuccessfulCreate", "Created pod: web-abcde")

    (event,) = with_recorder(story)
    assert event["metadata"]["name"].startswith("web.")
    assert event["metadata"]["namespace"] == "default"
    assert event["involvedObject"]["kind"] == "ConfigMap"
    assert event["involvedObject"]["apiVersion"] == "v1"
    assert event["involvedObject"]["uid"]
    assert event["source"] == {"component": "replicaset-controller"}
    assert event["reportingComponent"] == "replicaset-controller"
    assert (event["type"], event["reason"], event["count"]) == ("Normal", "SuccessfulCreate", 1)
    assert event["firstTimestamp"] == event["lastTimestamp"]


def test_the_same_again_is_counted() -> None:
    async def story(_client: ApiClient, recorder: EventRecorder, about: Obj) -> None:
        for _ in range(3):
            recorder.event(about, "Warning", "BackOff", "Back-off restarting")
            await asyncio.sleep(10)

    (event,) = with_recorder(story)
    assert event["count"] == 3
    assert event["firstTimestamp"] < event["lastTimestamp"]


def test_an_event_that_expired_meanwhile_is_made_anew() -> None:
    async def story(client: ApiClient, recorder: EventRecorder, about: Obj) -> None:
        recorder.event(about, "Warning", "BackOff", "Back-off restarting")
        await recorder.flush()
        await client.delete_collection(kinds.EVENT, "default")
        recorder.event(about, "Warning", "BackOff", "Back-off restarting")

    (event,) = with_recorder(story)
    assert event["count"] == 1


def test_ten_similar_ones_become_one_combined_event_that_is_counted() -> None:
    async def story(_client: ApiClient, recorder: EventRecorder, about: Obj) -> None:
        for number in range(20):
            recorder.event(about, "Warning", "FailedCreate", f"Error creating: attempt {number}")
            await asyncio.sleep(1)

    events = with_recorder(story)
    combined = [e for e in events if e["message"].startswith("(combined from similar events): ")]
    assert len(events) == 10
    assert len(combined) == 1
    assert combined[0]["count"] == 11
    assert combined[0]["message"].endswith("attempt 19")


def test_similar_ones_ten_minutes_apart_are_not_combined() -> None:
    async def story(_client: ApiClient, recorder: EventRecorder, about: Obj) -> None:
        for number in range(12):
            recorder.event(about, "Warning", "FailedCreate", f"Error creating: attempt {number}")
            await asyncio.sleep(601)

    # Events live an hour: what is left are the last ones, none of them combined.
    events = with_recorder(story)
    assert events
    assert not any("combined" in e["message"] for e in events)


def test_a_storm_about_one_object_is_cut_off_and_other_objects_are_still_heard() -> None:
    async def story(client: ApiClient, recorder: EventRecorder, about: Obj) -> None:
        for number in range(40):
            recorder.event(about, "Warning", "BackOff", "Back-off restarting")
            if number == 39:
                other = new_object(kinds.CONFIGMAP, "other", "default")
                recorder.event(
                    await client.create(kinds.CONFIGMAP, other), "Normal", "Heard", "Other objects are heard"
                )
        await recorder.flush()
        heard = [e for e in (await client.list(kinds.EVENT, "default")).items if e["reason"] == "Heard"]
        assert len(heard) == 1

    (event,) = with_recorder(story)
    assert event["count"] == 25


def test_events_about_cluster_scoped_objects_are_in_default() -> None:
    async def main() -> dict[str, Any]:
        about: Obj = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "web", "uid": "web"}}
        return reference(about)

    assert run_virtual(main()) == {"apiVersion": "v1", "kind": "Node", "name": "web", "uid": "web"}

    async def story(_client: ApiClient, recorder: EventRecorder, _about: Obj) -> None:
        recorder.event(
            {"apiVersion": "v1", "kind": "Node", "name": "web", "uid": "web"}, "Normal", "Up", "up"
        )

    (event,) = with_recorder(story)
    assert event["metadata"]["namespace"] == "default"


def test_what_has_no_uid_is_told_apart_by_its_name() -> None:
    async def story(_client: ApiClient, recorder: EventRecorder, _about: Obj) -> None:
        for name in ("other", "web"):
            recorder.event({"kind": "Node", "name": name}, "Warning", "Full", "The disk is full")

    (event,) = with_recorder(story)
    assert event["count"] == 1
