"""Running pods get other resources in place (KEP-1287)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from kubelet_world import World, condition, container, play, pod, state_of

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.kubelet import allocation
from pybernetes.kubelet.admission import Admission, Refusal
from pybernetes.kubelet.runtime import ContainerStats


def resources(cpu: str, memory: str = "64Mi", limit: str = "", memory_limit: str = "") -> Obj:
    limits = {"cpu": limit, "memory": memory_limit}
    found: dict[str, Any] = {"requests": {"cpu": cpu, "memory": memory}}
    if limits := {name: amount for name, amount in limits.items() if amount}:
        found["limits"] = limits
    return found


async def resize(world: World, name: str, given: Obj, settle: float = 2.0) -> Obj:
    patch = {"spec": {"containers": [{"name": "c", "resources": given}]}}
    await world.client.patch(kinds.POD, name, "default", patch, patch_type="strategic", subresource="resize")
    await asyncio.sleep(settle)
    return await world.pod(name)


def resizing(found: Obj) -> list[tuple[str, str]]:
    return [
        (c["type"], c.get("reason", ""))
        for c in found["status"]["conditions"]
        if c["type"].startswith("PodResize") and c["status"] == "True"
    ]


def small(**rest: Any) -> Obj:
    return container(resources=resources("100m", limit="200m", memory_limit="128Mi"), **rest)


def test_a_container_gets_more_without_a_restart() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(containers=[small()]))
        first = await world.container_id()
        new = resources("300m", "96Mi", "400m", "256Mi")
        after = await resize(world, "web", new)
        entry = state_of(after)
        assert entry["containerID"].endswith(first)
        assert entry["restartCount"] == 0
        assert entry["resources"] == new
        assert entry["allocatedResources"] == new["requests"]
        assert resizing(after) == []
        assert after["status"]["observedGeneration"] == after["metadata"]["generation"] == 2
        held = (await world.runtime.container_status(first)).resources
        assert held is not None
        assert (held.cpu_quota, held.memory_limit_in_bytes) == (40_000, 256 * 2**20)
        less = resources("50m", "32Mi", "100m", "96Mi")
        assert state_of(await resize(world, "web", less))["resources"] == less
        told = [(why, text) for why, text in await world.events() if why.startswith("Resize")]
        assert [why for why, _ in told] == ["ResizeStarted", "ResizeCompleted"] * 2
        assert told[0][1] == (
            'Pod resize started: {"containers":[{"name":"c","resources":{"limits":{"cpu":"400m","memory":"256Mi"},'
            '"requests":{"cpu":"300m","memory":"96Mi"}}}],"generation":2}'
        )

    play(story)


def test_a_container_whose_policy_says_so_is_restarted() -> None:
    async def story(world: World) -> None:
        policy = [
            {"resourceName": "cpu", "restartPolicy": "NotRequired"},
            {"resourceName": "memory", "restartPolicy": "RestartContainer"},
        ]
        await world.run_pod(pod(containers=[small(resizePolicy=policy)]))
        assert (
            state_of(await resize(world, "web", resources("200m", "64Mi", "300m", "128Mi")))["restartCount"]
            == 0
        )
        new = resources("200m", "96Mi", "300m", "256Mi")
        entry = state_of(await resize(world, "web", new, settle=10))
        assert (entry["restartCount"], entry["ready"], entry["resources"]) == (1, True, new)
        killed = [message for _, message in await world.events("Killing")]
        assert killed == ["Container c resize requires restart"]

    play(story)


def test_a_resize_waits_for_room_also_over_a_restart_of_the_kubelet() -> None:
    async def story(world: World) -> None:
        old, new = resources("3"), resources("6")
        await world.run_pod(pod("big", containers=[container(resources=resources("4"))]))
        await world.run_pod(pod("web", containers=[container(resources=old)]))
        waits = await resize(world, "web", new)
        assert condition(waits, "PodResizePending") == (
            "True",
            "Deferred",
            "Node didn't have enough resource: cpu, requested: 6000, used: 4000, capacity: 8000",
        )
        assert (state_of(waits)["resources"], state_of(waits)["allocatedResources"]) == (old, old["requests"])
        (deferred,) = await world.events("ResizeDeferred")
        assert deferred[1].startswith('Pod resize Deferred: {"containers":[{"name":"c"')
        assert deferred[1].endswith(
            '"error":"Node didn\'t have enough resource: cpu, requested: 6000, used: 4000, capacity: 8000"}'
        )
        await world.stop_kubelet()
        await world.start_kubelet()
        await asyncio.sleep(2)
        waits = await world.pod("web")
        assert resizing(waits) == [("PodResizePending", "Deferred")]
        assert state_of(waits)["allocatedResources"] == old["requests"]
        refused = await world.run_pod(pod("other", containers=[container(resources=resources("2"))]))
        assert refused["status"]["reason"] == "OutOfcpu"
        await world.client.delete(kinds.POD, "big", "default")
        await asyncio.sleep(40)
        done = await world.pod("web")
        assert resizing(done) == []
        assert (state_of(done)["resources"], state_of(done)["restartCount"]) == (new, 0)

    play(story)


def test_a_resize_that_is_taken_back_is_not_pending_any_more() -> None:
    async def story(world: World) -> None:
        old = resources("3")
        await world.run_pod(pod("big", containers=[container(resources=resources("4"))]))
        await world.run_pod(pod("web", containers=[container(resources=old)]))
        assert resizing(await resize(world, "web", resources("6"))) == [("PodResizePending", "Deferred")]
        back = await resize(world, "web", old)
        assert (resizing(back), state_of(back)["resources"]) == ([], old)

    play(story)


def test_a_resize_while_the_kubelet_was_away_is_done_when_it_is_back() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(containers=[small()]))
        first = await world.container_id()
        await world.stop_kubelet()
        new = resources("300m", "96Mi", "400m", "256Mi")
        await resize(world, "web", new)
        await world.start_kubelet()
        await asyncio.sleep(2)
        entry = state_of(await world.pod())
        assert (entry["resources"], entry["restartCount"]) == (new, 0)
        held = (await world.runtime.container_status(first)).resources
        assert held is not None
        assert held.cpu_quota == 40_000

    play(story)


def test_memory_that_is_in_use_is_not_taken_away() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(containers=[small()]))
        usage = [100 * 2**20]
        real = world.runtime.container_stats

        async def stats(container_id: str) -> ContainerStats:
            return replace(await real(container_id), memory_usage_bytes=usage[0])

        world.runtime.container_stats = stats  # type: ignore[method-assign]
        less = resources("100m", "32Mi", "200m", "64Mi")
        stuck = await resize(world, "web", less)
        assert condition(stuck, "PodResizeInProgress") == (
            "True",
            "Error",
            "cannot decrease memory limits: attempting to set memory limit (67108864) below current usage (104857600)",
        )
        assert state_of(stuck)["resources"]["limits"]["memory"] == "128Mi"
        assert state_of(stuck)["allocatedResources"] == less["requests"]
        assert "below current usage" in (await world.events("ResizeError"))[0][1]
        usage[0] = 10 * 2**20
        await asyncio.sleep(60)
        done = await world.pod()
        assert (resizing(done), state_of(done)["resources"]) == ([], less)

    play(story)


def asks(uid: str, **requests: str) -> Obj:
    made = {"name": "c", "image": "i", "resources": {"requests": requests}}
    return {"metadata": {"uid": uid, "name": uid}, "spec": {"containers": [made]}, "status": {}}


def test_what_never_fits_and_what_does_not_fit_now() -> None:
    node = Admission({"cpu": "4", "memory": "8Gi", "pods": "10"})
    assert node.admit(asks("a", cpu="1")) is None
    assert node.admit(asks("b", cpu="2")) is None
    assert node.resize(asks("a", cpu="5")) == Refusal(
        "Infeasible", "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000"
    )
    assert node.resize(asks("a", cpu="3")) == Refusal(
        "Deferred", "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000"
    )
    assert node.admit(asks("c", cpu="1")) is None, "a refused resize takes nothing"
    node.release("c")
    assert node.resize(asks("a", cpu="2")) is None
    assert node.admit(asks("d", cpu="1")) is not None
    assert node.resize(asks("b", cpu="1")) is None
    assert node.admit(asks("d", cpu="1")) is None
    assert node.resize(asks("not here", cpu="1")) is None
    node.release("d")
    assert node.admit(asks("e", cpu="1")) is None, "a pod that is not here has taken nothing"


def test_who_gets_more_first() -> None:
    def waits(uid: str, priority: int, qos: str, since: str) -> Obj:
        condition = {"type": "PodResizePending", "status": "True", "lastTransitionTime": since}
        found = asks(uid, cpu="1")
        status = {"qosClass": qos, "conditions": [condition]}
        return {**found, "spec": {**found["spec"], "priority": priority}, "status": status}

    pods = [
        waits("d", 0, "Burstable", "2026-01-01T00:00:02Z"),
        waits("c", 0, "Burstable", "2026-01-01T00:00:01Z"),
        waits("b", 0, "Guaranteed", "2026-01-01T00:00:03Z"),
        waits("a", 5, "Burstable", "2026-01-01T00:00:04Z"),
    ]
    assert [each["metadata"]["uid"] for each in sorted(pods, key=allocation.importance)] == [
        "a",
        "b",
        "c",
        "d",
    ]


def test_a_pod_with_what_it_was_given() -> None:
    asked = asks("a", cpu="2")
    assert allocation.as_told(asked) is asked
    status = {"name": "c", "allocatedResources": {"cpu": "1"}, "resources": {"requests": {"cpu": "1"}}}
    told = allocation.as_told({**asked, "status": {"containerStatuses": [status]}})
    assert told["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "1"}}
    like = {"name": "c", "allocatedResources": {"cpu": "2000m"}, "resources": {"requests": {"cpu": "2"}}}
    same = {**asked, "status": {"containerStatuses": [like]}}
    assert allocation.as_told(same) is same
