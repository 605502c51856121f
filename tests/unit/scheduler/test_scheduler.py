"""The scheduler against a real API server in the same process."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pybernetes.api import kinds
from pybernetes.client.client import ApiClient
from pybernetes.scheduler import queue
from pybernetes.scheduler.scheduler import Scheduler

from .playing import TAINT, bound, events_of, make, play, refused, scheduled_condition, until
from .trees import anti_affinity, node, pod


def test_a_pod_gets_a_node_a_condition_and_an_event() -> None:
    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, node("a", cpu="1"))
        await make(client, node("b", cpu="4"))
        await make(client, pod("web", cpu="2"))
        web = await until(client, "web", bound)
        assert web["spec"]["nodeName"] == "b"
        assert scheduled_condition(web)["status"] == "True"
        await scheduler.reporter.flush()
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
        await scheduler.reporter.flush()
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
