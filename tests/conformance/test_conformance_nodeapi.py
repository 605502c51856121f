"""Kinds of sig-node that need no container: leases, templates, runtime classes, nodes, maps (upstream:
test/e2e/common/node, test/e2e/node)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, Invalid, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from tests.conformance.scenario import Raw, api_operations, changed, gone, refused, until, watching
from tests.conformance.workloads import pod, template

# ---- ConfigMaps and Secrets


async def empty_key(c: Cluster, ns: str, kind: Kind, value: str) -> None:
    made = {"metadata": {"name": "empty-key", "namespace": ns}, "data": {"": value}}
    async with refused(Invalid, 'data[]: Invalid value: "": a valid config key must consist of alphanumeric'):
        await c.client.create(kind, made)


async def test_empty_key_of_config_map(c: Cluster, ns: str) -> None:
    """[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]"""
    await empty_key(c, ns, kinds.CONFIGMAP, "value-1")


async def test_empty_key_of_secret(c: Cluster, ns: str) -> None:
    """[sig-node] Secrets should fail to create secret due to empty secret key [Conformance]"""
    await empty_key(c, ns, kinds.SECRET, "dmFsdWUtMQ0K")


async def test_config_map_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]"""
    static = {"test-configmap-static": "true"}
    selector = "test-configmap-static=true"
    made = {"metadata": {"name": "test", "namespace": ns, "labels": static}, "data": {"valueName": "value"}}
    async with watching(c.client, kinds.CONFIGMAP, ns, labels=selector) as seen:
        await c.client.create(kinds.CONFIGMAP, made)
        await seen.until("ADDED")
        patch = {"metadata": {"labels": {"test-configmap": "patched"}}, "data": {"valueName": "value1"}}
        await c.client.patch(kinds.CONFIGMAP, "test", ns, patch, patch_type="strategic")
        await seen.until("MODIFIED")
        got = await c.client.get(kinds.CONFIGMAP, "test", ns)
        assert got["data"] == {"valueName": "value1"}
        assert got["metadata"]["labels"] == {**static, "test-configmap": "patched"}
        listed = (await c.client.list(kinds.CONFIGMAP, labels=selector)).items
        assert [(obj["metadata"]["name"], obj["metadata"]["namespace"]) for obj in listed] == [("test", ns)]
        await c.client.delete_collection(kinds.CONFIGMAP, ns, labels=selector)
        await seen.until("DELETED")
        assert not (await c.client.list(kinds.CONFIGMAP, ns, labels=selector)).items


async def test_patch_secret(c: Cluster, ns: str) -> None:
    """[sig-node] Secrets should patch a secret [Conformance]"""
    label = {"testsecret-constant": "true"}
    made = {
        "metadata": {"name": "s", "namespace": ns, "labels": label},
        "data": {"key": "dmFsdWU="},
        "type": "Opaque",
    }
    await c.client.create(kinds.SECRET, made)
    listed = (await c.client.list(kinds.SECRET, labels="testsecret-constant=true")).items
    assert [(obj["metadata"]["name"], obj["data"]) for obj in listed] == [("s", {"key": "dmFsdWU="})]
    patch = {"metadata": {"labels": {"testsecret": "true"}}, "data": {"key": "dmFsdWUx"}}
    await c.client.patch(kinds.SECRET, "s", ns, patch, patch_type="strategic")
    got = await c.client.get(kinds.SECRET, "s", ns)
    assert got["data"] == {"key": "dmFsdWUx"}
    assert got["metadata"]["labels"] == {**label, "testsecret": "true"}
    await c.client.delete_collection(kinds.SECRET, ns, labels="testsecret=true")
    assert not (await c.client.list(kinds.SECRET, labels="testsecret-constant=true")).items


# ---- leases


