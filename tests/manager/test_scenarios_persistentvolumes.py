"""Claims and volumes from beginning to end, by upstream's documentation and KEPs (625, 2644, 2268): who is given what, and
what becomes of it, as tables."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from test_manager_attachdetach import ALL as ATTACHING
from test_manager_attachdetach import UNIQUE, USES, attach, attached, attachments, bound, in_use
from test_manager_persistentvolumebinder import (
    BIND_COMPLETED,
    BINDER,
    BOUND_BY_CONTROLLER,
    claim,
    claim_of,
    phase,
    put,
    storage_class,
    told,
    volume,
    volume_of,
)
from test_manager_volumeprotection import ALL as PROTECTING
from world import World, play
from world import pod as make_pod

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, is_deleting, labels_of, name_of
from pybernetes.control.plan import Report
from pybernetes.controllers.attachdetach.plan import Seen, _attach
from pybernetes.controllers.persistentvolumebinder.matching import best_match
from pybernetes.controllers.persistentvolumebinder.migration import (
    FINALIZER,
    MIGRATED_TO,
    prepared_claim,
    prepared_volume,
)

PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
EXTERNAL_FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"


def available(obj: Obj, **labels: str) -> Obj:
    return {**obj, "status": {"phase": "Available"}, "metadata": {**obj["metadata"], "labels": labels}}


def reserved(name: str, for_claim: str, uid: str = "", **more: Any) -> Obj:
    reference = {"namespace": "default", "name": for_claim, **({"uid": uid} if uid else {})}
    return {**volume(name, claimRef=reference, **more), "status": {"phase": "Available"}}


def with_annotations(obj: Obj, **annotations: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


TINY, SMALL, LARGE = (
    available(volume(n, s)) for n, s in (("tiny", "1Mi"), ("small", "2Gi"), ("large", "9Gi"))
)
WIDE = available(volume("wide", "1Gi", ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany")))
GOING = {
    **SMALL,
    "metadata": {**SMALL["metadata"], "name": "going", "deletionTimestamp": "2026-01-01T00:00:00Z"},
}
OLDER_CLASS = {"volume.beta.kubernetes.io/storage-class": "fast"}
MATCHES: list[tuple[str, Obj, list[Obj], str | None]] = [
    ("none", claim(), [], None),
    ("the smallest that suffices", claim(), [LARGE, SMALL, TINY], "small"),
    ("none is large enough", claim(size="10Gi"), [LARGE, SMALL], None),
    ("exactly as large", claim(size="2Gi"), [LARGE, SMALL], "small"),
    ("fewest modes before smallest size", claim(), [WIDE, LARGE], "large"),
    ("every mode asked for", claim(modes=("ReadOnlyMany",)), [SMALL, WIDE], "wide"),
    ("one that is going", claim(), [GOING], None),
    ("one that is bound", claim(), [{**SMALL, "status": {"phase": "Bound"}}], None),
    ("one that was released", claim(), [{**SMALL, "status": {"phase": "Released"}}], None),
    ("reserved for it, though larger", claim(), [SMALL, reserved("mine", "data", size="9Gi")], "mine"),
    ("reserved for it, whatever the class", claim(storageClassName="fast"), [reserved("mine", "data")], "mine"),
    ("reserved for it, but too small", claim(size="3Gi"), [reserved("mine", "data")], None),
    ("reserved for another", claim(), [reserved("other", "else")], None),
    ("reserved for an earlier one of its name", claim(), [reserved("other", "data", "old-uid")], None),
    ("of the class", claim(storageClassName="fast"), [SMALL, available(volume("f", storageClassName="fast"))], "f"),
    ("without a class", claim(), [available(volume("f", storageClassName="fast"))], None),
    ("the class by the older annotation", claim(storageClassName="fast"), [with_annotations(available(volume("f")), **OLDER_CLASS)], "f"),
    ("a selector", claim(selector={"matchLabels": {"a": "b"}}), [SMALL, available(volume("l", "9Gi"), a="b")], "l"),
    ("a selector with expressions", claim(selector={"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}), [available(volume("l"), a="b"), available(volume("m", "9Gi"), a="c")], "m"),
    ("a block device", claim(volumeMode="Block"), [SMALL, available(volume("b", volumeMode="Block"))], "b"),
    ("an attributes class", claim(volumeAttributesClassName="gold"), [SMALL, available(volume("g", volumeAttributesClassName="gold"))], "g"),
    ("an attributes class not asked for", claim(), [available(volume("g", volumeAttributesClassName="gold"))], None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "volumes", "found"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
def test_matching(wish: Obj, volumes: list[Obj], found: str | None) -> None:
    match = best_match({**wish, "metadata": {**wish["metadata"], "uid": "new-uid"}}, volumes, delayed=False)
    assert (name_of(match) if match else None) == found


MADE_HERE, MADE_BY_DRIVER = "kubernetes.io/odd", "ebs.csi.aws.com"
FINALIZERS: list[tuple[str, str | None, str, list[str], list[str], str | None]] = [
    # (provisioned by, policy, finalizers before, after, migrated to)
    ("by hand", None, "Delete", [], [], None),
    ("in the tree, to be deleted", MADE_HERE, "Delete", [], [FINALIZER], None),
    ("in the tree, to be kept", MADE_HERE, "Retain", [FINALIZER], [], None),
    ("by a driver", MADE_BY_DRIVER, "Delete", [EXTERNAL_FINALIZER], [EXTERNAL_FINALIZER], None),
    ("migrated to a driver", "kubernetes.io/aws-ebs", "Delete", [FINALIZER, "x/y"], ["x/y"], MADE_BY_DRIVER),
]


@pytest.mark.parametrize(
    ("by", "policy", "before", "after", "driver"), [r[1:] for r in FINALIZERS], ids=[r[0] for r in FINALIZERS]
)
def test_finalizers_of_deletion(
    by: str | None, policy: str, before: list[str], after: list[str], driver: str | None
) -> None:
    made = volume("v", persistentVolumeReclaimPolicy=policy)
    annotations = {PROVISIONED_BY: by} if by else {}
    made = {**made, "metadata": {**made["metadata"], "annotations": annotations, "finalizers": before}}
    found = prepared_volume(made)
    assert found["metadata"].get("finalizers", []) == after
    assert annotations_of(found).get(MIGRATED_TO) == driver
    assert prepared_volume(found) == found


def test_a_claim_says_who_has_taken_over_its_provisioner() -> None:
    asked = with_annotations(claim(), **{"volume.kubernetes.io/storage-provisioner": "kubernetes.io/gce-pd"})
    assert annotations_of(prepared_claim(asked))[MIGRATED_TO] == "pd.csi.storage.gke.io"
    assert prepared_claim(claim()) == claim()


# From the claim's end on.


@dataclass(frozen=True)
class Life:
    """A volume with this policy and maker; the phases of volume (None: gone) and claim after what `act` says:
    what is deleted, in order."""

    policy: str
    act: str
    volume: str | None
    claim: str | None
    by: str = ""
    finalizers: tuple[str, ...] = ()


LIVES: dict[str, Life] = {
    "kept": Life("Retain", "claim", "Released", None),
    "to be deleted, and nobody can": Life("Delete", "claim", "Failed", None),
    "to be deleted by a driver": Life(
        "Delete", "claim", "Released", None, MADE_BY_DRIVER, (EXTERNAL_FINALIZER,)
    ),
    "to be scrubbed, and nobody can": Life("Recycle", "claim", "Failed", None),
    "the volume first: it waits": Life("Retain", "volume", "Bound", "Bound"),
    "the volume first, then the claim": Life("Retain", "volume claim", None, None),
    "the volume first: its driver still has to delete it": Life(
        "Delete", "volume claim", "Released", None, MADE_BY_DRIVER, (EXTERNAL_FINALIZER,)
    ),
    "the volume by force": Life("Retain", "volume!", None, "Lost"),
}


@pytest.mark.parametrize("name", LIVES)
def test_lives(name: str) -> None:
    life = LIVES[name]

    async def story(world: World) -> None:
        made = volume("v", persistentVolumeReclaimPolicy=life.policy)
        if life.by:
            made = with_annotations(made, **{PROVISIONED_BY: life.by})
            made["metadata"]["finalizers"] = [*life.finalizers]
        await put(world, made)
        await put(world, claim())
        await world.settle(3)
        assert phase(await claim_of(world)) == "Bound"
        for word in life.act.split():
            if word == "claim":
                await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
            else:
                await world.client.delete(kinds.PERSISTENTVOLUME, "v")
            if word.endswith("!"):
                await world.client.patch(kinds.PERSISTENTVOLUME, "v", "", {"metadata": {"finalizers": None}})
            await world.settle(5)
        held, holder = (
            await world.get(kinds.PERSISTENTVOLUME, "v", ""),
            await world.get(kinds.PERSISTENTVOLUMECLAIM, "data"),
        )
        assert (held and phase(held)) == life.volume
        assert (holder and phase(holder)) == life.claim
        if life.finalizers and held is not None:
            assert EXTERNAL_FINALIZER in held["metadata"]["finalizers"]
        if life.policy == "Recycle":
            assert (
                "Warning",
                "VolumeFailedRecycle",
                "No recycler plugin found for the volume!",
            ) in await told(world, "v")

    play(story, BINDER)


# Bound beforehand, at either end.


def test_a_volume_reserved_by_name_stays_reserved_and_is_not_called_ours() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v", claimRef={"namespace": "default", "name": "data"}))
        await put(world, claim())
        await world.settle(3)
        held = await volume_of(world, "v")
        assert phase(held) == "Bound"
        assert BOUND_BY_CONTROLLER not in annotations_of(held)
        assert set(annotations_of(await claim_of(world))) == {BIND_COMPLETED, BOUND_BY_CONTROLLER}

    play(story, BINDER)


def test_a_claim_that_names_its_volume() -> None:
    async def story(world: World) -> None:
        await put(world, claim(volumeName="v"))
        await world.settle(3)
        assert phase(await claim_of(world)) == "Pending"
        await put(world, volume("other"))
        await put(world, volume("v", "5Gi"))
        await world.settle(3)
        assert phase(await claim_of(world)) == "Bound"
        assert set(annotations_of(await claim_of(world))) == {BIND_COMPLETED}
        assert phase(await volume_of(world, "other")) == "Available"

    play(story, BINDER)


def test_a_claim_that_names_a_volume_of_another() -> None:
    async def story(world: World) -> None:
        await put(world, volume("v"))
        await put(world, claim("first"))
        await world.settle(3)
        await put(world, claim("second", volumeName="v"))
        await world.settle(3)
        assert phase(await claim_of(world, "second")) == "Pending"
        message = 'volume "v" already bound to a different claim.'
        assert ("Warning", "FailedBinding", message) in await told(world, "second")

    play(story, BINDER)


# Together with the scheduler.

LATE = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: late}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
"""


