"""What protects claims, volumes and attributes classes while they are used; ephemeral volumes; growing; in virtual time."""

from __future__ import annotations

from test_manager_persistentvolumebinder import (
    BINDER,
    claim,
    claim_of,
    phase,
    put,
    storage_class,
    told,
    volume,
    volume_of,
)
from world import World, play
from world import pod as make_pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import name_of, uid_of

ALL = (
    f"{BINDER},ephemeral-volume-controller,persistentvolume-expander-controller,"
    "volumeattributesclass-protection-controller,garbage-collector-controller"
)
USES = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]


def test_a_claim_in_use_stays_until_its_last_pod_is_gone() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v"))
        made = await put(world, claim())
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
        await world.settle(3)
        await put(world, make_pod("app", volumes=USES, nodeName="n1"))
        await world.settle(3)
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.client.delete(kinds.PERSISTENTVOLUME, "v")
        await world.settle(30)
        assert (await claim_of(world))["metadata"]["deletionTimestamp"]
        assert phase(await volume_of(world, "v")) == "Bound", "a volume in use stays too"
        await world.client.delete(kinds.POD, "app", "default", grace_period_seconds=0)
        await world.settle(5)
        assert await world.get(kinds.PERSISTENTVOLUMECLAIM, "data") is None
        assert await world.get(kinds.PERSISTENTVOLUME, "v", "") is None

    play(story, ALL)


def test_a_pod_that_was_never_scheduled_holds_nothing() -> None:
    async def story(world: World) -> None:
        await put(world, claim())
        await put(world, make_pod("app", volumes=USES))
        await world.settle(3)
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        assert await world.get(kinds.PERSISTENTVOLUMECLAIM, "data") is None

    play(story, ALL)


def test_finalizers_that_somebody_removed_come_back() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v"))
        await put(world, claim())
        for kind, name, namespace in (
            (kinds.PERSISTENTVOLUME, "v", ""),
            (kinds.PERSISTENTVOLUMECLAIM, "data", "default"),
        ):
            await world.client.patch(kind, name, namespace, {"metadata": {"finalizers": None}})
        await world.settle(3)
        assert (await volume_of(world, "v"))["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
        assert (await claim_of(world))["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]

    play(story, ALL)


def test_an_attributes_class_that_is_named_stays() -> None:
    async def story(world: World) -> None:
        made = new_object(
            kinds.VOLUMEATTRIBUTESCLASS, "gold", driverName="example.org", parameters={"iops": "9"}
        )
        await put(world, made)
        await put(world, storage_class("fast"))
        await put(world, claim(storageClassName="fast", volumeAttributesClassName="gold"))
        await world.settle(3)
        await world.client.delete(kinds.VOLUMEATTRIBUTESCLASS, "gold")
        await world.settle(3)
        assert await world.get(kinds.VOLUMEATTRIBUTESCLASS, "gold", "") is not None
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        assert await world.get(kinds.VOLUMEATTRIBUTESCLASS, "gold", "") is None

    play(story, ALL)


def test_an_ephemeral_volume_gets_a_claim_that_goes_with_its_pod() -> None:
    template = {
        "metadata": {"labels": {"of": "app"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]

    async def story(world: World) -> None:
        made = await put(world, make_pod("app", volumes=volumes))
        await world.settle(3)
        found = await claim_of(world, "app-scratch")
        (reference,) = found["metadata"]["ownerReferences"]
        assert (reference["kind"], reference["uid"], reference["controller"]) == ("Pod", uid_of(made), True)
        assert found["metadata"]["labels"] == {"of": "app"}
        assert found["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
        await put(world, claim("other-scratch"))
        await put(world, make_pod("other", volumes=volumes))
        await world.settle(3)
        ((kind, reason, message),) = await told(world, "other")
        assert (kind, reason) == ("Warning", "FailedCreate")
        assert "other-scratch was not created for pod default/other (pod is not owner)" in message
        await world.client.delete(kinds.POD, "app", "default", grace_period_seconds=0)
        await world.settle(10)
        assert [name_of(each) for each in await world.all(kinds.PERSISTENTVOLUMECLAIM)] == ["other-scratch"]

    play(story, ALL)


def test_growing_is_left_to_the_driver() -> None:
    async def story(world: World) -> None:
        grows = {**storage_class("fast"), "allowVolumeExpansion": True}
        await put(world, grows)
        await put(world, volume("v", storageClassName="fast"))
        await put(world, claim(storageClassName="fast"))
        await world.settle(3)
        patch = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        await world.client.patch(kinds.PERSISTENTVOLUMECLAIM, "data", "default", patch)
        await world.settle(3)
        message = "waiting for an external controller to expand this PVC"
        assert await told(world, "data") == [("Normal", "ExternalExpanding", message)]

    play(story, ALL)
