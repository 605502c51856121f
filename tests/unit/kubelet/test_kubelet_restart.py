"""A kubelet that is killed and started again takes over what runs, and removes what nobody wants."""

from __future__ import annotations

import asyncio

from kubelet_world import NODE, World, container, play, pod, state_of

from pybernetes.api import kinds


def test_no_container_is_restarted() -> None:
    async def story(world: World) -> None:
        probe = {"tcpSocket": {"port": 80}, "periodSeconds": 5}
        notes = {"hollow.pybernetes.io/crash": "exit=1 after=2s"}
        made = pod(annotations=notes, containers=[container(readinessProbe=probe), container("crash")])
        await world.run_pod(made, settle=20)
        before = await world.pod()
        running = [c.id for c in await world.runtime.list_containers(state="RUNNING")]
        await world.stop_kubelet()
        await asyncio.sleep(1)
        world.record()
        await world.start_kubelet()
        await asyncio.sleep(1)
        after = await world.pod()
        assert state_of(after)["containerID"] == state_of(before)["containerID"]
        assert state_of(after)["restartCount"] == 0
        assert state_of(after, "crash")["restartCount"] >= state_of(before, "crash")["restartCount"]
        assert running[0] in [c.id for c in await world.runtime.list_containers(state="RUNNING")]
        # A ready container stays ready while it is probed anew.
        assert all(state_of(seen)["ready"] for _, _, seen in world.history)

    play(story)


def test_what_was_deleted_meanwhile_is_ended() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod())
        await world.run_pod(pod("other"))
        await world.stop_kubelet()
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=0)
        await world.client.delete(kinds.POD, "other", "default")
        await world.start_kubelet()
        await asyncio.sleep(3)
        assert not await world.exists("other")
        assert await world.runtime.list_pod_sandbox() == []
        assert await world.host.list_dir(world.kubelet.config.pods_dir) == []

    play(story)


def test_directories_of_unknown_pods_are_removed() -> None:
    async def story(world: World) -> None:
        await world.host.write_file("/var/lib/kubelet/pods/old-uid/etc-hosts", b"")
        await world.host.mount_tmpfs("/var/lib/kubelet/pods/old-uid/volumes/x/y")
        await world.start_kubelet()
        await asyncio.sleep(1)
        assert await world.host.list_dir("/var/lib/kubelet/pods") == []

    play(story, start=False)


def test_a_container_that_exited_meanwhile_is_started_again() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod())
        container_id = await world.container_id()
        await world.stop_kubelet()
        world.runtime.crash(container_id, 9)
        await world.start_kubelet()
        await asyncio.sleep(1)
        entry = state_of(await world.pod())
        assert entry["restartCount"] == 1
        assert entry["lastState"]["terminated"]["exitCode"] == 9

    play(story)


def test_the_node_is_registered_and_keeps_its_lease() -> None:
    async def story(world: World) -> None:
        node = await world.client.get(kinds.NODE, NODE)
        conditions = {c["type"]: (c["status"], c["reason"]) for c in node["status"]["conditions"]}
        assert conditions == {
            "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
            "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
            "PIDPressure": ("False", "KubeletHasSufficientPID"),
            "Ready": ("True", "KubeletReady"),
        }
        assert node["status"]["capacity"]["pods"] == "110"
        assert node["status"]["capacity"]["memory"] == "32Gi"
        assert node["status"]["allocatable"]["memory"] == "32668Mi"
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"] == "hollow://1.0.0"
        assert node["metadata"]["labels"]["kubernetes.io/hostname"] == NODE
        lease = await world.client.get(kinds.LEASE, NODE, "kube-node-lease")
        await asyncio.sleep(11)
        renewed = await world.client.get(kinds.LEASE, NODE, "kube-node-lease")
        assert renewed["spec"]["renewTime"] > lease["spec"]["renewTime"]
        assert renewed["spec"]["leaseDurationSeconds"] == 40
        assert renewed["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]

    play(story)


def test_an_idle_node_writes_only_its_lease_and_a_heartbeat() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(), settle=30)
        written = len(world.server.ledger)
        await asyncio.sleep(600)
        later = [entry.resource for entry in [*world.server.ledger][written:]]
        assert later.count("leases") == 60
        assert len(later) - 60 == later.count("nodes") == 2

    play(story)
