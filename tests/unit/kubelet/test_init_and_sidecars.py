"""Init containers in order, sidecars around them, hooks."""

from __future__ import annotations

import asyncio

from kubelet_world import World, condition, container, play, pod, state_of

from pybernetes.api import kinds
from pybernetes.api.meta import Obj


def first_running(world: World) -> dict[str, float]:
    """When each container was first told to run (or to have run)."""
    found: dict[str, float] = {}
    for at, _, seen in world.history:
        for field in ("initContainerStatuses", "containerStatuses"):
            for status in seen["status"].get(field) or ():
                if status["state"].keys() & {"running", "terminated"}:
                    found.setdefault(status["name"], at)
    return found


def with_inits(*inits: Obj, **spec: object) -> Obj:
    notes = {"hollow.pybernetes.io/i1": "exit=0 after=3s", "hollow.pybernetes.io/i2": "exit=0 after=4s"}
    return pod(annotations=notes, initContainers=list(inits), **spec)


def test_init_containers_run_one_after_the_other() -> None:
    async def story(world: World) -> None:
        world.record()
        await world.client.create(kinds.POD, with_inits(container("i1"), container("i2")))
        await asyncio.sleep(1)
        early = await world.pod()
        assert early["status"]["phase"] == "Pending"
        assert state_of(early)["state"] == {"waiting": {"reason": "PodInitializing"}}
        text = "containers with incomplete status: [i1 i2]"
        assert condition(early, "Initialized") == ("False", "ContainersNotInitialized", text)
        await asyncio.sleep(9)
        ran = first_running(world)
        assert round(ran["i2"] - ran["i1"]) == 3
        assert round(ran["c"] - ran["i2"]) == 4
        done = await world.pod()
        assert done["status"]["phase"] == "Running"
        assert state_of(done, "i1")["state"]["terminated"]["reason"] == "Completed"
        assert state_of(done, "i1")["ready"]
        assert condition(done, "Initialized")[0] == "True"

    play(story)


def test_a_failed_init_container_is_final_with_never() -> None:
    async def story(world: World) -> None:
        notes = {"hollow.pybernetes.io/i1": "exit=2"}
        made = pod(annotations=notes, initContainers=[container("i1")], restartPolicy="Never")
        status = (await world.run_pod(made))["status"]
        assert status["phase"] == "Failed"
        assert "waiting" in status["containerStatuses"][0]["state"]

    play(story)


def test_a_failed_init_container_is_tried_again() -> None:
    async def story(world: World) -> None:
        notes = {"hollow.pybernetes.io/i1": "exit=2"}
        await world.client.create(kinds.POD, pod(annotations=notes, initContainers=[container("i1")]))
        await asyncio.sleep(25)
        now = await world.pod()
        assert now["status"]["phase"] == "Pending"
        assert state_of(now, "i1")["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert state_of(now, "i1")["restartCount"] == 2

    play(story)


def test_a_sidecar_is_started_before_and_stopped_after() -> None:
    async def story(world: World) -> None:
        sidecar = container(
            "side",
            restartPolicy="Always",
            startupProbe={"exec": {"command": ["up"]}, "periodSeconds": 1, "failureThreshold": 9},
            lifecycle={"preStop": {"exec": {"command": ["bye"]}}},
        )
        begun = world.now()
        world.commands = lambda _name, command: int(command == ("up",) and world.now() - begun < 5)
        world.record()
        notes = {"hollow.pybernetes.io/c": "stubborn"}
        await world.client.create(kinds.POD, pod(annotations=notes, initContainers=[sidecar]))
        await asyncio.sleep(3)
        waiting = await world.pod()
        assert waiting["status"]["phase"] == "Pending"
        assert state_of(waiting, "side")["started"] is False
        await asyncio.sleep(4)
        running = await world.pod()
        assert running["status"]["phase"] == "Running"
        assert condition(running, "Ready")[0] == "True"
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=10)
        await asyncio.sleep(9)
        ending = await world.pod()
        assert "running" in state_of(ending, "side")["state"]
        assert ("side", ("bye",)) in [asked[:2] for asked in world.asked]
        await asyncio.sleep(4)
        assert not await world.exists()

    play(story)


def test_a_job_ends_though_its_sidecar_runs_on() -> None:
    async def story(world: World) -> None:
        notes = {"hollow.pybernetes.io/c": "exit=0 after=2s"}
        side = container("side", restartPolicy="Always")
        made = pod(annotations=notes, initContainers=[side], restartPolicy="Never")
        status = (await world.run_pod(made, settle=5))["status"]
        assert status["phase"] == "Succeeded"
        assert "terminated" in status["initContainerStatuses"][0]["state"]

    play(story)


def test_post_start_holds_back_the_containers_after_it() -> None:
    async def story(world: World) -> None:
        world.record()
        hook = {"lifecycle": {"postStart": {"sleep": {"seconds": 5}}}}
        made = pod(containers=[container("first", **hook), container("second")])
        await world.client.create(kinds.POD, made)
        await asyncio.sleep(2)
        assert state_of(await world.pod(), "first")["state"] == {"waiting": {"reason": "ContainerCreating"}}
        await asyncio.sleep(6)
        ran = first_running(world)
        assert ran["second"] >= ran["first"] >= 5
        assert (await world.pod())["status"]["phase"] == "Running"

    play(story)


def test_a_failed_post_start_hook_restarts_the_container() -> None:
    async def story(world: World) -> None:
        world.commands = lambda _name, _command: 1
        hook = {"lifecycle": {"postStart": {"exec": {"command": ["x"]}}}}
        now = await world.run_pod(pod(containers=[container(**hook)]), settle=5)
        assert state_of(now)["restartCount"] >= 1
        assert ("FailedPostStartHook", "PostStartHook failed") in await world.events()

    play(story)


def test_pre_stop_runs_within_the_grace() -> None:
    async def story(world: World) -> None:
        hook = {"lifecycle": {"preStop": {"sleep": {"seconds": 4}}}}
        await world.run_pod(pod(containers=[container(**hook)]))
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=20)
        await asyncio.sleep(3.5)
        assert "running" in state_of(await world.pod())["state"]
        await asyncio.sleep(1.5)
        assert not await world.exists()

    play(story)


def test_a_pre_stop_hook_that_hangs_is_cut_off() -> None:
    async def story(world: World) -> None:
        hook = {"lifecycle": {"preStop": {"sleep": {"seconds": 600}}}}
        await world.run_pod(pod(containers=[container(**hook)], terminationGracePeriodSeconds=700))
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=5)
        await asyncio.sleep(8)
        assert not await world.exists()

    play(story)


def test_an_ephemeral_container_joins_and_is_not_restarted() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(annotations={"hollow.pybernetes.io/debug": "exit=0 after=3s"}))
        patch = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox:1"}]}}
        await world.client.patch(
            kinds.POD, "web", "default", patch, patch_type="strategic", subresource="ephemeralcontainers"
        )
        await asyncio.sleep(1)
        assert "running" in state_of(await world.pod(), "debug")["state"]
        await asyncio.sleep(10)
        after = await world.pod()
        assert state_of(after, "debug")["state"]["terminated"]["exitCode"] == 0
        assert after["status"]["phase"] == "Running"

    play(story)
