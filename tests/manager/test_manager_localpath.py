"""The provisioner of local paths, with the binder, in virtual time; its hand on the node with real directories."""

from __future__ import annotations

import asyncio
from pathlib import Path

from test_manager_persistentvolumebinder import BINDER, claim, claim_of, phase, put, told, volume, volume_of
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.meta import annotations_of, name_of, uid_of
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.client.informers import Informers
from pybernetes.clock import Env
from pybernetes.cluster.localvolumes import LocalVolumes, clear, ensure_storage_class
from pybernetes.controllers.localpath import FINALIZER, PROVISIONER, default_storage_class
from pybernetes.store.memory import MemoryStore

SELECTED = "volume.kubernetes.io/selected-node"
ALL = f"{BINDER},local-path-provisioner-controller"


async def select(world: World, node: str, name: str = "data") -> None:
    """What the scheduler does once it has chosen a node for the claim's pod."""
    patch = {"metadata": {"annotations": {SELECTED: node}}}
    await world.client.patch(kinds.PERSISTENTVOLUMECLAIM, name, "default", patch)


def test_a_volume_is_made_on_the_chosen_node_and_goes_with_its_claim() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await ensure_storage_class(world.client)
        made = claim(size="3Gi")
        del made["spec"]["storageClassName"]  # type: ignore[attr-defined]
        made = await put(world, made)
        assert made["spec"]["storageClassName"] == "local-path", "it is the default"
        await world.settle(3)
        assert phase(await claim_of(world)) == "Pending"
        await select(world, "n1")
        await world.settle(3)
        bound = await claim_of(world)
        name = f"pvc-{uid_of(made)}"
        assert (phase(bound), bound["spec"]["volumeName"]) == ("Bound", name)
        volume = await volume_of(world, name)
        assert volume["spec"]["hostPath"] == {"path": f"/vols/{name}", "type": "DirectoryOrCreate"}
        assert volume["spec"]["capacity"] == {"storage": "3Gi"}
        (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert term["matchExpressions"] == [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}
        ]
        assert annotations_of(volume) == {"pv.kubernetes.io/provisioned-by": PROVISIONER}
        events = await told(world, "data")
        assert ("Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}") in events
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        assert await world.get(kinds.PERSISTENTVOLUME, name, "") is None

    play(story, ALL, local_volumes="/vols")


def test_a_class_that_does_not_wait_cannot_be_served() -> None:
    async def story(world: World) -> None:
        await put(world, {**default_storage_class(), "volumeBindingMode": "Immediate"})
        await put(world, claim(storageClassName="local-path"))
        await world.settle(3)
        message = 'failed to provision volume with StorageClass "local-path": configuration error, no node was specified'
        assert ("Warning", "ProvisioningFailed", message) in await told(world, "data")

    play(story, ALL)


def test_a_chosen_node_that_is_gone_is_unchosen() -> None:
    async def story(world: World) -> None:
        await put(world, default_storage_class())
        await put(world, claim(storageClassName="local-path"))
        await select(world, "nowhere")
        await world.settle(3)
        assert SELECTED not in annotations_of(await claim_of(world))

    play(story, ALL)


def test_the_default_class_is_made_only_where_there_is_none() -> None:
    async def story(world: World) -> None:
        await ensure_storage_class(world.client)
        await ensure_storage_class(world.client)
        (only,) = await world.all(kinds.STORAGECLASS, "")
        assert name_of(only) == "local-path"
        other = {**default_storage_class(), "metadata": {"name": "other"}}
        await put(world, other)
        await world.client.delete(kinds.STORAGECLASS, "local-path")
        await ensure_storage_class(world.client)
        assert [name_of(each) for each in await world.all(kinds.STORAGECLASS, "")] == ["other"]

    play(story, None)


def test_a_deleted_volume_waits_for_its_node() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await put(world, default_storage_class())
        made = await put(world, claim(storageClassName="local-path"))
        await select(world, "n1")
        await world.settle(3)
        name = f"pvc-{uid_of(made)}"
        assert FINALIZER in (await volume_of(world, name))["metadata"]["finalizers"]
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        assert (await volume_of(world, name))["metadata"]["deletionTimestamp"]
        await world.client.delete(kinds.NODE, "n1")
        await world.settle(3)
        assert await world.get(kinds.PERSISTENTVOLUME, name, "") is None, "nobody is left to remove it"

    play(story, ALL, local_volumes_are_cleared=True)


def test_the_node_removes_the_directory_and_lets_the_volume_go(tmp_path: Path) -> None:
    (tmp_path / "pvc-1").mkdir()
    (tmp_path / "pvc-1" / "file").write_text("data")
    match = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["n1"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [match]}]}}
    made = volume("pvc-1", hostPath={"path": str(tmp_path / "pvc-1")}, nodeAffinity=affinity)
    metadata = {
        "name": "pvc-1",
        "finalizers": [FINALIZER],
        "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
    }

    async def main() -> None:
        env = Env.real()
        async with ApiServer(MemoryStore(env), env, ApiServerConfig()) as server:
            client = ApiClient(server.transport(LOOPBACK))
            informers = Informers(client)
            tasks = [
                asyncio.create_task(informers.run()),
                asyncio.create_task(LocalVolumes(client, informers, "n1", tmp_path).run()),
            ]
            await client.create(kinds.PERSISTENTVOLUME, {**made, "metadata": metadata})
            await client.patch(kinds.PERSISTENTVOLUME, "pvc-1", "", {"metadata": {"finalizers": [FINALIZER]}})
            async with client.watch(kinds.PERSISTENTVOLUME, resource_version="0") as events:
                await client.delete(kinds.PERSISTENTVOLUME, "pvc-1")
                async for event in events:
                    if event.type == "DELETED":
                        break
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert not (tmp_path / "pvc-1").exists()


def test_no_directory_but_ours_is_removed(tmp_path: Path) -> None:
    directory, outside = tmp_path / "volumes", tmp_path / "precious"
    directory.mkdir()
    outside.mkdir()
    (directory / "link").symlink_to(outside)
    for path in (outside, directory, directory / "link", directory / "..", directory / "x" / ".." / ".."):
        clear(path, directory)
        assert outside.exists()
        assert directory.exists()
