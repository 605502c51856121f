"""Deletion of owners in its three ways (upstream: test/e2e/apimachinery/garbage_collector.go)."""

from __future__ import annotations

import asyncio

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.scenario import gone, watching
from tests.conformance.workloads import count, deployment, pod, replication_controller, running

RC = kinds.REPLICATIONCONTROLLER


def owned_by(owner: Obj, kind: str, version: str, **more: bool) -> Obj:
    metadata = owner["metadata"]
    return {"apiVersion": version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"], **more}


async def test_background_pods(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning [Conformance]"""
    await c.client.create(RC, replication_controller("simpletest.rc", ns, 2))
    await count(c, kinds.POD, ns, 2)
    await c.client.delete(RC, "simpletest.rc", ns, propagation="Background")
    await gone(c.client, RC, "simpletest.rc", ns)
    await count(c, kinds.POD, ns, 0)


async def test_orphaned_pods(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Conformance]"""
    await c.client.create(RC, replication_controller("simpletest.rc", ns, 10))
    await running(c, ns, 10)
    await c.client.delete(RC, "simpletest.rc", ns, propagation="Orphan")
    await gone(c.client, RC, "simpletest.rc", ns)
    await asyncio.sleep(30)
    pods = await count(c, kinds.POD, ns, 10)
    assert not any(each["metadata"].get("ownerReferences") for each in pods)
    assert not any(each["metadata"].get("deletionTimestamp") for each in pods)


async def test_background_replica_sets(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning [Conformance]"""
    await c.client.create(kinds.DEPLOYMENT, deployment("simpletest", ns, 2))
    await count(c, kinds.REPLICASET, ns, 1)
    await c.client.delete(kinds.DEPLOYMENT, "simpletest", ns, propagation="Background")
    await count(c, kinds.REPLICASET, ns, 0)
    await count(c, kinds.POD, ns, 0)


async def test_orphaned_replica_sets(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan [Conformance]"""
    await c.client.create(kinds.DEPLOYMENT, deployment("simpletest", ns, 2))
    await running(c, ns, 2)
    await c.client.delete(kinds.DEPLOYMENT, "simpletest", ns, propagation="Orphan")
    await gone(c.client, kinds.DEPLOYMENT, "simpletest", ns)
    await asyncio.sleep(30)
    [orphan] = await count(c, kinds.REPLICASET, ns, 1)
    assert not orphan["metadata"].get("ownerReferences")
    for each in await count(c, kinds.POD, ns, 2):
        [owner] = each["metadata"]["ownerReferences"]
        assert owner["uid"] == orphan["metadata"]["uid"]


async def test_foreground(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Conformance]"""
    spec = replication_controller("simpletest.rc", ns, 10)
    spec["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 10
    await c.client.create(RC, spec)
    await running(c, ns, 10)
    async with watching(c.client, kinds.POD, ns) as pods, watching(c.client, RC, ns) as owners:
        marked = await c.client.delete(RC, "simpletest.rc", ns, propagation="Foreground")
        assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert marked["metadata"]["deletionTimestamp"]
        ended = [await pods.until("DELETED") for _ in range(10)]
        last = max(int(each["metadata"]["resourceVersion"]) for each in ended)
        owner = await owners.until("DELETED")
        assert int(owner["metadata"]["resourceVersion"]) > last
    assert not (await c.client.list(kinds.POD, ns)).items


async def test_two_owners(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Conformance]"""
    await c.client.create(RC, replication_controller("to-be-deleted", ns, 10))
    stays = await c.client.create(RC, replication_controller("to-stay", ns, 0))
    pods = await running(c, ns, 10)
    kept = {each["metadata"]["name"] for each in pods[:5]}
    owner = owned_by(stays, "ReplicationController", "v1")
    for name in kept:
        patch = {"metadata": {"ownerReferences": [owner]}}
        await c.client.patch(kinds.POD, name, ns, patch, patch_type="strategic")
    await c.client.delete(RC, "to-be-deleted", ns, propagation="Foreground")
    await gone(c.client, RC, "to-be-deleted", ns)
    await asyncio.sleep(30)
    left = await count(c, kinds.POD, ns, 5)
    assert {each["metadata"]["name"] for each in left} == kept
    for each in left:
        assert not each["metadata"].get("deletionTimestamp")
        assert [o["uid"] for o in each["metadata"]["ownerReferences"]] == [stays["metadata"]["uid"]]


async def test_circle(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Garbage collector should not be blocked by dependency circle [Conformance]"""
    made = [
        await c.client.create(kinds.POD, pod(f"pod{n}", ns, terminationGracePeriodSeconds=0))
        for n in (1, 2, 3)
    ]
    for each, owner in zip(made, (made[2], made[0], made[1]), strict=True):
        reference = owned_by(owner, "Pod", "v1", controller=True, blockOwnerDeletion=True)
        patch = {"metadata": {"ownerReferences": [reference]}}
        await c.client.patch(kinds.POD, each["metadata"]["name"], ns, patch)
    await c.client.delete(kinds.POD, "pod1", ns, propagation="Foreground")
    await count(c, kinds.POD, ns, 0)
