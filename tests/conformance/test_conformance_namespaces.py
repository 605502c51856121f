"""Namespaces and what goes with them (upstream: test/e2e/apimachinery/namespace.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.scenario import changed, gone, until
from tests.conformance.workloads import pod

NAMESPACE = kinds.NAMESPACE


async def again(c: Cluster, name: str) -> None:
    """Creates the namespace and waits for its service account."""
    await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


async def test_pods_go(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted [Conformance]"""
    name = f"{ns}-pods"
    await again(c, name)
    await c.client.create(kinds.POD, pod("test-pod", name))
    await c.wait("pod/test-pod", namespace=name)
    await c.client.delete(NAMESPACE, name)
    terminating = await c.client.get(NAMESPACE, name)
    assert terminating["status"]["phase"] == "Terminating"
    await gone(c.client, NAMESPACE, name)
    await again(c, name)
    assert not (await c.client.list(kinds.POD, name)).items
    await c.client.delete(NAMESPACE, name)


async def test_services_go(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Namespaces [Serial] should ensure that all services are removed when a namespace is deleted [Conformance]"""
    name = f"{ns}-services"
    await again(c, name)
    spec = {"selector": {"foo": "bar"}, "ports": [{"port": 80, "targetPort": 80}]}
    await c.client.create(kinds.SERVICE, {"metadata": {"name": "s", "namespace": name}, "spec": spec})
    await c.client.delete(NAMESPACE, name)
    await gone(c.client, NAMESPACE, name)
    await again(c, name)
    assert not (await c.client.list(kinds.SERVICE, name)).items
    await c.client.delete(NAMESPACE, name)


async def test_patch(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Namespaces [Serial] should patch a Namespace [Conformance]"""
    patch = {"metadata": {"labels": {"testLabel": "testValue"}}}
    await c.client.patch(NAMESPACE, ns, "", patch, patch_type="strategic")
    labels = (await c.client.get(NAMESPACE, ns))["metadata"]["labels"]
    assert labels == {"testLabel": "testValue", "kubernetes.io/metadata.name": ns}


async def test_status(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Namespaces [Serial] should apply changes to a namespace status [Conformance]"""
    status = (await c.client.get(NAMESPACE, ns, subresource="status"))["status"]
    assert status["phase"] == "Active"

    def condition(type_: str, reason: str) -> Obj:
        return {"type": type_, "status": "True", "reason": reason, "message": f"{reason} by an e2e test"}

    patch: Any = {
        "metadata": {"annotations": {f"e2e-{ns}": "patched"}},
        "status": {"conditions": [condition("StatusPatch", "E2E patch")]},
    }
    patched = await c.client.patch(NAMESPACE, ns, "", patch, subresource="status")
    assert [each["reason"] for each in patched["status"]["conditions"]] == ["E2E patch"]
    assert patched["metadata"]["annotations"] == {f"e2e-{ns}": "patched"}
    conditions = [*patched["status"]["conditions"], condition("StatusUpdate", "E2E update")]
    both = {**patched, "status": {**patched["status"], "conditions": conditions}}
    updated = await c.client.update(NAMESPACE, both, subresource="status")
    assert [each["type"] for each in updated["status"]["conditions"]] == ["StatusPatch", "StatusUpdate"]
    assert updated["status"]["phase"] == "Active"


async def test_update(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Namespaces [Serial] should apply an update to a Namespace [Conformance]"""
    current = await c.client.get(NAMESPACE, ns)
    updated = await c.client.update(NAMESPACE, changed(current, labels={ns: "updated"}))
    assert updated["metadata"]["labels"][ns] == "updated"


async def test_finalizer(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Namespaces [Serial] should apply a finalizer to a Namespace [Conformance]"""
    name, fake = f"{ns}-finalized", "e2e.example.com/fakeFinalizer"
    await again(c, name)
    current = await c.client.get(NAMESPACE, name)
    assert current["spec"]["finalizers"] == ["kubernetes"]
    spec = {"finalizers": [*current["spec"]["finalizers"], fake]}
    added = await c.client.update(NAMESPACE, {**current, "spec": spec}, subresource="finalize")
    assert added["spec"]["finalizers"] == ["kubernetes", fake]
    ordinary = await c.client.update(NAMESPACE, {**added, "spec": {"finalizers": ["kubernetes"]}})
    assert ordinary["spec"]["finalizers"] == ["kubernetes", fake]
    await c.client.delete(NAMESPACE, name)

    async def emptied() -> Any:
        found = await c.client.get(NAMESPACE, name)
        return found if found["spec"].get("finalizers") == [fake] else None

    waiting = await until("only the fake finalizer is left", emptied)
    removed = {**waiting, "spec": {"finalizers": []}}
    await c.client.update(NAMESPACE, removed, subresource="finalize")
    await gone(c.client, NAMESPACE, name)
