"""What a container is made from: objects as files and variables, images, and what happens while they are missing."""

from __future__ import annotations

import asyncio
import base64

from kubelet_world import World, container, play, pod, state_of

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, uid_of


def config_map(name: str = "conf", **data: str) -> Obj:
    return new_object(kinds.CONFIGMAP, name, "default", data=data)


def files_of(world: World, made: Obj, volume: str) -> dict[str, str]:
    for directory, files in world.host.payloads.items():
        if uid_of(made) in directory and directory.endswith(f"/{volume}"):
            return {path: file.data.decode() for path, file in files.items()}
    raise AssertionError(f"no volume {volume} in {list(world.host.payloads)}")


def test_a_mounted_config_map_follows_its_object() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CONFIGMAP, config_map(a="1", b="2"))
        volumes = [
            {"name": "all", "configMap": {"name": "conf"}},
            {"name": "one", "configMap": {"name": "conf", "items": [{"key": "a", "path": "x/y"}]}},
        ]
        made = await world.run_pod(pod(volumes=volumes))
        assert files_of(world, made, "all") == {"a": "1", "b": "2"}
        assert files_of(world, made, "one") == {"x/y": "1"}
        await world.client.patch(kinds.CONFIGMAP, "conf", "default", {"data": {"a": "changed"}})
        await asyncio.sleep(1)
        assert files_of(world, made, "all") == {"a": "changed", "b": "2"}
        assert state_of(await world.pod())["restartCount"] == 0

    play(story)


def test_a_pod_waits_for_its_volumes_and_starts_when_they_can_be_had() -> None:
    async def story(world: World) -> None:
        waiting = await world.run_pod(pod(volumes=[{"name": "v", "configMap": {"name": "conf"}}]), settle=5)
        assert state_of(waiting)["state"] == {"waiting": {"reason": "ContainerCreating"}}
        assert (
            "FailedMount",
            'MountVolume.SetUp failed for volume "v" : configmap "conf" not found',
        ) in await world.events()
        await world.client.create(kinds.CONFIGMAP, config_map())
        await asyncio.sleep(0.5)
        assert (await world.pod())["status"]["phase"] == "Running"

    play(story)


def test_a_missing_variable_is_a_config_error_until_it_is_there() -> None:
    async def story(world: World) -> None:
        source = {"configMapKeyRef": {"name": "conf", "key": "k"}}
        env = [{"name": "K", "valueFrom": source}]
        waiting = await world.run_pod(pod(containers=[container(env=env)]))
        assert state_of(waiting)["state"]["waiting"] == {
            "reason": "CreateContainerConfigError",
            "message": 'configmap "conf" not found',
        }
        assert ("Failed", 'Error: configmap "conf" not found') in await world.events()
        await world.client.create(kinds.CONFIGMAP, config_map(k="v"))
        await asyncio.sleep(0.5)
        assert (await world.pod())["status"]["phase"] == "Running"

    play(story)


def test_secrets_the_downward_api_and_projections() -> None:
    async def story(world: World) -> None:
        data = {"key": base64.b64encode(b"s3cret").decode()}
        await world.client.create(kinds.SECRET, new_object(kinds.SECRET, "s", "default", data=data))
        field = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
        limit = {
            "path": "mem",
            "resourceFieldRef": {"containerName": "c", "resource": "limits.memory", "divisor": "1Mi"},
        }
        volumes = [
            {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
            {
                "name": "p",
                "projected": {
                    "sources": [
                        {"secret": {"name": "s", "items": [{"key": "key", "path": "a"}]}},
                        {"downwardAPI": {"items": [field, limit]}},
                        {"configMap": {"name": "none", "optional": True}},
                    ]
                },
            },
        ]
        limited = container(resources={"limits": {"memory": "64Mi"}})
        made = await world.run_pod(pod(volumes=volumes, containers=[limited]))
        assert files_of(world, made, "s") == {"key": "s3cret"}
        assert files_of(world, made, "p") == {"a": "s3cret", "name": "web", "mem": "64"}

    play(story)


def test_the_service_account_token_is_mounted_and_renewed() -> None:
    async def story(world: World) -> None:
        made = await world.run_pod(pod(automountServiceAccountToken=True))
        volume = next(v["name"] for v in made["spec"]["volumes"] if v["name"].startswith("kube-api-access"))
        first = files_of(world, made, volume)
        assert first["ca.crt"] == "CA"
        assert first["namespace"] == "default"
        assert first["token"].count(".") == 2
        await asyncio.sleep(0.7 * 3607)
        assert files_of(world, made, volume)["token"] == first["token"]
        await asyncio.sleep(0.2 * 3607)
        assert files_of(world, made, volume)["token"] != first["token"]

    play(story)


def test_host_paths_are_checked() -> None:
    async def story(world: World) -> None:
        volumes = [{"name": "v", "hostPath": {"path": "/run/x.sock", "type": "Socket"}}]
        await world.run_pod(pod(volumes=volumes))
        told = await world.events("FailedMount")
        assert told[0][1] == (
            'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /run/x.sock is not a socket'
        )

    play(story)


def test_an_image_that_cannot_be_pulled_backs_off_and_is_tried_again() -> None:
    async def story(world: World) -> None:
        world.images.failing["gone:1"] = "manifest unknown"
        first = await world.run_pod(pod(containers=[container(image="gone:1")]))
        assert first["status"]["phase"] == "Pending"
        assert state_of(first)["state"]["waiting"] == {
            "reason": "ErrImagePull",
            "message": "manifest unknown",
        }
        await asyncio.sleep(4)
        assert state_of(await world.pod())["state"]["waiting"] == {
            "reason": "ImagePullBackOff",
            "message": 'Back-off pulling image "gone:1": ErrImagePull: manifest unknown',
        }
        told = await world.events()
        for expected in (
            ("Failed", 'Failed to pull image "gone:1": manifest unknown'),
            ("Failed", "Error: ErrImagePull"),
            ("BackOff", 'Back-off pulling image "gone:1"'),
            ("Failed", "Error: ImagePullBackOff"),
        ):
            assert expected in told
        world.images.failing.clear()
        await asyncio.sleep(10)
        assert (await world.pod())["status"]["phase"] == "Running"

    play(story)


def test_images_that_are_never_pulled_or_named_wrongly() -> None:
    async def story(world: World) -> None:
        never = container("never", image="absent:1", imagePullPolicy="Never")
        wrong = container("wrong", image="No Such")
        made = await world.run_pod(pod(containers=[never, wrong]))
        assert state_of(made, "never")["state"]["waiting"] == {
            "reason": "ErrImageNeverPull",
            "message": 'Container image "absent:1" is not present with pull policy of Never',
        }
        assert state_of(made, "wrong")["state"]["waiting"]["reason"] == "InvalidImageName"

    play(story)


def test_a_pod_whose_pull_hangs_can_be_deleted() -> None:
    async def story(world: World) -> None:
        world.images._pull_seconds = 10_000
        await world.run_pod(pod())
        await world.client.delete(kinds.POD, "web", "default")
        await asyncio.sleep(2)
        assert not await world.exists()

    play(story)
