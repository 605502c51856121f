"""StatefulSets (upstream: test/e2e/apps/statefulset.go)."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, uid_of
from pybernetes.controllers.pods import is_ready, phase
from tests.conformance.controllers import (
    collection_round,
    images_of,
    pod_template,
    ready,
    scale_round,
    status_round,
    with_image,
    workload,
)
from tests.conformance.scenario import until, watching
from tests.conformance.webserver import IMAGE, OTHER, PROBE, tell
from tests.conformance.workloads import count, pod

KIND = kinds.STATEFULSET
REVISION = "controller-revision-hash"
PARALLEL = {"podManagementPolicy": "Parallel"}


async def made(c: Cluster, ns: str, replicas: int, **spec: Any) -> Obj:
    """`ss` of web servers, behind a headless service."""
    service = {"clusterIP": "None", "selector": {"name": "ss"}, "ports": [{"port": 80}]}
    await c.client.create(kinds.SERVICE, {"metadata": {"name": "test", "namespace": ns}, "spec": service})
    template = pod_template("ss", image=IMAGE)
    template["spec"]["containers"][0]["readinessProbe"] = PROBE
    return await c.client.create(
        KIND, workload("ss", ns, template, replicas=replicas, serviceName="test", **spec)
    )


async def pods(c: Cluster, ns: str) -> dict[str, Obj]:
    return {name_of(each): each for each in (await c.client.list(kinds.POD, ns)).items}


async def status(c: Cluster, ns: str) -> Obj:
    return (await c.client.get(KIND, "ss", ns))["status"]  # type: ignore[no-any-return]


async def resized(c: Cluster, ns: str, replicas: int) -> None:
    await c.client.patch(KIND, "ss", ns, {"spec": {"replicas": replicas}})


async def run(c: Cluster, ns: str, *names: str, well: bool = True) -> dict[str, Obj]:
    """Waits until exactly these pods run, all ready (`well`) or whatever their probes say."""

    async def seen() -> dict[str, Obj] | None:
        found = await pods(c, ns)
        good = all(phase(each) == "Running" and (is_ready(each) or not well) for each in found.values())
        return (
            found
            if good and sorted(found) == sorted(names) and not any(map(is_deleting, found.values()))
            else None
        )

    return await until(f"{names} run", seen) or {}


async def unready(c: Cluster, ns: str, number: int) -> None:
    async def seen() -> bool:
        return sum(not is_ready(each) for each in (await pods(c, ns)).values()) == number

    await until(f"{number} pods are not ready", seen)


async def updated(c: Cluster, ns: str, image: str) -> Obj:
    """Waits until all three pods run an image and the update is complete; gives the status."""

    async def done() -> Obj | None:
        found, seen = await pods(c, ns), await status(c, ns)
        whole = images_of([*found.values()]) == [image] * 3 and seen.get("readyReplicas") == 3
        return seen if whole and seen["currentRevision"] == seen["updateRevision"] else None

    found: Obj = await until(f"all pods run {image}", done)
    return found


async def at_revision(c: Cluster, ns: str, **expected: str) -> None:
    """Waits until the pods (`_0` is ss-0) are ready and of these revisions, and stays so."""

    async def seen() -> bool:
        found = await pods(c, ns)
        return {
            f"_{name[3:]}": labels_of(each)[REVISION] for name, each in found.items() if is_ready(each)
        } == expected

    await until(f"the revisions are {expected}", seen)
    await asyncio.sleep(10)
    assert await seen()


async def test_burst_scaling(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Burst scaling should run to completion even with unhealthy pods [Slow] [Conformance]"""
    await made(c, ns, 1, **PARALLEL)
    await tell(c, [*(await run(c, ns, "ss-0")).values()], "/break")
    await unready(c, ns, 1)
    await resized(c, ns, 3)
    found = await run(c, ns, "ss-0", "ss-1", "ss-2", well=False)
    assert not is_ready(found["ss-0"])
    await tell(c, [*found.values()], "/mend")
    found = await run(c, ns, "ss-0", "ss-1", "ss-2")
    await tell(c, [*found.values()], "/break")
    await unready(c, ns, 3)
    await resized(c, ns, 0)
    await count(c, kinds.POD, ns, 0)
    assert (await status(c, ns))["replicas"] == 0


