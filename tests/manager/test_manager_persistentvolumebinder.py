"""Claims and volumes through a real API server in virtual time: upstream's documentation of persistent volumes."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play
from world import pod as make_pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of, name_of, uid_of
from pybernetes.controllers.persistentvolumebinder.matching import best_match, mismatch

BINDER = (
    "serviceaccount-controller,persistentvolume-binder-controller,"
    "persistentvolume-protection-controller,persistentvolumeclaim-protection-controller"
)
BOUND_BY_CONTROLLER, BIND_COMPLETED = (
    "pv.kubernetes.io/bound-by-controller",
    "pv.kubernetes.io/bind-completed",
)


def volume(name: str, size: str = "1Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any) -> Obj:
    full = {
        "capacity": {"storage": size},
        "accessModes": [*modes],
        "hostPath": {"path": f"/data/{name}"},
        **spec,
    }
    return new_object(kinds.PERSISTENTVOLUME, name, spec=full)


def claim(
    name: str = "data", size: str = "1Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any
) -> Obj:
    full = {
        "accessModes": [*modes],
        "resources": {"requests": {"storage": size}},
        "storageClassName": "",
        **spec,
    }
    return new_object(kinds.PERSISTENTVOLUMECLAIM, name, "default", spec=full)


def storage_class(
    name: str, mode: str = "Immediate", provisioner: str = "example.org/disk", default: bool = False
) -> Obj:
    made = new_object(kinds.STORAGECLASS, name, provisioner=provisioner, volumeBindingMode=mode)
    if default:
        made["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return made


async def put(world: World, obj: Obj) -> Obj:
    kind = kinds.by_kind(obj["apiVersion"], obj["kind"])
    assert kind is not None
    return await world.client.create(kind, obj)


async def claim_of(world: World, name: str = "data") -> Obj:
    return await world.client.get(kinds.PERSISTENTVOLUMECLAIM, name, "default")


async def volume_of(world: World, name: str) -> Obj:
    return await world.client.get(kinds.PERSISTENTVOLUME, name)


async def told(world: World, name: str) -> list[tuple[str, str, str]]:
    """The events about an object: (type, reason, message)."""
    events = (await world.client.list(kinds.EVENT, "default")).items
    about = [event for event in events if event["involvedObject"]["name"] == name]
    return [(event["type"], event["reason"], event["message"]) for event in about]


def phase(obj: Obj) -> str:
    return str(obj["status"]["phase"])


def test_the_smallest_volume_that_suffices_is_bound_at_both_ends() -> None:
    async def story(world: World) -> None:
        for name, size in (("large", "10Gi"), ("small", "500Mi"), ("middle", "2Gi")):
            await put(world, volume(name, size))
        await world.settle(2)
        assert phase(await volume_of(world, "large")) == "Available"
        made = await put(world, claim(size="1Gi"))
        await world.settle(3)
        bound, held = await claim_of(world), await volume_of(world, "middle")
        assert (phase(bound), phase(held)) == ("Bound", "Bound")
        assert bound["spec"]["volumeName"] == "middle"
        assert bound["status"]["capacity"] == {"storage": "2Gi"}
        assert bound["status"]["accessModes"] == ["ReadWriteOnce"]
        assert annotations_of(bound) == {BOUND_BY_CONTROLLER: "yes", BIND_COMPLETED: "yes"}
        assert annotations_of(held) == {BOUND_BY_CONTROLLER: "yes"}
        reference = held["spec"]["claimRef"]
        assert (reference["kind"], reference["apiVersion"], reference["namespace"]) == (
            "PersistentVolumeClaim",
            "v1",
            "default",
        )
        assert (reference["name"], reference["uid"]) == ("data", uid_of(made))
        assert held["status"]["lastPhaseTransitionTime"]

    play(story, BINDER)


def test_a_claim_without_class_waits_for_a_volume() -> None:
    async def story(world: World) -> None:
        await put(world, claim())
        await world.settle(3)
        message = "no persistent volumes available for this claim and no storage class is set"
        assert ("Normal", "FailedBinding", message) in await told(world, "data")
        assert phase(await claim_of(world)) == "Pending"
        await put(world, volume("late"))
        await world.settle(3)
        assert phase(await claim_of(world)) == "Bound"

    play(story, BINDER)


def test_two_claims_never_get_one_volume() -> None:
    async def story(world: World) -> None:
        for number in range(5):
            await put(world, claim(f"c{number}"))
        for number in range(5):
            await put(world, volume(f"v{number}"))
        await world.settle(5)
        claims = [await claim_of(world, f"c{number}") for number in range(5)]
        assert [phase(each) for each in claims] == ["Bound"] * 5
        assert sorted(each["spec"]["volumeName"] for each in claims) == [f"v{number}" for number in range(5)]

    play(story, BINDER)


def test_what_is_reserved_goes_to_whom_it_is_reserved_for() -> None:
    async def story(world: World) -> None:
        await put(world, volume("reserved", "5Gi", claimRef={"namespace": "default", "name": "mine"}))
        await put(world, volume("free"))
        await world.settle(2)
        assert phase(await volume_of(world, "reserved")) == "Available"
        await put(world, claim("other"))
        await put(world, claim("mine"))
        await put(world, claim("wish", volumeName="wanted"))
        await world.settle(3)
        assert (await claim_of(world, "other"))["spec"]["volumeName"] == "free"
        assert (await claim_of(world, "mine"))["spec"]["volumeName"] == "reserved"
        assert BOUND_BY_CONTROLLER not in annotations_of(await volume_of(world, "reserved"))
        assert phase(await claim_of(world, "wish")) == "Pending"
        await put(world, volume("wanted"))
        await world.settle(3)
        wish = await claim_of(world, "wish")
        assert phase(wish) == "Bound"
        assert annotations_of(wish) == {BIND_COMPLETED: "yes"}

    play(story, BINDER)


def test_a_volume_asked_for_that_does_not_fit_is_refused() -> None:
    async def story(world: World) -> None:
        await put(world, volume("tiny", "1Mi"))
        await put(world, volume("taken", claimRef={"namespace": "default", "name": "somebody"}))
        await put(world, claim("a", volumeName="tiny"))
        await put(world, claim("b", volumeName="taken"))
        await world.settle(3)
        assert await told(world, "a") == [
            ("Warning", "VolumeMismatch", 'Cannot bind to requested volume "tiny": requested PV is too small')
        ]
        assert (
            "Warning",
            "FailedBinding",
            'volume "taken" already bound to a different claim.',
        ) in await told(world, "b")

    play(story, BINDER)


def test_a_retained_volume_is_released() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v"))
        await put(world, claim())
        await world.settle(3)
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        assert await world.get(kinds.PERSISTENTVOLUMECLAIM, "data") is None
        assert phase(await volume_of(world, "v")) == "Released"
        await put(world, claim())
        await world.settle(3)
        assert phase(await claim_of(world)) == "Pending", "the volume is not given to another claim"
        await world.client.patch(kinds.PERSISTENTVOLUME, "v", "", {"spec": {"claimRef": None}})
        await world.settle(3)
        assert phase(await claim_of(world)) == "Bound"

    play(story, BINDER)


def test_a_volume_that_nobody_can_delete_fails() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v", persistentVolumeReclaimPolicy="Delete"))
        await put(world, claim())
        await world.settle(3)
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        failed = await volume_of(world, "v")
        message = 'error getting deleter volume plugin for volume "v": no deletable volume plugin matched'
        assert (phase(failed), failed["status"]["message"]) == ("Failed", message)
        assert await told(world, "v") == [("Warning", "VolumeFailedDelete", message)]

    play(story, BINDER)


def test_a_claim_whose_volume_vanished_is_lost() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v"))
        await put(world, claim())
        await world.settle(3)
        await world.client.delete(kinds.PERSISTENTVOLUME, "v")
        await world.settle(1)
        await world.client.patch(kinds.PERSISTENTVOLUME, "v", "", {"metadata": {"finalizers": None}})
        await world.settle(3)
        lost = await claim_of(world)
        assert phase(lost) == "Lost"
        assert "capacity" not in lost["status"]
        message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        assert ("Warning", "ClaimLost", message) in await told(world, "data")

    play(story, BINDER)


def test_a_claim_that_waits_for_its_consumer() -> None:
    async def story(world: World) -> None:
        await put(world, storage_class("slow", "WaitForFirstConsumer"))
        await put(world, volume("v", storageClassName="slow"))
        await put(world, claim(storageClassName="slow"))
        await world.settle(3)
        assert phase(await claim_of(world)) == "Pending"
        message = "waiting for first consumer to be created before binding"
        assert await told(world, "data") == [("Normal", "WaitForFirstConsumer", message)]
        uses = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
        await put(world, make_pod("app", volumes=uses))
        await world.settle(3)
        assert ("Normal", "WaitForPodScheduled", "waiting for pod app to be scheduled") in await told(
            world, "data"
        )
        patch = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n1"}}}
        await world.client.patch(kinds.PERSISTENTVOLUMECLAIM, "data", "default", patch)
        await world.settle(3)
        asked = annotations_of(await claim_of(world))
        assert asked["volume.kubernetes.io/storage-provisioner"] == "example.org/disk"
        assert asked["volume.beta.kubernetes.io/storage-provisioner"] == "example.org/disk"
        # The scheduler has reserved a volume for the claim: the binder finishes what it began.
        reference = {"namespace": "default", "name": "data"}
        await world.client.patch(kinds.PERSISTENTVOLUME, "v", "", {"spec": {"claimRef": reference}})
        await world.settle(3)
        assert phase(await claim_of(world)) == "Bound"

    play(story, BINDER)


def test_provisioning_is_asked_for() -> None:
    async def story(world: World) -> None:
        await put(world, claim("nowhere", storageClassName="missing"))
        await put(world, storage_class("old", provisioner="kubernetes.io/no-provisioner"))
        await put(world, claim("manual", storageClassName="old"))
        await put(world, storage_class("fast"))
        made = await put(world, claim(storageClassName="fast"))
        await world.settle(3)
        missing = 'storageclass.storage.k8s.io "missing" not found'
        assert await told(world, "nowhere") == [("Warning", "ProvisioningFailed", missing)]
        unknown = "no volume plugin matched name: kubernetes.io/no-provisioner"
        assert await told(world, "manual") == [("Warning", "ProvisioningFailed", unknown)]
        ((_, reason, message),) = await told(world, "data")
        assert reason == "ExternalProvisioning"
        assert message.startswith(
            "Waiting for a volume to be created either by the external provisioner 'example.org/disk'"
        )
        provisioned = volume(
            "pvc-1",
            storageClassName="fast",
            persistentVolumeReclaimPolicy="Delete",
            claimRef={
                "namespace": "default",
                "name": "data",
                "uid": uid_of(made),
                "kind": "PersistentVolumeClaim",
            },
        )
        provisioned = {
            **provisioned,
            "metadata": {
                "name": "pvc-1",
                "annotations": {"pv.kubernetes.io/provisioned-by": "example.org/disk"},
            },
        }
        await put(world, provisioned)
        await world.settle(3)
        assert phase(await claim_of(world)) == "Bound"
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(3)
        assert phase(await volume_of(world, "pvc-1")) == "Released"
        assert await told(world, "pvc-1") == [], "its provisioner deletes it"

    play(story, BINDER)


def test_a_default_class_that_comes_later_is_assigned() -> None:
    async def story(world: World) -> None:
        waiting = claim()
        del waiting["spec"]["storageClassName"]  # type: ignore[attr-defined]
        await put(world, waiting)
        await world.settle(3)
        await put(world, storage_class("std", "WaitForFirstConsumer", default=True))
        await world.settle(3)
        assert (await claim_of(world))["spec"]["storageClassName"] == "std"

    play(story, BINDER)


def test_a_wrong_binding_is_undone() -> None:
    """A volume that names a claim which is bound to another volume becomes free again."""

    async def story(world: World) -> None:
        await put(world, volume("v"))
        made = await put(world, claim())
        await world.settle(3)
        reference = {
            "namespace": "default",
            "name": "data",
            "uid": uid_of(made),
            "kind": "PersistentVolumeClaim",
        }
        await put(world, volume("second", claimRef=reference))
        await world.settle(3)
        second = await volume_of(world, "second")
        assert phase(second) == "Available"
        assert "uid" not in second["spec"]["claimRef"]

    play(story, BINDER)


def _available(obj: Obj, labels: dict[str, str] | None = None) -> Obj:
    made = {**obj, "status": {"phase": "Available"}}
    return {**made, "metadata": {**obj["metadata"], "labels": labels or {}}}


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (claim(), "one"),
        (claim(size="3Gi"), "large"),
        (claim(size="30Gi"), None),
        (claim(modes=("ReadWriteMany",)), "many"),
        (claim(modes=("ReadWriteOnce", "ReadOnlyMany")), None),
        (claim(volumeMode="Block"), "block"),
        (claim(storageClassName="fast"), "fast"),
        (claim(selector={"matchLabels": {"tier": "gold"}}), "gold"),
        (claim(selector={"matchLabels": {"tier": "lead"}}), None),
    ],
)
def test_which_volume_fits(wish: Obj, found: str | None) -> None:
    volumes = [
        _available(volume("large", "5Gi")),
        _available(volume("one", "2Gi")),
        _available(volume("many", "1Gi", ("ReadWriteOnce", "ReadWriteMany"))),
        _available(volume("block", volumeMode="Block")),
        _available(volume("fast", storageClassName="fast")),
        _available(volume("gold", "9Gi"), {"tier": "gold"}),
        volume("unknown-phase", "2Gi"),
    ]
    match = best_match(wish, volumes, delayed=False)
    assert (name_of(match) if match else None) == found
    assert best_match(wish, volumes, delayed=True) is None


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (claim(), ""),
        (claim(size="3Gi"), "requested PV is too small"),
        (claim(storageClassName="x"), "storageClassName does not match"),
        (claim(volumeMode="Block"), "incompatible volumeMode"),
        (claim(modes=("ReadOnlyMany",)), "incompatible accessMode"),
    ],
)
def test_why_a_volume_does_not_serve(wish: Obj, why: str) -> None:
    assert mismatch(wish, volume("v")) == why
