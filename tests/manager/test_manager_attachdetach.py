"""VolumeAttachments through a real API server in virtual time; the test is the driver that attaches."""

from __future__ import annotations

from hashlib import sha256

from test_manager_persistentvolumebinder import BINDER, claim, put, told, volume
from world import World, play
from world import pod as make_pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of

ALL = f"{BINDER},persistentvolume-attach-detach-controller"
DRIVER = "disk.example.org"
UNIQUE = f"kubernetes.io/csi/{DRIVER}^h1"
USES = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]


def csi_volume(mode: str = "ReadWriteOnce") -> Obj:
    made = volume("v", modes=(mode,), csi={"driver": DRIVER, "volumeHandle": "h1"})
    del made["spec"]["hostPath"]
    return made


async def bound(world: World, mode: str = "ReadWriteOnce") -> None:
    for name in ("n1", "n2"):
        await world.node(name)
    await put(world, csi_volume(mode))
    await put(world, claim(modes=(mode,)))
    await world.settle(3)


async def attachments(world: World) -> list[Obj]:
    return await world.all(kinds.VOLUMEATTACHMENT, "")


async def attach(world: World) -> None:
    for each in await attachments(world):
        patch = {"status": {"attached": True}}
        await world.client.patch(kinds.VOLUMEATTACHMENT, name_of(each), "", patch, subresource="status")
    await world.settle(2)


async def attached(world: World, node: str) -> list[str]:
    found = await world.client.get(kinds.NODE, node)
    return [each["name"] for each in found["status"].get("volumesAttached") or ()]


async def in_use(world: World, node: str, *volumes: str) -> None:
    """What a kubelet reports."""
    patch = {"status": {"volumesInUse": [*volumes] or None}}
    await world.client.patch(kinds.NODE, node, "", patch, subresource="status")
    await world.settle(2)


async def end(world: World, name: str) -> None:
    await world.client.delete(kinds.POD, name, "default", grace_period_seconds=0)
    await world.settle(3)


def test_a_volume_is_attached_for_a_pod_and_detached_after_it() -> None:
    async def story(world: World) -> None:
        await bound(world)
        assert await attachments(world) == []
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(2)
        (made,) = await attachments(world)
        assert name_of(made) == f"csi-{sha256(f'h1{DRIVER}n1'.encode()).hexdigest()}"
        assert made["spec"] == {
            "attacher": DRIVER,
            "nodeName": "n1",
            "source": {"persistentVolumeName": "v"},
        }
        assert await attached(world, "n1") == []
        await attach(world)
        assert await attached(world, "n1") == [UNIQUE]
        succeeded = 'AttachVolume.Attach succeeded for volume "v" '
        assert await told(world, "app") == [("Normal", "SuccessfulAttachVolume", succeeded)]
        await in_use(world, "n1", UNIQUE)
        await end(world, "app")
        assert len(await attachments(world)) == 1, "the node has it mounted"
        await in_use(world, "n1")
        assert await attachments(world) == []
        assert await attached(world, "n1") == []

    play(story, ALL)


def test_a_volume_of_one_node_is_not_attached_to_two() -> None:
    async def story(world: World) -> None:
        await bound(world)
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(2)
        await attach(world)
        await put(world, make_pod("second", volumes=USES, nodeName="n2"))
        await world.settle(2)
        assert len(await attachments(world)) == 1
        message = 'Multi-Attach error for volume "v" Volume is already used by pod(s) app'
        assert ("Warning", "FailedAttachVolume", message) in await told(world, "second")
        await end(world, "app")
        await world.settle(3)
        (only,) = await attachments(world)
        assert only["spec"]["nodeName"] == "n2"

    play(story, ALL)


def test_a_shared_volume_is_attached_to_both() -> None:
    async def story(world: World) -> None:
        await bound(world, "ReadWriteMany")
        for pod, node in (("a", "n1"), ("b", "n2")):
            await put(world, make_pod(pod, volumes=USES, nodeName=node))
        await world.settle(2)
        assert sorted(each["spec"]["nodeName"] for each in await attachments(world)) == ["n1", "n2"]

    play(story, ALL)


def test_a_driver_that_does_not_attach() -> None:
    async def story(world: World) -> None:
        await put(world, new_object(kinds.CSIDRIVER, DRIVER, spec={"attachRequired": False}))
        await bound(world)
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(3)
        assert await attachments(world) == []

    play(story, ALL)


def test_a_failure_is_told_to_the_pod() -> None:
    async def story(world: World) -> None:
        await bound(world)
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(2)
        (made,) = await attachments(world)
        patch = {"status": {"attachError": {"message": "no such disk"}}}
        await world.client.patch(kinds.VOLUMEATTACHMENT, name_of(made), "", patch, subresource="status")
        await world.settle(2)
        message = 'AttachVolume.Attach failed for volume "v" : no such disk'
        assert await told(world, "app") == [("Warning", "FailedAttachVolume", message)]

    play(story, ALL)


def test_a_node_that_went_silent_loses_its_volume_after_six_minutes() -> None:
    async def story(world: World) -> None:
        await bound(world)
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(2)
        await attach(world)
        await in_use(world, "n1", UNIQUE)
        silent = [{"type": "Ready", "status": "Unknown"}]
        await world.client.patch(
            kinds.NODE, "n1", "", {"status": {"conditions": silent}}, subresource="status"
        )
        await end(world, "app")
        await world.settle(340)
        assert len(await attachments(world)) == 1
        await world.settle(30)
        assert await attachments(world) == []

    play(story, ALL)


def test_a_node_out_of_service_loses_its_volume_at_once() -> None:
    async def story(world: World) -> None:
        await bound(world)
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(2)
        await attach(world)
        await in_use(world, "n1", UNIQUE)
        taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        await world.client.patch(kinds.NODE, "n1", "", {"spec": {"taints": [taint]}})
        await end(world, "app")
        assert await attachments(world) == []

    play(story, ALL)
