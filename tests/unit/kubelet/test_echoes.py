"""What a kubelet did itself comes back to it as news, of the runtime and of the API: that costs no second look."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kubelet_world import NODE, World, container, play, pod, state_of

from pybernetes.api import kinds
from pybernetes.kubelet.podworker import worker as podworker
from pybernetes.kubelet.runtime import ContainerEvent, Unavailable


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each pod that is planned for, in order."""
    planned: list[str] = []
    real = podworker.plan

    def plan(of: Any, seen: Any, now: float) -> Any:
        planned.append(of["metadata"]["name"])
        return real(of, seen, now)

    monkeypatch.setattr(podworker, "plan", plan)
    return planned


def test_a_pod_that_starts_is_planned_for_as_often_as_something_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned = counted(monkeypatch)

    async def story(world: World) -> None:
        seen = await world.run_pod(pod())
        assert seen["status"]["phase"] == "Running"
        # The beginning; sandbox, image and volumes are there; the container runs.
        assert len(planned) <= 4
        await asyncio.sleep(120)
        assert len(planned) <= 4

    play(story)


def test_what_happens_to_a_container_is_planned_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = counted(monkeypatch)

    async def story(world: World) -> None:
        await world.run_pod(pod())
        planned.clear()
        world.runtime.crash(await world.container_id(), 3)
        await asyncio.sleep(1)
        assert planned
        assert state_of(await world.pod())["restartCount"] == 1

    play(story)


def test_what_others_write_into_the_status_is_planned_for(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = counted(monkeypatch)

    async def story(world: World) -> None:
        await world.run_pod(pod(readinessGates=[{"conditionType": "example.com/gate"}]))
        planned.clear()
        gate = {"type": "example.com/gate", "status": "True"}
        await world.client.patch(
            kinds.POD,
            "web",
            "default",
            {"status": {"conditions": [gate]}},
            patch_type="strategic",
            subresource="status",
        )
        await asyncio.sleep(1)
        assert planned
        conditions = {c["type"]: c["status"] for c in (await world.pod())["status"]["conditions"]}
        assert conditions["Ready"] == "True"

    play(story)


def test_a_new_sandbox_is_looked_up_alone() -> None:
    async def story(world: World) -> None:
        for number in range(3):
            await world.run_pod(pod(f"old{number}"))
        asked: list[str] = []
        real = world.runtime.list_pod_sandbox

        async def listed(**wanted: Any) -> Any:
            asked.append(wanted.get("id") or ("of a pod" if wanted.get("labels") else "all"))
            return await real(**wanted)

        world.runtime.list_pod_sandbox = listed  # type: ignore[method-assign]
        seen = await world.run_pod(pod("new", containers=[container(), container("other")]))
        assert seen["status"]["phase"] == "Running"
        assert "all" not in asked

    play(story)


def test_a_strange_event_lists_everything() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod())
        asked = 0
        real = world.runtime.list_pod_sandbox

        async def listed(**wanted: Any) -> Any:
            nonlocal asked
            asked += not wanted
            return await real(**wanted)

        world.runtime.list_pod_sandbox = listed  # type: ignore[method-assign]
        for queue in world.runtime._listeners:
            queue.put_nowait(ContainerEvent("nobody's", "STOPPED", world.env.now()))
        await asyncio.sleep(1)
        assert asked == 1
        assert (await world.pod())["spec"]["nodeName"] == NODE

    play(story)


def test_a_runtime_that_does_not_answer_the_look_up_is_asked_again() -> None:
    async def story(world: World) -> None:
        real, refusals = world.runtime.list_pod_sandbox, 2

        async def listed(**wanted: Any) -> Any:
            nonlocal refusals
            if wanted.get("id") and refusals:
                refusals -= 1
                raise Unavailable("restarting")
            return await real(**wanted)

        world.runtime.list_pod_sandbox = listed  # type: ignore[method-assign]
        await world.run_pod(pod(), settle=5)
        world.runtime.crash(await world.container_id(), 1)
        await asyncio.sleep(5)
        assert state_of(await world.pod())["restartCount"] == 1

    play(story)
