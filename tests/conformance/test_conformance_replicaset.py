"""ReplicaSets and ReplicationControllers (upstream: test/e2e/apps/replica_set.go, rc.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of
from tests.conformance.controllers import (
    collection_round,
    images_of,
    owner_is,
    pod_template,
    pods_of,
    ready,
    relabelled,
    scale_round,
    status_round,
    with_image,
    workload,
)
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import gone, until, watching
from tests.conformance.workloads import count, pod, replication_controller

RS, RC = kinds.REPLICASET, kinds.REPLICATIONCONTROLLER


async def answers(c: Cluster, owner: Obj, ns: str) -> None:
    """Each pod answers requests with its own name, at its own address."""
    for each in await pods_of(c, owner):
        answer = await c.request("GET", f"http://{each['status']['podIP']}/", namespace=ns)
        assert answer.status == 200
        assert name_of(each).encode() in answer.body


def serving(name: str) -> dict[str, Any]:
    return pod_template(name, image=f"{IMAGE}echo")


async def adopts(c: Cluster, kind: Kind, made: dict[str, Any], ns: str) -> Obj:
    """A pod that is there before its controller comes to be its only one."""
    orphan = await c.client.create(kinds.POD, pod("pod-adoption", ns, labels={"name": "pod-adoption"}))
    owner = await c.client.create(kind, made)
    await owner_is(c, orphan, owner)
    await ready(c, kind, name_of(owner), ns, 1)
    assert [name_of(each) for each in await pods_of(c, owner)] == ["pod-adoption"]
    return owner


async def test_replica_set_is_replaced_and_patched(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicaSet Replace and Patch tests [Conformance]"""
    await c.client.create(RS, workload("test-rs", ns, replicas=1))
    found = await ready(c, RS, "test-rs", ns, 1)
    async with watching(c.client, RS, ns, labels="name=test-rs") as seen:
        await c.client.update(RS, {**found, "spec": {**found["spec"], "replicas": 2}})
        await seen.until("MODIFIED", lambda rs: rs["status"].get("readyReplicas") == 2)
        patch = {
            "metadata": {"labels": {"test-rs": "patched"}},
            "spec": {"replicas": 3, **with_image("pause:9")["spec"]},
        }
        await c.client.patch(RS, "test-rs", ns, patch, patch_type="strategic")
        await seen.until(
            "MODIFIED",
            lambda rs: (
                rs["metadata"]["labels"].get("test-rs") == "patched"
                and rs["status"].get("readyReplicas") == 3
            ),
        )
    found = await c.client.get(RS, "test-rs", ns)
    assert images_of([{"spec": found["spec"]["template"]["spec"]}]) == ["pause:9"]