async def test_leases(c: Cluster, ns: str) -> None:
    """[sig-node] Lease lease API should be available [Conformance]"""
    kind, client = kinds.LEASE, c.client
    spec: dict[str, Any] = {
        "holderIdentity": "holder",
        "leaseDurationSeconds": 30,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:05.000000Z",
        "leaseTransitions": 0,
    }
    made = await client.create(kind, {"metadata": {"name": "lease", "namespace": ns}, "spec": spec})
    assert (await client.get(kind, "lease", ns))["spec"] == made["spec"] == spec
    spec = {**spec, "holderIdentity": "holder2", "leaseDurationSeconds": 40, "leaseTransitions": 1}
    await client.update(kind, {**made, "spec": spec})
    assert (await client.get(kind, "lease", ns))["spec"] == spec
    patch = {"spec": {"leaseDurationSeconds": 50, "leaseTransitions": 2}}
    await client.patch(kind, "lease", ns, patch, patch_type="strategic")
    assert (await client.get(kind, "lease", ns))["spec"] == {**spec, **patch["spec"]}
    other = {
        "metadata": {"name": "lease2", "namespace": ns, "labels": {"deletecollection": "true"}},
        "spec": spec,
    }
    await client.create(kind, other)
    assert len((await client.list(kind, ns)).items) == 2
    await client.delete_collection(kind, ns, labels="deletecollection=true")
    assert [obj["metadata"]["name"] for obj in (await client.list(kind, ns)).items] == ["lease"]
    await client.delete(kind, "lease", ns)
    with pytest.raises(NotFound):
        await client.get(kind, "lease", ns)


# ---- pod templates


def pod_template(ns: str, name: str, **labels: str) -> Obj:
    return {"metadata": {"name": name, "namespace": ns, "labels": labels}, "template": template(name)}