def local(name: str, node: str, size: str) -> Obj:
    match = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [match]}]}}
    made = volume(name, size, storageClassName="late", local={"path": f"/mnt/{name}"}, nodeAffinity=affinity)
    del made["spec"]["hostPath"]
    return made


def test_the_scheduler_chooses_node_and_volume_together() -> None:
    """The pod may only run on one node; the smallest volume there that suffices is taken, not the smallest of all."""

    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            nodes = sorted(name_of(each) for each in await c.list("nodes"))
            await c.apply(LATE)
            for name, node, size in (("a", nodes[0], "1Gi"), ("b", nodes[1], "5Gi"), ("c", nodes[1], "3Gi")):
                await c.apply(local(name, node, size))
            await c.apply(claim(storageClassName="late"))
            await c.advance("30s")
            assert (await c.get("pvc/data"))["status"]["phase"] == "Pending"
            await c.apply(make_pod("app", volumes=USES, nodeSelector={"kubernetes.io/hostname": nodes[1]}))
            await c.advance("30s")
            assert (await c.get("pvc/data"))["spec"]["volumeName"] == "c"
            assert (await c.get("pod/app"))["spec"]["nodeName"] == nodes[1]
            assert (await c.get("pod/app"))["status"]["phase"] == "Running"

    asyncio.run(main())


