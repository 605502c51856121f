"""The scheduler against a real API server in the same process."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ServiceUnavailable
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import MASTERS, User
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.scheduler import queue
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.store.memory import MemoryStore

from .trees import anti_affinity, node, pod

Story = Callable[[ApiClient, Scheduler], Awaitable[None]]
TAINT = [{"key": "k", "value": "v", "effect": "NoSchedule"}]


class FlakyTransport:
    """A transport whose first bindings fail."""

    def __init__(self, inner: Any, failures: int) -> None:
        self._inner = inner
        self._failures = failures
        self.watch, self.close = inner.watch, inner.close

    async def call(self, call: Call) -> Obj:
        if call.subresource == "binding" and self._failures:
            self._failures -= 1
            raise ServiceUnavailable("not now")
        result: Obj = await self._inner.call(call)
        return result


def play(story: Story, *, binding_failures: int = 0) -> None:
    """Runs a story while the scheduler runs beside it."""

    async def main() -> None:
        env = Env(now=lambda: 1_790_000_000.0, rng=random.Random(7))
        store = MemoryStore(env)
        async with ApiServer(store, env, ApiServerConfig(freeze_trees=True)) as server, asyncio.timeout(10):
            transport = server.transport(User("admin", groups=(MASTERS,)))
            client = ApiClient(transport)
            scheduler = Scheduler(ApiClient(FlakyTransport(transport, binding_failures)), env)
            running = asyncio.create_task(scheduler.run())
            account = new_object(kinds.SERVICEACCOUNT, "default", "default")
            await client.create(kinds.SERVICEACCOUNT, account)
            try:
                await story(client, scheduler)
                assert not running.done()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        await store.close()

    asyncio.run(main())


async def make(client: ApiClient, tree: dict[str, Any]) -> Obj:
    kind = kinds.NODE if tree["kind"] == "Node" else kinds.POD
    created = await client.create(kind, {**tree, "metadata": {**tree["metadata"], "uid": None}})
    if kind is kinds.NODE:
        name = tree["metadata"]["name"]
        # A new node is tainted as not ready; nobody here watches its conditions.
        await client.patch(kind, name, "", {"spec": {"taints": tree["spec"].get("taints")}})
        created = await client.patch(kind, name, "", {"status": tree["status"]}, subresource="status")
    return created


async def until(client: ApiClient, name: str, holds: Callable[[Obj], bool]) -> Obj:
    """Waits on a watch until the pod is as wanted."""
    async with client.watch(kinds.POD, "default", fields=f"metadata.name={name}") as events:
        async for event in events:
            if event.type != "BOOKMARK" and holds(event.object):
                return event.object
    raise AssertionError("the watch ended")


async def events_of(client: ApiClient, reason: str) -> list[Obj]:
    return [each for each in (await client.list(kinds.EVENT, "default")).items if each["reason"] == reason]


def bound(obj: Obj) -> bool:
    return bool(obj["spec"].get("nodeName"))


def scheduled_condition(obj: Obj) -> Obj:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == "PodScheduled"), {})


def refused(obj: Obj) -> bool:
    return scheduled_condition(obj).get("status") == "False"


def test_a_pod_gets_a_node_a_condition_and_an_event() -> None:
    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, node("a", cpu="1"))
        await make(client, node("b", cpu="4"))
        await make(client, pod("web", cpu="2"))
        web = await until(client, "web", bound)
        assert web["spec"]["nodeName"] == "b"
        assert scheduled_condition(web)["status"] == "True"
        await scheduler._recorder.flush()
        (event,) = await events_of(client, "Scheduled")
        assert event["message"] == "Successfully assigned default/web to b"
        assert event["source"]["component"] == "default-scheduler"
        decision = scheduler.decision(web["metadata"]["uid"])
        assert decision is not None
        assert decision.verdicts[0].rejections[0].reason == "Insufficient cpu"

    play(story)


def test_a_pod_that_fits_nowhere_says_so_and_goes_when_a_node_comes() -> None:
    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, pod("web", cpu="2"))
        waiting = await until(client, "web", refused)
        assert scheduled_condition(waiting)["message"] == "no nodes available to schedule pods"
        await make(client, node("a", cpu="1"))
        waiting = await until(
            client, "web", lambda o: "Insufficient" in scheduled_condition(o).get("message", "")
        )
        assert scheduled_condition(waiting)["reason"] == "Unschedulable"
        assert scheduled_condition(waiting)["message"] == (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
            "1 Preemption is not helpful for scheduling."
        )
        await make(client, node("b"))
        assert (await until(client, "web", bound))["spec"]["nodeName"] == "b"
        await scheduler._recorder.flush()
        failed = await events_of(client, "FailedScheduling")
        assert {event["type"] for event in failed} == {"Warning"}
        assert "no nodes available to schedule pods" in {event["message"] for event in failed}

    play(story)


def test_a_taint_that_goes_and_a_pod_that_ends_let_waiting_pods_go() -> None:
    async def story(client: ApiClient, _scheduler: Scheduler) -> None:
        await make(client, node("a", cpu="2", taints=TAINT))
        await make(client, pod("first", cpu="2"))
        await until(client, "first", refused)
        await client.patch(kinds.NODE, "a", "", {"spec": {"taints": None}})
        await until(client, "first", bound)
        await make(client, pod("second", cpu="2"))
        await until(client, "second", refused)
        await client.patch(
            kinds.POD, "first", "default", {"status": {"phase": "Succeeded"}}, subresource="status"
        )
        await until(client, "second", bound)

    play(story)


def test_many_pods_at_once_never_overfill_a_node() -> None:
    async def story(client: ApiClient, _scheduler: Scheduler) -> None:
        for number in range(4):
            await make(client, node(f"n{number}", cpu="5"))
        spread_out = anti_affinity(app="lonely")
        lonely = [pod(f"l{n}", cpu="1", labels={"app": "lonely"}, affinity=spread_out) for n in range(4)]
        await asyncio.gather(*(make(client, each) for each in lonely))
        await asyncio.gather(*(make(client, pod(f"p{n}", cpu="1")) for n in range(16)))
        names = [*(f"p{n}" for n in range(16)), *(f"l{n}" for n in range(4))]
        done = await asyncio.gather(*(until(client, name, bound) for name in names))
        places = [each["spec"]["nodeName"] for each in done]
        assert {name: places.count(name) for name in set(places)} == {f"n{n}": 5 for n in range(4)}
        assert len(set(places[16:])) == 4

    play(story)


def test_a_binding_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "BACKOFF_FIRST", 0.01)

    async def story(client: ApiClient, _scheduler: Scheduler) -> None:
        await make(client, node("a", cpu="1"))
        await make(client, pod("web", cpu="1"))
        await until(client, "web", bound)

    play(story, binding_failures=1)


def test_pods_of_another_scheduler_and_gated_pods_are_left_alone() -> None:
    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, node("a"))
        await make(client, pod("other", schedulerName="mine"))
        await make(client, pod("gated", schedulingGates=[{"name": "example.com/wait"}]))
        await make(client, pod("web"))
        await until(client, "web", bound)
        for name in ("other", "gated"):
            assert not bound(await client.get(kinds.POD, name, "default"))
        await client.patch(kinds.POD, "gated", "default", {"spec": {"schedulingGates": None}})
        await until(client, "gated", bound)
        assert scheduler.cycle is not None
        assert len(scheduler.cycle.queue) == 0

    play(story)


def test_importing_the_scheduler_does_not_import_numpy() -> None:
    code = "import sys, pybernetes.scheduler.scheduler; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