async def test_ordered_scaling(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Scaling should happen in predictable order and halt if any stateful pod is unhealthy [Slow] [Conformance]"""
    async with watching(c.client, kinds.POD, ns) as seen:
        await made(c, ns, 1)
        first = await run(c, ns, "ss-0")
        await tell(c, [*first.values()], "/break")
        await unready(c, ns, 1)
        await resized(c, ns, 3)
        await asyncio.sleep(30)
        assert [*(await pods(c, ns))] == ["ss-0"], "it is not scaled up while a pod is not ready"
        await tell(c, [*first.values()], "/mend")
        found = await run(c, ns, "ss-0", "ss-1", "ss-2")
        added = [name_of(await seen.until("ADDED")) for _ in range(3)]
        assert added == ["ss-0", "ss-1", "ss-2"]
        await tell(c, [*found.values()], "/break")
        await unready(c, ns, 3)
        await resized(c, ns, 0)
        await asyncio.sleep(30)
        assert len(await pods(c, ns)) == 3, "it is not scaled down while a pod is not ready"
        await tell(c, [*found.values()], "/mend")
        gone = [name_of(await seen.until("DELETED")) for _ in range(3)]
        assert gone == ["ss-2", "ss-1", "ss-0"]


async def test_an_evicted_pod_is_made_anew(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Should recreate evicted statefulset [Conformance]"""
    port = [{"containerPort": 21017, "hostPort": 21017}]
    holder = pod("test-pod", ns, nodeName="node1")
    holder["spec"]["containers"][0]["ports"] = port
    await c.client.create(kinds.POD, holder)
    await c.wait("pod/test-pod", namespace=ns)
    template = pod_template("ss", nodeName="node1")
    template["spec"]["containers"][0]["ports"] = port
    async with watching(c.client, kinds.POD, ns, fields="metadata.name=ss-0") as seen:
        await c.client.create(KIND, workload("ss", ns, template, replicas=1, serviceName="test"))
        first = await seen.until("ADDED")
        failed = await seen.until("MODIFIED", lambda each: phase(each) == "Failed")
        assert uid_of(failed) == uid_of(first)
        await seen.until("DELETED")
        assert uid_of(await seen.until("ADDED")) != uid_of(first)
        await c.client.delete(kinds.POD, "test-pod", ns, grace_period_seconds=0)
        await seen.until("MODIFIED", lambda each: phase(each) == "Running")


async def test_scale(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should have a working scale subresource [Conformance]"""
    await made(c, ns, 1)
    await scale_round(c, KIND, "ss", ns)


async def test_collection(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should list, patch and delete a collection of StatefulSets [Conformance]"""
    await made(c, ns, 1)
    await ready(c, KIND, "ss", ns, 1)
    patch = {
        "metadata": {"labels": {"test-ss": ns}},
        "spec": {"replicas": 2, **with_image("pause:9")["spec"]},
    }
    patched = await c.client.patch(KIND, "ss", ns, patch, patch_type="strategic")
    assert (patched["metadata"]["labels"]["test-ss"], patched["spec"]["replicas"]) == (ns, 2)
    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "pause:9"
    await collection_round(c, KIND, [workload("ss2", ns, replicas=0)], ns, "name=ss2")
    await c.client.delete_collection(KIND, ns, labels=f"test-ss={ns}")
    await count(c, KIND, ns, 0)


async def test_canary_and_phased_updates(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform canary updates and phased rolling updates of template modifications [Conformance]"""

    def partition(number: int) -> dict[str, Any]:
        return {"type": "RollingUpdate", "rollingUpdate": {"partition": number}}

    await made(c, ns, 3, updateStrategy=partition(3))
    await run(c, ns, "ss-0", "ss-1", "ss-2")
    old = (await status(c, ns))["currentRevision"]
    await c.client.patch(KIND, "ss", ns, with_image(OTHER), patch_type="strategic")
    await at_revision(c, ns, _0=old, _1=old, _2=old)
    seen = await status(c, ns)
    new = seen["updateRevision"]
    assert new != old
    assert seen["currentRevision"] == old
    await c.client.patch(KIND, "ss", ns, {"spec": {"updateStrategy": partition(2)}})
    await at_revision(c, ns, _0=old, _1=old, _2=new)
    for name in ("ss-0", "ss-2"):
        await c.client.delete(kinds.POD, name, ns)
    await at_revision(c, ns, _0=old, _1=old, _2=new)
    await c.client.patch(KIND, "ss", ns, {"spec": {"updateStrategy": partition(1)}})
    await at_revision(c, ns, _0=old, _1=new, _2=new)
    await c.client.patch(KIND, "ss", ns, {"spec": {"updateStrategy": partition(0)}})
    await at_revision(c, ns, _0=new, _1=new, _2=new)
    assert (await status(c, ns))["currentRevision"] == new


async def test_rolling_updates_and_roll_backs(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform rolling updates and roll backs of template modifications [Conformance]"""
    await made(c, ns, 3)
    found = await run(c, ns, "ss-0", "ss-1", "ss-2")
    first = await status(c, ns)
    assert first["currentRevision"] == first["updateRevision"]
    await tell(c, [found["ss-1"]], "/break")
    await unready(c, ns, 1)
    await c.client.patch(KIND, "ss", ns, with_image(OTHER), patch_type="strategic")
    await asyncio.sleep(10)
    seen = await status(c, ns)
    assert seen["currentRevision"] == first["currentRevision"] != seen["updateRevision"]
    await tell(c, [found["ss-1"]], "/mend")
    second = await updated(c, ns, OTHER)
    assert second["currentRevision"] == seen["updateRevision"]
    await c.client.patch(KIND, "ss", ns, with_image(IMAGE), patch_type="strategic")
    third = await updated(c, ns, IMAGE)
    assert third["currentRevision"] == first["currentRevision"], "a rollback, no new revision"
    numbers = {name_of(each): each["revision"] for each in await count(c, kinds.CONTROLLERREVISION, ns, 2)}
    assert numbers == {second["currentRevision"]: 2, first["currentRevision"]: 3}


async def test_status(c: Cluster, ns: str) -> None:
    """[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should validate Statefulset Status endpoints [Conformance]"""
    await made(c, ns, 1)
    await ready(c, KIND, "ss", ns, 1)
    await status_round(c, KIND, "ss", ns)