async def test_pod_template_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]"""
    kind, selector = kinds.PODTEMPLATE, "podtemplate-static=true"
    await c.client.create(kind, pod_template(ns, "nginx", **{"podtemplate-static": "true"}))
    listed = (await c.client.list(kind, labels=selector)).items
    assert [obj["metadata"]["name"] for obj in listed] == ["nginx"]
    patch = {"metadata": {"labels": {"podtemplate": "patched"}}}
    await c.client.patch(kind, "nginx", ns, patch, patch_type="strategic")
    got = await c.client.get(kind, "nginx", ns)
    assert got["metadata"]["labels"]["podtemplate"] == "patched"
    await c.client.delete(kind, "nginx", ns)
    assert not (await c.client.list(kind, labels=selector)).items


async def test_pod_template_collection(c: Cluster, ns: str) -> None:
    """[sig-node] PodTemplates should delete a collection of pod templates [Conformance]"""
    kind, selector = kinds.PODTEMPLATE, "podtemplate-set=true"
    for number in range(3):
        await c.client.create(kind, pod_template(ns, f"test-{number}", **{"podtemplate-set": "true"}))
    assert len((await c.client.list(kind, ns, labels=selector)).items) == 3
    await c.client.delete_collection(kind, ns, labels=selector)
    assert not (await c.client.list(kind, ns, labels=selector)).items


async def test_replace_pod_template(c: Cluster, ns: str) -> None:
    """[sig-node] PodTemplates should replace a pod template [Conformance]"""
    made = await c.client.create(kinds.PODTEMPLATE, pod_template(ns, "replaced"))
    updated = await c.client.update(kinds.PODTEMPLATE, changed(made, annotations={"updated": "true"}))
    assert updated["metadata"]["annotations"] == {"updated": "true"}


# ---- runtime classes


def runtime_class(name: str, **fields: Any) -> Obj:
    return {"metadata": {"name": name}, "handler": "test-handler", **fields}


async def test_runtime_classes(c: Cluster, raw: Raw) -> None:
    """[sig-node] RuntimeClass should support RuntimeClasses API operations [Conformance]"""
    await api_operations(raw, c.client, kinds.RUNTIMECLASS, runtime_class)
    made = await c.client.create(kinds.RUNTIMECLASS, runtime_class("fixed"))
    async with refused(Invalid, "handler: Invalid value", "field is immutable"):
        await c.client.update(kinds.RUNTIMECLASS, {**made, "handler": "other"})
    await c.client.delete(kinds.RUNTIMECLASS, "fixed")


async def test_unknown_runtime_class(c: Cluster, ns: str) -> None:
    """[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass [NodeConformance] [Conformance]"""
    async with refused(Forbidden, 'pod rejected: RuntimeClass "nonexistent" not found'):
        await c.client.create(kinds.POD, pod("p", ns, runtimeClassName="nonexistent"))


async def test_deleted_runtime_class(c: Cluster, ns: str) -> None:
    """[sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass [NodeConformance] [Conformance]"""
    await c.client.create(kinds.RUNTIMECLASS, runtime_class("to-be-deleted"))
    await c.client.delete(kinds.RUNTIMECLASS, "to-be-deleted")
    async with refused(Forbidden, 'pod rejected: RuntimeClass "to-be-deleted" not found'):
        await c.client.create(kinds.POD, pod("p", ns, runtimeClassName="to-be-deleted"))


async def test_runtime_class_without_overhead(c: Cluster, ns: str) -> None:
    """[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead [NodeConformance] [Conformance]"""
    await c.client.create(kinds.RUNTIMECLASS, runtime_class("plain"))
    made = await c.client.create(kinds.POD, pod("p", ns, runtimeClassName="plain"))
    assert "overhead" not in made["spec"]
    await c.wait("pod/p", "PodScheduled", namespace=ns)
    await c.client.delete(kinds.RUNTIMECLASS, "plain")


async def test_runtime_class_with_overhead(c: Cluster, ns: str) -> None:
    """[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead [NodeConformance] [Conformance]"""
    fixed = {"podFixed": {"cpu": "10m", "memory": "1Mi"}}
    await c.client.create(kinds.RUNTIMECLASS, runtime_class("heavy", overhead=fixed))
    made = await c.client.create(kinds.POD, pod("p", ns, runtimeClassName="heavy"))
    assert made["spec"]["overhead"] == fixed["podFixed"]
    await c.wait("pod/p", "PodScheduled", namespace=ns)
    wrong = pod("q", ns, runtimeClassName="heavy", overhead={"cpu": "1"})
    async with refused(
        Forbidden, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    ):
        await c.client.create(kinds.POD, wrong)
    await c.client.delete(kinds.RUNTIMECLASS, "heavy")


# ---- nodes


async def test_node_lifecycle(c: Cluster) -> None:
    """[sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]"""
    kind, client, name = kinds.NODE, c.client, "e2e-fake-node"
    await client.create(kind, {"metadata": {"name": name}, "status": {"phase": "Running"}})
    assert (await client.get(kind, name))["metadata"]["name"] == name
    patch = {"metadata": {"labels": {name: "patched"}}}
    patched = await client.patch(kind, name, "", patch, patch_type="strategic")
    assert patched["metadata"]["labels"][name] == "patched"
    assert len((await client.list(kind, labels=f"{name}=patched")).items) == 1
    current = await client.get(kind, name)
    updated = await client.update(kind, changed(current, labels={name: "updated"}))
    assert updated["metadata"]["labels"][name] == "updated"
    await client.delete_collection(kind, labels=f"{name}=updated")
    await gone(client, kind, name)


TAINT = {"key": "kubernetes.io/e2e-evict-taint-key", "value": "evictTaintVal", "effect": "NoExecute"}


def tolerating(name: str, ns: str, node: str, seconds: int) -> Obj:
    toleration = {
        "key": TAINT["key"],
        "value": TAINT["value"],
        "effect": "NoExecute",
        "tolerationSeconds": seconds,
    }
    return pod(name, ns, nodeName=node, tolerations=[toleration], terminationGracePeriodSeconds=0)


async def taint(c: Cluster, node: str, *taints: Obj) -> None:
    await c.client.patch(kinds.NODE, node, "", {"spec": {"taints": [*taints] or None}})


async def alive(c: Cluster, ns: str) -> set[str]:
    pods = (await c.client.list(kinds.POD, ns)).items
    return {each["metadata"]["name"] for each in pods if not each["metadata"].get("deletionTimestamp")}


async def test_taint_removed_in_time(c: Cluster, ns: str) -> None:
    """[sig-node] NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive] [Conformance]"""
    await c.client.create(kinds.POD, tolerating("single", ns, "node1", 60))
    await c.wait("pod/single", namespace=ns)
    await taint(c, "node1", TAINT)
    await asyncio.sleep(40)
    assert await alive(c, ns) == {"single"}
    await taint(c, "node1")
    await asyncio.sleep(120)
    assert await alive(c, ns) == {"single"}


async def test_toleration_seconds(c: Cluster, ns: str) -> None:
    """[sig-node] NoExecuteTaintManager Multiple Pods [Serial] evicts pods with minTolerationSeconds [Disruptive] [Conformance]"""
    for name, seconds in (("short", 20), ("long", 90)):
        await c.client.create(kinds.POD, tolerating(name, ns, "node1", seconds))
        await c.wait(f"pod/{name}", namespace=ns)
    await taint(c, "node1", TAINT)
    try:
        await asyncio.sleep(15)
        assert await alive(c, ns) == {"short", "long"}
        await asyncio.sleep(15)
        assert await alive(c, ns) == {"long"}

        async def evicted() -> bool:
            return not await alive(c, ns)

        began = c.now
        await until("both are evicted", evicted, 120)
        assert 50 <= (c.now - began).total_seconds() <= 75
    finally:
        await taint(c, "node1")
