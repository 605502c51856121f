"""Volumes of the downward API, alone and projected, on hollow nodes (upstream: test/e2e/common/storage/{downwardapi_volume,
projected_downwardapi}.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.scenario import until
from tests.conformance.test_conformance_volumes import held, mounted


def downward(projected: bool, *items: Obj, **more: Any) -> dict[str, Any]:
    if projected:
        return {"name": "podinfo", "projected": {"sources": [{"downwardAPI": {"items": [*items]}}], **more}}
    return {"name": "podinfo", "downwardAPI": {"items": [*items], **more}}


def field(path: str, of: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "fieldRef": {"fieldPath": of}, **more}


async def pod_name(c: Cluster, ns: str, projected: bool) -> None:
    made = await mounted(c, ns, downward(projected, field("podname", "metadata.name")))
    assert held(c, made, "podinfo") == {"podname": (0o644, "mounts")}


async def pod_name_of_default_mode(c: Cluster, ns: str, projected: bool) -> None:
    made = await mounted(c, ns, downward(projected, field("podname", "metadata.name"), defaultMode=0o400))
    assert held(c, made, "podinfo") == {"podname": (0o400, "mounts")}


async def pod_name_of_own_mode(c: Cluster, ns: str, projected: bool) -> None:
    made = await mounted(c, ns, downward(projected, field("podname", "metadata.name", mode=0o400)))
    assert held(c, made, "podinfo") == {"podname": (0o400, "mounts")}


async def changing(c: Cluster, ns: str, projected: bool, word: str) -> None:
    """Labels or annotations are written again when they change."""
    made = await mounted(c, ns, downward(projected, field(word, f"metadata.{word}")))
    for values in ({"key1": "value1"}, {"key1": "value1", "key3": "value3"}):
        await c.client.patch(kinds.POD, "mounts", ns, {"metadata": {word: values}})
        text = "\n".join(f'{key}="{value}"' for key, value in values.items())

        async def written(text: str = text) -> bool:
            return text in held(c, made, "podinfo")[word][1]

        await until(f"{word} are {values}", written, 180)


AMOUNTS = {"requests": {"cpu": "250m", "memory": "32Mi"}, "limits": {"cpu": "1250m", "memory": "64Mi"}}


async def amount(c: Cluster, ns: str, projected: bool, resource: str, wanted: str) -> None:
    item = {"path": "amount", "resourceFieldRef": {"containerName": "c", "resource": resource}}
    if resource.endswith(".cpu"):
        item["resourceFieldRef"]["divisor"] = "1m"  # type: ignore[index]
    made = await mounted(c, ns, downward(projected, item), container={"resources": AMOUNTS})
    assert held(c, made, "podinfo") == {"amount": (0o644, wanted)}


async def allocatable(c: Cluster, ns: str, projected: bool, resource: str, wanted: int) -> None:
    """Where a container has no limit, the node's is its limit; hollow nodes have 8 cores and 32 GiB, less what is kept."""
    item = {"path": "amount", "resourceFieldRef": {"containerName": "c", "resource": resource}}
    made = await mounted(c, ns, downward(projected, item))
    found = int(held(c, made, "podinfo")["amount"][1])
    assert wanted * 0.9 <= found <= wanted


async def test_downward_pod_name(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide podname only [NodeConformance] [Conformance]"""
    await pod_name(c, ns, False)


async def test_downward_default_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should set DefaultMode on files [LinuxOnly] [NodeConformance] [Conformance]"""
    await pod_name_of_default_mode(c, ns, False)


async def test_downward_item_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should set mode on item file [LinuxOnly] [NodeConformance] [Conformance]"""
    await pod_name_of_own_mode(c, ns, False)


async def test_downward_labels(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should update labels on modification [NodeConformance] [Conformance]"""
    await changing(c, ns, False, "labels")


async def test_downward_annotations(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should update annotations on modification [NodeConformance] [Conformance]"""
    await changing(c, ns, False, "annotations")


async def test_downward_cpu_limit(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide container's cpu limit [NodeConformance] [Conformance]"""
    await amount(c, ns, False, "limits.cpu", "1250")


async def test_downward_memory_limit(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide container's memory limit [NodeConformance] [Conformance]"""
    await amount(c, ns, False, "limits.memory", "67108864")


async def test_downward_cpu_request(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide container's cpu request [NodeConformance] [Conformance]"""
    await amount(c, ns, False, "requests.cpu", "250")


async def test_downward_memory_request(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide container's memory request [NodeConformance] [Conformance]"""
    await amount(c, ns, False, "requests.memory", "33554432")


async def test_downward_allocatable_cpu(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide node allocatable (cpu) as default cpu limit if the limit is not set [NodeConformance] [Conformance]"""
    await allocatable(c, ns, False, "limits.cpu", 8)


async def test_downward_allocatable_memory(c: Cluster, ns: str) -> None:
    """[sig-storage] Downward API volume should provide node allocatable (memory) as default memory limit if the limit is not set [NodeConformance] [Conformance]"""
    await allocatable(c, ns, False, "limits.memory", 32 << 30)


async def test_projected_downward_pod_name(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide podname only [NodeConformance] [Conformance]"""
    await pod_name(c, ns, True)


async def test_projected_downward_default_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should set DefaultMode on files [LinuxOnly] [NodeConformance] [Conformance]"""
    await pod_name_of_default_mode(c, ns, True)


async def test_projected_downward_item_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should set mode on item file [LinuxOnly] [NodeConformance] [Conformance]"""
    await pod_name_of_own_mode(c, ns, True)


async def test_projected_downward_labels(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should update labels on modification [NodeConformance] [Conformance]"""
    await changing(c, ns, True, "labels")


async def test_projected_downward_annotations(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should update annotations on modification [NodeConformance] [Conformance]"""
    await changing(c, ns, True, "annotations")


async def test_projected_downward_cpu_limit(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide container's cpu limit [NodeConformance] [Conformance]"""
    await amount(c, ns, True, "limits.cpu", "1250")


async def test_projected_downward_memory_limit(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide container's memory limit [NodeConformance] [Conformance]"""
    await amount(c, ns, True, "limits.memory", "67108864")


async def test_projected_downward_cpu_request(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide container's cpu request [NodeConformance] [Conformance]"""
    await amount(c, ns, True, "requests.cpu", "250")


async def test_projected_downward_memory_request(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide container's memory request [NodeConformance] [Conformance]"""
    await amount(c, ns, True, "requests.memory", "33554432")


async def test_projected_downward_allocatable_cpu(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide node allocatable (cpu) as default cpu limit if the limit is not set [NodeConformance] [Conformance]"""
    await allocatable(c, ns, True, "limits.cpu", 8)


async def test_projected_downward_allocatable_memory(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected downwardAPI should provide node allocatable (memory) as default memory limit if the limit is not set [NodeConformance] [Conformance]"""
    await allocatable(c, ns, True, "limits.memory", 32 << 30)