# Attached, by drivers that attach.


def user(name: str, namespace: str = "default") -> Obj:
    return make_pod(name, namespace=namespace)


ALREADY = "Volume is already"
TAKEN: list[tuple[list[Obj], str]] = [
    ([], f"{ALREADY} exclusively attached to one node and can't be attached to another"),
    ([user("b"), user("a")], f"{ALREADY} used by pod(s) a, b"),
    ([user("a"), user("x", "other"), user("y", "other")], f"{ALREADY} used by pod(s) a and 2 pod(s) in different namespaces"),
    ([user("x", "other")], f"{ALREADY} used by 1 pod(s) in different namespaces"),
]  # fmt: skip


@pytest.mark.parametrize(("users", "why"), TAKEN)
def test_why_a_volume_cannot_be_attached_a_second_time(users: list[Obj], why: str) -> None:
    one = volume("v", csi={"driver": "d", "volumeHandle": "h"})
    seen = Seen("n2", None, {}, (), {"v": [({}, users)]}, {})
    (report,) = _attach(seen, one, [user("second")])
    assert isinstance(report, Report)
    assert report.message == f'Multi-Attach error for volume "v" {why}'


def test_a_second_pod_on_the_same_node_shares_the_attachment() -> None:
    async def story(world: World) -> None:
        await bound(world)
        for name in ("a", "b"):
            await put(world, make_pod(name, volumes=USES, nodeName="n1"))
        await world.settle(2)
        assert len(await attachments(world)) == 1
        await attach(world)
        await in_use(world, "n1", UNIQUE)
        await world.client.delete(kinds.POD, "a", "default", grace_period_seconds=0)
        await world.settle(3)
        assert await attached(world, "n1") == [UNIQUE]
        await world.client.delete(kinds.POD, "b", "default", grace_period_seconds=0)
        await in_use(world, "n1")
        await world.settle(3)
        assert await attachments(world) == []

    play(story, ATTACHING)


