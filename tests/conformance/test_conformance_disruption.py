"""PodDisruptionBudgets and evictions (upstream: test/e2e/apps/disruption.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import TooManyRequests
from pybernetes.api.meta import Obj, labels_of, name_of
from tests.conformance.scenario import changed, gone, refused, until
from tests.conformance.workloads import count, pod, running

KIND = kinds.PODDISRUPTIONBUDGET


def budget(name: str, ns: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": ns, "labels": {"special": ns}}
    return {"metadata": metadata, "spec": {"selector": {"matchLabels": {"foo": "bar"}}, **spec}}


async def processed(c: Cluster, name: str, ns: str) -> Obj:
    """Waits until the controller has seen the latest generation."""

    async def seen() -> Obj | None:
        found = await c.client.get(KIND, name, ns)
        return (
            found
            if (found.get("status") or {}).get("observedGeneration") == found["metadata"]["generation"]
            else None
        )

    found: Obj = await until(f"the budget {name} is processed", seen)
    return found


async def allowed(c: Cluster, name: str, ns: str, number: int) -> Obj:
    async def seen() -> Obj | None:
        found = await processed(c, name, ns)
        return found if found["status"]["disruptionsAllowed"] == number else None

    found: Obj = await until(f"{number} disruptions are allowed", seen)
    return found


async def some_pods(c: Cluster, ns: str, number: int) -> None:
    for index in range(number):
        made = pod(f"rs-{index}", ns, labels={"foo": "bar"}, terminationGracePeriodSeconds=0)
        await c.client.create(kinds.POD, made)
    await running(c, ns, number)


async def evict(c: Cluster, name: str, ns: str) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": ns}}
    await c.client.create(kinds.POD, body, subresource="eviction", name=name)


async def test_lists_and_collections(c: Cluster, ns: str) -> None:
    """[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]"""
    for name in ("foo", "foo2"):
        await c.client.create(KIND, budget(name, ns, minAvailable="1%"))
    other = f"{ns}-other"
    await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    elsewhere = budget("foo3", other, minAvailable="1%")
    elsewhere["metadata"]["labels"]["special"] = ns
    await c.client.create(KIND, elsewhere)
    assert len((await c.client.list(KIND, labels=f"special={ns}")).items) == 3
    assert len((await c.client.list(KIND, ns)).items) == 2
    await c.client.delete_collection(KIND, ns)
    await count(c, KIND, ns, 0)
    await count(c, KIND, other, 1)
    await c.client.delete(kinds.NAMESPACE, other)


async def test_blocked_until_updated(c: Cluster, ns: str) -> None:
    """[sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it [Conformance]"""
    await c.client.create(KIND, budget("foo", ns, minAvailable=3))
    await some_pods(c, ns, 3)
    found = await allowed(c, "foo", ns, 0)
    assert found["status"]["currentHealthy"] == 3
    async with refused(TooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget"):
        await evict(c, "rs-0", ns)
    await c.client.patch(KIND, "foo", ns, {"spec": {"minAvailable": 2}})
    await allowed(c, "foo", ns, 1)
    await evict(c, "rs-0", ns)
    await gone(c.client, kinds.POD, "rs-0", ns)
    await allowed(c, "foo", ns, 0)
    async with refused(TooManyRequests):
        await evict(c, "rs-1", ns)
    await c.client.patch(KIND, "foo", ns, {"spec": {"minAvailable": None, "maxUnavailable": 3}})
    await c.client.delete(KIND, "foo", ns)
    await evict(c, "rs-1", ns)


async def test_crud(c: Cluster, ns: str) -> None:
    """[sig-apps] DisruptionController should create a PodDisruptionBudget [Conformance]"""
    await c.client.create(KIND, budget("foo", ns, minAvailable="1%"))
    found = await processed(c, "foo", ns)
    updated = await c.client.update(KIND, {**found, "spec": {**found["spec"], "minAvailable": "2%"}})
    assert updated["spec"]["minAvailable"] == "2%"
    await processed(c, "foo", ns)
    patched = await c.client.patch(KIND, "foo", ns, {"spec": {"minAvailable": "3%"}}, patch_type="strategic")
    assert patched["spec"]["minAvailable"] == "3%"
    await processed(c, "foo", ns)
    await c.client.delete(KIND, "foo", ns)
    await gone(c.client, KIND, "foo", ns)


async def test_status_is_kept_up_to_date(c: Cluster, ns: str) -> None:
    """[sig-apps] DisruptionController should observe PodDisruptionBudget status updated [Conformance]"""
    await c.client.create(KIND, budget("foo", ns, minAvailable=1))
    await some_pods(c, ns, 3)
    found = await allowed(c, "foo", ns, 2)
    status = found["status"]
    assert (status["currentHealthy"], status["desiredHealthy"], status["expectedPods"]) == (3, 1, 3)


async def test_status_is_written(c: Cluster, ns: str) -> None:
    """[sig-apps] DisruptionController should update/patch PodDisruptionBudget status [Conformance]"""
    await c.client.create(KIND, budget("foo", ns, minAvailable=1))
    await some_pods(c, ns, 1)
    found = await processed(c, "foo", ns)
    evicted = {"rs-0": "2030-01-01T00:00:00Z"}
    wanted = changed(found, annotations={"updated": "true"})
    updated = await c.client.update(
        KIND, {**wanted, "status": {**found["status"], "disruptedPods": evicted}}, subresource="status"
    )
    assert updated["status"]["disruptedPods"] == evicted
    patched = await c.client.patch(
        KIND,
        "foo",
        ns,
        {"status": {"disruptedPods": {"rs-0": None, "no-such": "2030-01-01T00:00:00Z"}}},
        subresource="status",
    )
    assert list(patched["status"]["disruptedPods"]) == ["no-such"]
    assert labels_of(patched)["special"] == ns
    assert name_of(patched) == "foo"
