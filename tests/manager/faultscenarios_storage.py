"""Scenarios of the storage controllers."""

from __future__ import annotations

from faultworld import Scenario, SufferingWorld
from test_manager_attachdetach import csi_volume
from test_manager_localpath import select
from test_manager_persistentvolumebinder import claim, put, storage_class, volume
from world import pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import name_of
from pybernetes.controllers.localpath import default_storage_class

PROTECTION = "persistentvolume-protection-controller,persistentvolumeclaim-protection-controller"
USES = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]


async def bound(world: SufferingWorld) -> None:
    """Two claims find volumes, one is bound by name, one finds none; then one is released and deleted."""
    for name, size in (("large", "10Gi"), ("small", "500Mi"), ("middle", "2Gi"), ("named", "1Gi")):
        await put(world, volume(name, size))
    await put(world, claim("by-name", "100Mi", volumeName="named"))
    await world.rest()
    await put(world, claim("data"))
    await world.rest()
    await put(world, claim("huge", "1Ti"))
    await put(world, claim("other", "9Gi"))
    await world.rest()
    await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "other", "default")
    await world.rest()


async def protected(world: SufferingWorld) -> None:
    """Claim and volume are deleted while a pod uses them."""
    await put(world, volume("v"))
    await world.rest()
    await put(world, claim())
    await world.rest()
    await put(world, volume("free"))
    await world.rest()
    await put(world, pod("app", volumes=USES, nodeName="n1"))
    await world.rest()
    for kind, name, namespace in (
        (kinds.PERSISTENTVOLUMECLAIM, "data", "default"),
        (kinds.PERSISTENTVOLUME, "v", ""),
        (kinds.PERSISTENTVOLUME, "free", ""),
    ):
        await world.client.delete(kind, name, namespace)
    await world.rest()
    await world.client.delete(kinds.POD, "app", "default", grace_period_seconds=0)
    await world.rest()
    await put(world, claim("next"))
    await world.client.patch(
        kinds.PERSISTENTVOLUMECLAIM, "next", "default", {"metadata": {"finalizers": None}}
    )
    await world.rest()


async def classes(world: SufferingWorld) -> None:
    for name in ("gold", "silver"):
        made = new_object(kinds.VOLUMEATTRIBUTESCLASS, name, driverName="example.org", parameters={"a": "b"})
        await put(world, made)
    await put(world, claim(volumeAttributesClassName="gold"))
    await world.rest()
    for name in ("gold", "silver"):
        await world.client.delete(kinds.VOLUMEATTRIBUTESCLASS, name, "")
    await world.rest()
    await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
    await world.rest()


async def ephemeral(world: SufferingWorld) -> None:
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]
    for name in ("p", "q"):
        await put(world, pod(name, volumes=volumes))
    await world.rest()
    await world.client.delete(kinds.POD, "q", "default")
    await world.rest()


async def attached(world: SufferingWorld) -> None:
    for name in ("n1", "n2"):
        await world.node(name)
    await put(world, csi_volume())
    await put(world, claim())
    await world.rest()
    for node in ("n1", "n2"):
        await put(world, pod(f"on-{node}", volumes=USES, nodeName=node))
        await world.rest()
        for each in await world.all(kinds.VOLUMEATTACHMENT, ""):
            patch = {"status": {"attached": True}}
            await world.client.patch(kinds.VOLUMEATTACHMENT, name_of(each), "", patch, subresource="status")
        await world.rest()
        if node == "n1":
            await world.client.delete(kinds.POD, "on-n1", "default", grace_period_seconds=0)
            await world.rest()


async def grown(world: SufferingWorld) -> None:
    made = {**storage_class("disk", provisioner="kubernetes.io/no-provisioner"), "allowVolumeExpansion": True}
    await put(world, made)
    await put(world, volume("v", storageClassName="disk"))
    await put(world, claim(storageClassName="disk"))
    await world.rest()
    more = {"resources": {"requests": {"storage": "2Gi"}}}
    await world.change(kinds.PERSISTENTVOLUMECLAIM, "data", more)
    await world.rest()


async def local_paths(world: SufferingWorld) -> None:
    await world.node("n1")
    await put(world, default_storage_class())
    for name in ("data", "more"):
        await put(world, claim(name, storageClassName="local-path"))
        await select(world, "n1", name)
        await world.rest()
    await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "more", "default")
    await world.rest()


BINDER = "persistentvolume-binder-controller"
STORAGE: tuple[Scenario, ...] = (
    Scenario(BINDER, bound, PROTECTION),
    Scenario("persistentvolume-protection-controller", protected, BINDER),
    Scenario("persistentvolumeclaim-protection-controller", protected, BINDER),
    Scenario("volumeattributesclass-protection-controller", classes, PROTECTION),
    Scenario("ephemeral-volume-controller", ephemeral, "garbage-collector-controller," + PROTECTION),
    Scenario("persistentvolume-attach-detach-controller", attached, BINDER),
    Scenario("persistentvolume-expander-controller", grown, BINDER),
    Scenario("local-path-provisioner-controller", local_paths, f"{BINDER},{PROTECTION}"),
)
