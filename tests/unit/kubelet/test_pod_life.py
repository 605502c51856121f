"""A pod's life on a hollow node, from binding to the last trace."""

from __future__ import annotations

import asyncio
import itertools

from kubelet_world import World, condition, container, play, pod, state_of

from pybernetes.api import kinds


def test_a_pod_runs_and_says_so() -> None:
    async def story(world: World) -> None:
        running = await world.run_pod(pod())
        status = running["status"]
        assert status["phase"] == "Running"
        assert status["podIP"] == "10.244.0.2"
        assert status["podIPs"] == [{"ip": "10.244.0.2"}]
        assert status["hostIP"] == "10.0.0.1"
        assert status["qosClass"] == "BestEffort"
        assert status["observedGeneration"] == running["metadata"]["generation"]
        assert [c["type"] for c in status["conditions"]][:4] == [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
        ]
        assert all(c["status"] == "True" for c in status["conditions"])
        entry = state_of(running)
        assert (entry["ready"], entry["started"], entry["restartCount"]) == (True, True, 0)
        assert entry["containerID"].startswith("hollow://")
        reasons = [reason for reason, _ in await world.events() if reason != "Starting"]
        assert reasons == ["Pulling", "Pulled", "Created", "Started"]

    play(story)


def test_a_deleted_pod_stops_in_its_grace_and_leaves_nothing() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(annotations={"hollow.pybernetes.io/c": "stubborn"}))
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=7)
        await asyncio.sleep(6.5)
        assert await world.exists()
        await asyncio.sleep(1)
        assert not await world.exists()
        await asyncio.sleep(1)
        assert await world.runtime.list_pod_sandbox() == []
        assert await world.runtime.list_containers() == []
        assert await world.host.list_dir(world.kubelet.config.pods_dir) == []
        assert await world.host.list_cgroups(("kubepods", "besteffort")) == []
        assert ("Killing", "Stopping container c") in await world.events("Killing")

    play(story)


def test_the_last_status_before_the_end_is_terminal() -> None:
    async def story(world: World) -> None:
        world.record()
        await world.run_pod(pod())
        await world.client.delete(kinds.POD, "web", "default")
        await asyncio.sleep(1)
        kind, last = world.history[-1][1:]
        assert kind == "DELETED"
        assert last["status"]["phase"] == "Succeeded"
        terminated = state_of(last)["state"]["terminated"]
        assert (terminated["exitCode"], terminated["reason"]) == (0, "Completed")
        assert condition(last, "Ready")[:2] == ("False", "PodCompleted")
        assert last["status"]["podIP"] == "10.244.0.2"

    play(story)


def test_a_forced_delete_is_followed_by_the_end_of_the_containers() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod())
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=0)
        await asyncio.sleep(3)
        assert await world.runtime.list_pod_sandbox() == []

    play(story)


def test_pods_to_completion_succeed_or_fail() -> None:
    async def story(world: World) -> None:
        for name, script, policy in (
            ("good", "exit=0 after=5s", "Never"),
            ("bad", "exit=3 after=5s message=broken", "Never"),
            ("again", "exit=0 after=5s", "OnFailure"),
        ):
            notes = {"hollow.pybernetes.io/script": script}
            await world.client.create(kinds.POD, pod(name, notes, restartPolicy=policy))
        await asyncio.sleep(8)
        good, bad = await world.pod("good"), await world.pod("bad")
        assert good["status"]["phase"] == "Succeeded"
        assert bad["status"]["phase"] == "Failed"
        assert (await world.pod("again"))["status"]["phase"] == "Succeeded"
        ended = state_of(bad)["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "broken")
        assert condition(bad, "Ready")[:2] == ("False", "PodFailed")
        sandboxes = await world.runtime.list_pod_sandbox(state="READY")
        assert sandboxes == []

    play(story)


def test_a_crashing_container_backs_off_doubling_to_five_minutes() -> None:
    async def story(world: World) -> None:
        world.record()
        notes = {"hollow.pybernetes.io/c": "exit=1 after=1s"}
        await world.client.create(kinds.POD, pod(annotations=notes))
        await asyncio.sleep(3000)
        starts: list[float] = []
        for at, _, seen in world.history:
            entry = next(iter(seen["status"].get("containerStatuses") or ()), None)
            if entry and "running" in entry["state"] and entry["restartCount"] == len(starts):
                starts.append(at)
        gaps = [round(b - a) - 1 for a, b in itertools.pairwise(starts)]
        assert gaps[:8] == [0, 10, 20, 40, 80, 160, 300, 300]
        now = await world.pod()
        assert now["status"]["phase"] == "Running"
        waiting = state_of(now)["state"]["waiting"]
        assert waiting["reason"] == "CrashLoopBackOff"
        uid = now["metadata"]["uid"]
        assert waiting["message"] == f"back-off 5m0s restarting failed container=c pod=web_default({uid})"
        assert state_of(now)["lastState"]["terminated"]["exitCode"] == 1
        assert condition(now, "Ready") == (
            "False",
            "ContainersNotReady",
            "containers with unready status: [c]",
        )

    play(story)


def test_an_oom_kill_is_told() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.POD, pod(annotations={"hollow.pybernetes.io/c": "oom after=2s"}))
        await asyncio.sleep(6)
        last = state_of(await world.pod())["lastState"]["terminated"]
        assert (last["reason"], last["exitCode"]) == ("OOMKilled", 137)

    play(story)