async def test_replica_set_scale(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicaSet Replicaset should have a working scale subresource [Conformance]"""
    await c.client.create(RS, workload("test-rs", ns, replicas=1))
    await scale_round(c, RS, "test-rs", ns)


async def test_replica_set_adopts_and_releases(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods [Conformance]"""
    owner = await adopts(c, RS, workload("pod-adoption", ns, replicas=1), ns)
    adopted = await c.client.get(kinds.POD, "pod-adoption", ns)
    await relabelled(c, adopted, {"name": "not-matching-name"})
    released = await owner_is(c, adopted, None)
    assert not released["metadata"].get("ownerReferences")
    await ready(c, RS, "pod-adoption", ns, 1)
    assert "pod-adoption" not in {name_of(each) for each in await pods_of(c, owner)}


async def test_replica_set_collection(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets [Conformance]"""
    made = workload("test-rs", ns, replicas=3)
    made["metadata"]["labels"]["e2e"] = ns
    await collection_round(c, RS, [made], ns, f"e2e={ns}")


async def test_replica_set_serves(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicaSet should serve a basic image on each replica with a public image [Conformance]"""
    owner = await c.client.create(
        RS, workload("my-hostname-basic", ns, serving("my-hostname-basic"), replicas=2)
    )
    await ready(c, RS, "my-hostname-basic", ns, 2)
    await answers(c, owner, ns)


async def test_replica_set_status(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicaSet should validate Replicaset Status endpoints [Conformance]"""
    await c.client.create(RS, workload("test-rs", ns, replicas=1))
    await ready(c, RS, "test-rs", ns, 1)
    await status_round(c, RS, "test-rs", ns)


async def test_replication_controller_adopts(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicationController should adopt matching pods on creation [Conformance]"""
    await adopts(c, RC, replication_controller("pod-adoption", ns, 1), ns)


async def test_replication_controller_scale(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicationController should get and update a ReplicationController scale [Conformance]"""
    await c.client.create(RC, replication_controller("e2e-rc", ns, 1))
    await scale_round(c, RC, "e2e-rc", ns)


async def test_replication_controller_releases(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicationController should release no longer matching pods [Conformance]"""
    owner = await c.client.create(RC, replication_controller("pod-release", ns, 1))
    await ready(c, RC, "pod-release", ns, 1)
    [first] = await pods_of(c, owner)
    await relabelled(c, first, {"name": "not-matching-name"})
    await owner_is(c, first, None)
    await ready(c, RC, "pod-release", ns, 1)
    assert name_of(first) not in {name_of(each) for each in await pods_of(c, owner)}


async def test_replication_controller_serves(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicationController should serve a basic image on each replica with a public image [Conformance]"""
    made = replication_controller("my-hostname-basic", ns, 2)
    made["spec"]["template"] = serving("my-hostname-basic")
    owner = await c.client.create(RC, made)
    await ready(c, RC, "my-hostname-basic", ns, 2)
    await answers(c, owner, ns)


async def test_replication_controller_tells_of_a_quota(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota [Conformance]"""
    quota = {"metadata": {"name": "condition-test", "namespace": ns}, "spec": {"hard": {"pods": "2"}}}
    await c.client.create(kinds.RESOURCEQUOTA, quota)

    async def counted() -> bool:
        found = await c.client.get(kinds.RESOURCEQUOTA, "condition-test", ns)
        return (found.get("status") or {}).get("hard") == {"pods": "2"}

    await until("the quota is known", counted)
    await c.client.create(RC, replication_controller("condition-test", ns, 3))

    async def failure() -> Obj | None:
        status = (await c.client.get(RC, "condition-test", ns)).get("status") or {}
        return next(
            (each for each in status.get("conditions") or () if each["type"] == "ReplicaFailure"), None
        )

    told = await until("a condition tells of it", failure)
    assert told["reason"] == "FailedCreate"
    assert "exceeded quota: condition-test" in told["message"]
    await c.client.patch(RC, "condition-test", ns, {"spec": {"replicas": 2}})

    async def well() -> bool:
        return await failure() is None

    await until("the condition is gone", well)


async def test_replication_controller_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-apps] ReplicationController should test the lifecycle of a ReplicationController [Conformance]"""
    made = replication_controller("rc-test", ns, 1)
    made["metadata"]["labels"] = {"test-rc-static": "true"}
    async with watching(c.client, RC, ns, labels="test-rc-static=true") as seen:
        await c.client.create(RC, made)
        await seen.until("ADDED")
        await seen.until("MODIFIED", lambda rc: rc["status"].get("readyReplicas") == 1)
        await c.client.patch(RC, "rc-test", ns, {"metadata": {"labels": {"test-rc": "patched"}}})
        await seen.until("MODIFIED", lambda rc: rc["metadata"]["labels"].get("test-rc") == "patched")
        status = {"status": {"readyReplicas": 0, "availableReplicas": 0}}
        patched = await c.client.patch(RC, "rc-test", ns, status, subresource="status")
        assert not patched["status"].get("readyReplicas")
        await seen.until("MODIFIED", lambda rc: rc["status"].get("readyReplicas") == 1)
        found = await c.client.get(RC, "rc-test", ns, subresource="status")
        assert found["kind"] == "ReplicationController"
        await c.client.patch(RC, "rc-test", ns, {"spec": {"replicas": 2}}, subresource="scale")
        await seen.until("MODIFIED", lambda rc: rc["status"].get("readyReplicas") == 2)
        current = await c.client.get(RC, "rc-test", ns)
        await c.client.update(RC, {**current, "spec": {**current["spec"], "replicas": 1}})
        await seen.until("MODIFIED", lambda rc: rc["status"].get("replicas") == 1)
        assert [name_of(rc) for rc in (await c.client.list(RC, labels="test-rc-static=true")).items] == [
            "rc-test"
        ]
        await c.client.delete_collection(RC, ns, labels="test-rc-static=true")
        await seen.until("DELETED")
    await gone(c.client, RC, "rc-test", ns)
    await count(c, kinds.POD, ns, 0)
