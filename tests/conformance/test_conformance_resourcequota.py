"""Quotas and what is counted in them (upstream: test/e2e/apimachinery/resource_quota.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, Invalid, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.lang import quantity
from tests.conformance.scenario import changed, refused, until, watching
from tests.conformance.workloads import pod, replica_set, replication_controller

QUOTA = kinds.RESOURCEQUOTA
HARD = {
    "pods": "5",
    "services": "10",
    "services.nodeports": "1",
    "services.loadbalancers": "1",
    "replicationcontrollers": "10",
    "resourcequotas": "1",
    "cpu": "1",
    "memory": "500Mi",
    "configmaps": "10",
    "secrets": "10",
    "persistentvolumeclaims": "10",
    "requests.storage": "10Gi",
    "requests.ephemeral-storage": "50Gi",
    "requests.example.com/dongle": "3",
    "count/replicasets.apps": "5",
}


def quota(ns: str, name: str = "test-quota", hard: Mapping[str, str] = HARD, *scopes: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"hard": dict(hard), **({"scopes": [*scopes]} if scopes else {})}
    return {"metadata": {"name": name, "namespace": ns}, "spec": spec}


async def used(c: Cluster, ns: str, name: str = "test-quota", **wanted: str) -> Obj:
    """Waits until the status has these numbers, named with `_` for what no identifier can have."""
    expected = {key.replace("__", "/").replace("_", "."): value for key, value in wanted.items()}

    async def counted() -> Any:
        status = (await c.client.get(QUOTA, name, ns)).get("status") or {}
        found = status.get("used") or {}
        same = all(
            key in found and quantity.parse(found[key]) == quantity.parse(value)
            for key, value in expected.items()
        )
        return status if same else None

    status: Obj = await until(f"{name} counts {expected}", counted)
    return status


async def life_of(c: Cluster, ns: str, kind: Kind, obj: Obj, counter: str, before: int = 0) -> None:
    """One more while the object is there."""
    key = counter.replace(".", "_").replace("/", "__")
    await c.client.create(QUOTA, quota(ns))
    await used(c, ns, **{key: str(before)})
    await c.client.create(kind, obj)
    await used(c, ns, **{key: str(before + 1)})
    await c.client.delete(kind, obj["metadata"]["name"], ns, propagation="Background")
    await used(c, ns, **{key: str(before)})


async def test_prompt_status(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated. [Conformance]"""
    await c.client.create(QUOTA, quota(ns))
    status = await used(c, ns, resourcequotas="1", pods="0", cpu="0")
    assert status["hard"] == (await c.client.get(QUOTA, "test-quota", ns))["spec"]["hard"]