def test_a_changed_image_restarts_the_container_at_once() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod())
        patch = {"spec": {"containers": [{"name": "c", "image": "nginx:2"}]}}
        await world.client.patch(kinds.POD, "web", "default", patch, patch_type="strategic")
        await asyncio.sleep(1)
        entry = state_of(await world.pod())
        assert (entry["image"], entry["restartCount"], entry["ready"]) == ("nginx:2", 1, True)
        killed = [message for _, message in await world.events("Killing")]
        assert killed == ["Container c definition changed, will be restarted"]

    play(story)


def test_active_deadline_ends_a_pod() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(activeDeadlineSeconds=20))
        await asyncio.sleep(25)
        ended = (await world.pod())["status"]
        assert (ended["phase"], ended["reason"]) == ("Failed", "DeadlineExceeded")
        assert ended["message"] == "Pod was active on the node longer than the specified deadline"
        assert await world.runtime.list_containers(state="RUNNING") == []

    play(story)


def test_a_container_that_cannot_start_says_why() -> None:
    async def story(world: World) -> None:
        notes = {"hollow.pybernetes.io/c": "start-error"}
        first = await world.run_pod(pod(annotations=notes), settle=5)
        entry = state_of(first)
        assert entry["state"]["waiting"]["reason"] in ("RunContainerError", "CrashLoopBackOff")
        assert entry["lastState"]["terminated"]["reason"] == "StartError"
        assert entry["lastState"]["terminated"]["exitCode"] == 128

    play(story)


def test_a_sandbox_that_dies_is_replaced() -> None:
    async def story(world: World) -> None:
        before = await world.run_pod(pod())
        sandbox = (await world.runtime.list_pod_sandbox())[0]
        await world.runtime.stop_pod_sandbox(sandbox.id)
        await asyncio.sleep(1)
        after = await world.pod()
        assert after["status"]["podIP"] != before["status"]["podIP"]
        assert state_of(after)["restartCount"] == 1
        assert state_of(after)["ready"]

    play(story)


def test_the_node_network_pod_has_the_nodes_address() -> None:
    async def story(world: World) -> None:
        status = (await world.run_pod(pod(hostNetwork=True)))["status"]
        assert status["podIP"] == status["hostIP"] == "10.0.0.1"
        assert status["phase"] == "Running"

    play(story)


def test_two_hundred_pods_start_and_end_together() -> None:
    async def story(world: World) -> None:
        for number in range(200):
            await world.client.create(kinds.POD, pod(f"p{number}", containers=[container()]))
        await asyncio.sleep(2)
        pods = (await world.client.list(kinds.POD, "default")).items
        assert {p["status"]["phase"] for p in pods} == {"Running"}
        assert len({p["status"]["podIP"] for p in pods}) == 200
        await world.client.delete_collection(kinds.POD, "default")
        await asyncio.sleep(5)
        assert (await world.client.list(kinds.POD, "default")).items == []
        assert await world.runtime.list_pod_sandbox() == []

    play(story, max_pods=200)