def test_a_pod_that_has_ended_needs_no_volume_unless_its_node_says_so() -> None:
    async def story(world: World) -> None:
        keep = {"metadata": {"annotations": {"volumes.kubernetes.io/keep-terminated-pod-volumes": "true"}}}
        await bound(world)
        await world.client.patch(kinds.NODE, "n1", "", keep)
        made = await put(world, make_pod("a", volumes=USES, nodeName="n1"))
        await world.settle(2)
        await attach(world)
        await world.set_pod_status(made, {"phase": "Succeeded"}, ready=False)
        await world.settle(3)
        assert len(await attachments(world)) == 1
        await world.client.patch(kinds.NODE, "n1", "", {"metadata": {"annotations": None}})
        await world.settle(3)
        assert await attachments(world) == []

    play(story, ATTACHING)


def test_a_node_that_is_gone_keeps_no_volume() -> None:
    async def story(world: World) -> None:
        await bound(world)
        await put(world, make_pod("a", volumes=USES, nodeName="n1"))
        await world.settle(2)
        await attach(world)
        await world.client.delete(kinds.POD, "a", "default", grace_period_seconds=0)
        await in_use(world, "n1", UNIQUE)
        await world.client.delete(kinds.NODE, "n1")
        await world.settle(400)
        assert await attachments(world) == []

    play(story, ATTACHING)


# Held, made and grown for pods.


@pytest.mark.parametrize(
    ("spec", "status", "holds"),
    [
        ({"nodeName": "n1"}, {}, True),
        ({"nodeName": "n1"}, {"phase": "Succeeded"}, True),
        ({}, {"phase": "Pending"}, False),
    ],
)
def test_which_pods_hold_a_claim(spec: dict[str, Any], status: dict[str, Any], holds: bool) -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        await put(world, claim())
        made = await put(world, make_pod("app", volumes=USES, **spec))
        if status:
            await world.set_pod_status(made, status, ready=False)
        await world.settle(3)
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.settle(5)
        found = await world.get(kinds.PERSISTENTVOLUMECLAIM, "data")
        assert (found is not None and is_deleting(found)) is holds

    play(story, PROTECTING)