async def test_service(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service. [Conformance]"""

    def service(name: str, type_: str) -> Obj:
        spec = {"type": type_, "ports": [{"port": 80, "targetPort": 80}]}
        return {"metadata": {"name": name, "namespace": ns}, "spec": spec}

    await c.client.create(QUOTA, quota(ns))
    await used(c, ns, services="0")
    await c.client.create(kinds.SERVICE, service("cluster", "ClusterIP"))
    await c.client.create(kinds.SERVICE, service("node", "NodePort"))
    balanced = service("balanced", "LoadBalancer")
    async with refused(Forbidden, "exceeded quota: test-quota", "services.nodeports"):
        await c.client.create(kinds.SERVICE, balanced)
    await used(c, ns, services="2", services_nodeports="1", services_loadbalancers="0")
    for name in ("cluster", "node"):
        await c.client.delete(kinds.SERVICE, name, ns)
    await used(c, ns, services="0", services_nodeports="0")


async def test_secret(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret. [Conformance]"""
    await life_of(c, ns, kinds.SECRET, {"metadata": {"name": "s", "namespace": ns}}, "secrets")


async def test_config_map(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap. [Conformance]"""
    await life_of(
        c, ns, kinds.CONFIGMAP, {"metadata": {"name": "m", "namespace": ns}}, "configmaps", before=1
    )


async def test_replication_controller(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller. [Conformance]"""
    made = replication_controller("rc", ns, 0)
    await life_of(c, ns, kinds.REPLICATIONCONTROLLER, made, "replicationcontrollers")


async def test_replica_set(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set. [Conformance]"""
    await life_of(c, ns, kinds.REPLICASET, replica_set("rs", ns, 0), "count/replicasets.apps")


def asking(
    name: str, ns: str, requests: Mapping[str, str], limits: Mapping[str, str] = {}, **spec: Any
) -> Obj:
    resources = {"requests": dict(requests), "limits": dict(limits)}
    container = {"name": "c", "image": "pause", "resources": resources}
    return pod(name, ns, containers=[container], terminationGracePeriodSeconds=0, **spec)


async def test_pod(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod. [Conformance]"""
    dongle = "example.com/dongle"
    await c.client.create(QUOTA, quota(ns))
    await used(c, ns, pods="0")
    requests = {"cpu": "500m", "memory": "252Mi", "ephemeral-storage": "30Gi", dongle: "2"}
    await c.client.create(kinds.POD, asking("test-pod", ns, requests, {dongle: "2"}))
    counts = {"pods": "1", "cpu": "500m", "memory": "252Mi", "requests_ephemeral-storage": "30Gi"}
    await used(c, ns, **counts, requests_example_com__dongle="2")
    async with refused(
        Forbidden, "exceeded quota: test-quota, requested: cpu=600m, used: cpu=500m, limited: cpu=1"
    ):
        await c.client.create(kinds.POD, asking("too-much", ns, {"cpu": "600m", "memory": "100Mi"}))
    async with refused(Forbidden, "exceeded quota: test-quota", f"requests.{dongle}=2"):
        more = asking("dongles", ns, {"cpu": "500m", "memory": "100Mi", dongle: "2"}, {dongle: "2"})
        await c.client.create(kinds.POD, more)
    current = await c.client.get(kinds.POD, "test-pod", ns)
    [container] = current["spec"]["containers"]
    bigger = {
        **container,
        "resources": {**container["resources"], "requests": {**requests, "cpu": "1", "memory": "100Mi"}},
    }
    with pytest.raises((Invalid, Forbidden)):
        await c.client.update(kinds.POD, {**current, "spec": {**current["spec"], "containers": [bigger]}})
    await used(c, ns, **counts)
    await c.client.delete(kinds.POD, "test-pod", ns)
    await used(c, ns, pods="0", cpu="0", memory="0")


async def test_best_effort(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope. [Conformance]"""
    await c.client.create(QUOTA, quota(ns, "best", {"pods": "5"}, "BestEffort"))
    await c.client.create(QUOTA, quota(ns, "not-best", {"pods": "5"}, "NotBestEffort"))
    for name in ("best", "not-best"):
        await used(c, ns, name, pods="0")
    for made, counted, other in (
        (pod("besteffort-pod", ns, terminationGracePeriodSeconds=0), "best", "not-best"),
        (asking("burstable-pod", ns, {"cpu": "50m", "memory": "50Mi"}, {"cpu": "1"}), "not-best", "best"),
    ):
        await c.client.create(kinds.POD, made)
        await used(c, ns, counted, pods="1")
        await used(c, ns, other, pods="0")
        await c.client.delete(kinds.POD, made["metadata"]["name"], ns)
        await used(c, ns, counted, pods="0")


async def test_terminating(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes. [Conformance]"""
    hard = {
        "pods": "5",
        "requests.cpu": "1",
        "requests.memory": "500Mi",
        "limits.cpu": "2",
        "limits.memory": "1Gi",
    }
    await c.client.create(QUOTA, quota(ns, "terminating", hard, "Terminating"))
    await c.client.create(QUOTA, quota(ns, "not-terminating", hard, "NotTerminating"))
    requests, limits = {"cpu": "500m", "memory": "200Mi"}, {"cpu": "1", "memory": "400Mi"}
    counts = {
        "pods": "1",
        "requests_cpu": "500m",
        "requests_memory": "200Mi",
        "limits_cpu": "1",
        "limits_memory": "400Mi",
    }
    for made, counted, other in (
        (asking("test-pod", ns, requests, limits), "not-terminating", "terminating"),
        (
            asking("ending", ns, requests, limits, activeDeadlineSeconds=3600),
            "terminating",
            "not-terminating",
        ),
    ):
        await c.client.create(kinds.POD, made)
        await used(c, ns, counted, **counts)
        await used(c, ns, other, **dict.fromkeys(counts, "0"))
        await c.client.delete(kinds.POD, made["metadata"]["name"], ns)
        await used(c, ns, counted, **dict.fromkeys(counts, "0"))


async def test_update_and_delete(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota. [Conformance]"""
    made = await c.client.create(QUOTA, quota(ns, hard={"cpu": "1", "memory": "500Mi"}))
    assert made["spec"]["hard"] == {"cpu": "1", "memory": "500Mi"}
    updated = await c.client.update(QUOTA, {**made, "spec": {"hard": {"cpu": "2", "memory": "1Gi"}}})
    assert updated["spec"]["hard"] == {"cpu": "2", "memory": "1Gi"}
    assert (await c.client.get(QUOTA, "test-quota", ns))["spec"] == updated["spec"]
    await c.client.delete(QUOTA, "test-quota", ns)
    with pytest.raises(NotFound):
        await c.client.get(QUOTA, "test-quota", ns)


async def test_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota [Conformance]"""
    made = quota(ns, hard={"cpu": "1", "memory": "500Mi"})
    await c.client.create(QUOTA, changed(made, labels={ns: "test-quota"}))
    listed = (await c.client.list(QUOTA, labels=f"{ns}=test-quota")).items
    assert [obj["metadata"]["name"] for obj in listed] == ["test-quota"]
    patch = {"metadata": {"labels": {ns: "patched"}}, "spec": {"hard": {"memory": "750Mi"}}}
    patched = await c.client.patch(QUOTA, "test-quota", ns, patch, patch_type="strategic")
    assert patched["spec"]["hard"] == {"cpu": "1", "memory": "750Mi"}
    assert patched["metadata"]["labels"][ns] == "patched"
    await c.client.delete_collection(QUOTA, ns, labels=f"{ns}=patched")
    assert not (await c.client.list(QUOTA, labels=f"{ns}=patched")).items


async def test_status(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status [Conformance]"""
    async with watching(c.client, QUOTA, ns) as seen:
        await c.client.create(QUOTA, quota(ns, hard={"cpu": "500m", "memory": "500Mi"}))
        counted = await seen.until("MODIFIED", lambda obj: obj.get("status", {}).get("hard"))
        assert counted["status"]["hard"] == {"cpu": "500m", "memory": "500Mi"}
        current = await c.client.get(QUOTA, "test-quota", ns)
        hard = {"cpu": "1", "memory": "1Gi"}
        raised = {**current, "status": {**current["status"], "hard": hard}}
        updated = await c.client.update(QUOTA, raised, subresource="status")
        assert updated["status"]["hard"] == hard
        assert updated["spec"]["hard"] == {"cpu": "500m", "memory": "500Mi"}
        # the controller sees that the status is not what the spec says
        await seen.until("MODIFIED", lambda obj: obj["status"]["hard"] == obj["spec"]["hard"])
        patch = {"spec": {"hard": hard}}
        await c.client.patch(QUOTA, "test-quota", ns, patch, patch_type="strategic")
        await seen.until("MODIFIED", lambda obj: obj["status"]["hard"] == hard)
        got = await c.client.get(QUOTA, "test-quota", ns, subresource="status")
        assert got["spec"]["hard"] == got["status"]["hard"] == hard
        patch = {"status": {"hard": {"cpu": "2", "memory": "2Gi"}}}
        patched = await c.client.patch(
            QUOTA, "test-quota", ns, patch, patch_type="strategic", subresource="status"
        )
        assert patched["status"]["hard"] == {"cpu": "2", "memory": "2Gi"}
        assert patched["spec"]["hard"] == hard
        await seen.until("MODIFIED", lambda obj: obj["status"]["hard"] == hard)