def test_ephemeral_volumes_of_a_pod_are_claims_with_its_labels_and_go_with_it() -> None:
    async def story(world: World) -> None:
        template = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": claim()["spec"]}
        volumes = [{"name": n, "ephemeral": {"volumeClaimTemplate": template}} for n in ("one", "two")]
        await put(world, volume("v"))
        await put(world, make_pod("app", volumes=volumes))
        await world.settle(5)
        found = await world.all(kinds.PERSISTENTVOLUMECLAIM)
        assert [name_of(each) for each in found] == ["app-one", "app-two"]
        assert [phase(each) for each in found] == ["Bound", "Pending"]
        assert {labels_of(each)["a"] for each in found} == {"b"}
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "app-two", "default")
        await world.settle(3)
        assert len(await world.all(kinds.PERSISTENTVOLUMECLAIM)) == 2, "it is made again"
        await world.client.delete(kinds.POD, "app", "default", grace_period_seconds=0)
        await world.settle(10)
        assert await world.all(kinds.PERSISTENTVOLUMECLAIM) == []
        assert phase(await volume_of(world, "v")) == "Released"

    play(story, PROTECTING)


def test_a_claim_without_class_gets_the_newest_default_one() -> None:
    async def story(world: World) -> None:
        made = claim()
        del made["spec"]["storageClassName"]
        await put(world, made)
        await put(world, claim("none"))
        await world.settle(3)
        assert "storageClassName" not in (await claim_of(world))["spec"]
        await put(world, storage_class("older", default=True))
        await world.settle(3)
        assert (await claim_of(world))["spec"]["storageClassName"] == "older"
        assert (await claim_of(world, "none"))["spec"]["storageClassName"] == "", '"" asks for none'
        await put(world, storage_class("newer", default=True))
        await put(world, {**made, "metadata": {**made["metadata"], "name": "later"}})
        await world.settle(3)
        assert (await claim_of(world, "later"))["spec"]["storageClassName"] == "newer"

    play(story, BINDER)


def test_a_claim_of_a_class_that_is_not_there() -> None:
    async def story(world: World) -> None:
        await put(world, claim(storageClassName="none"))
        await world.settle(3)
        message = 'storageclass.storage.k8s.io "none" not found'
        assert await told(world, "data") == [("Warning", "ProvisioningFailed", message)]
        await put(world, storage_class("none"))
        await world.settle(3)
        assert (
            annotations_of(await claim_of(world))["volume.kubernetes.io/storage-provisioner"]
            == "example.org/disk"
        )

    play(story, BINDER)


# Since when nobody uses it (KEP-5541).


async def unused(world: World) -> tuple[str, str, str, str] | None:
    found = (await claim_of(world))["status"].get("conditions") or ()
    for entry in found:
        if entry["type"] == "Unused":
            assert entry["lastProbeTime"] is None
            return entry["status"], entry["reason"], entry["message"], entry["lastTransitionTime"]
    return None


FREE = ("True", "NoPodsUsingPVC", "No pods are currently referencing this PVC")
USED = ("False", "PodUsingPVC", "A pod is currently referencing this PVC")


def test_a_bound_claim_says_since_when_no_pod_uses_it() -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        await put(world, claim())
        await world.settle(3)
        assert await unused(world) is None, "it is not bound"
        await put(world, volume("v"))
        await world.settle(3)
        first = await unused(world)
        assert first is not None
        assert first[:3] == FREE
        await world.settle(3600)
        await put(world, make_pod("waits", volumes=USES))
        await world.settle(3)
        later = await unused(world)
        assert later is not None
        assert later[:3] == USED, "a pod without a node uses it too"
        assert later[3] > first[3]
        second = await put(world, make_pod("runs", volumes=USES, nodeName="n1"))
        await world.client.delete(kinds.POD, "waits", "default")
        await world.settle(100)
        assert await unused(world) == later, "while one uses it, the time stays"
        await world.set_pod_status(second, {"phase": "Succeeded"}, ready=False)
        await world.settle(3)
        again = await unused(world)
        assert again is not None
        assert again[:3] == FREE
        assert phase(await claim_of(world)) == "Bound"

    play(story, PROTECTING)
