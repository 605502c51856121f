"""What the kubelet puts into volumes, and with which mode, on hollow nodes (upstream: test/e2e/common/storage,
test/e2e/storage/empty_dir_wrapper.go). Who may read it is a matter of real nodes."""

from __future__ import annotations

import base64
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from tests.conformance.scenario import until
from tests.conformance.workloads import pod, replication_controller, running

Files = dict[str, tuple[int, str]]
"""Mode and text by path."""
MAP, SECRET = kinds.CONFIGMAP, kinds.SECRET


def held(c: Cluster, made: Obj, volume: str) -> Files:
    """What a volume of a pod holds now."""
    host = c.parts.nodes[made["spec"]["nodeName"]].host
    uid = made["metadata"]["uid"]
    [files] = [files for path, files in host.payloads.items() if uid in path and path.endswith(f"/{volume}")]
    return {name: (file.mode, file.data.decode("latin-1")) for name, file in files.items()}


async def mounted(c: Cluster, ns: str, *volumes: Obj, **fields: Any) -> Obj:
    """A running pod with these volumes."""
    mounts = [{"name": each["name"], "mountPath": f"/etc/{each['name']}"} for each in volumes]
    container = {"name": "c", "image": "pause", "volumeMounts": mounts, **fields.pop("container", {})}
    await c.client.create(kinds.POD, pod("mounts", ns, containers=[container], volumes=[*volumes], **fields))
    return await c.wait("pod/mounts", namespace=ns)


async def becomes(c: Cluster, made: Obj, volume: str, wanted: Files) -> None:
    """Waits until a volume holds exactly this: the kubelet notices changes within its resync."""

    async def same() -> bool:
        return held(c, made, volume) == wanted

    await until(f"{volume} holds {wanted}", same, 180)


DATA = {"data-1": "value-1", "data-2": "value-2", "data-3": "value-3"}
MAPPED = [{"key": "data-2", "path": "path/to/data-2"}]


async def create(c: Cluster, ns: str, kind: Kind, name: str = "source", data: dict[str, str] = DATA) -> Obj:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    fields = {"data": encoded if kind is SECRET else data}
    return await c.client.create(kind, {"metadata": {"name": name, "namespace": ns}, **fields})


async def write(c: Cluster, ns: str, kind: Kind, name: str, data: dict[str, str]) -> None:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    await c.client.patch(kind, name, ns, {"data": encoded if kind is SECRET else data})


def volume(
    kind: Kind, projected: bool, source: str = "source", name: str = "volume", **more: Any
) -> dict[str, Any]:
    """A volume of a ConfigMap or Secret, alone or projected; `items`, `optional` and `defaultMode` where given."""
    field = "configMap" if kind is MAP else "secret"
    mode = {"defaultMode": more.pop("defaultMode")} if "defaultMode" in more else {}
    if projected:
        return {"name": name, "projected": {"sources": [{field: {"name": source, **more}}], **mode}}
    key = "name" if kind is MAP else "secretName"
    return {"name": name, field: {key: source, **more, **mode}}


def all_of(mode: int) -> Files:
    return {name: (mode, text) for name, text in DATA.items()}


async def plain(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    await create(c, ns, kind)
    made = await mounted(c, ns, volume(kind, projected))
    assert held(c, made, "volume") == all_of(0o644)


async def with_default_mode(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    await create(c, ns, kind)
    made = await mounted(c, ns, volume(kind, projected, defaultMode=0o400))
    assert held(c, made, "volume") == all_of(0o400)


async def with_items(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    await create(c, ns, kind)
    made = await mounted(c, ns, volume(kind, projected, items=MAPPED))
    assert held(c, made, "volume") == {"path/to/data-2": (0o644, "value-2")}


async def with_item_modes(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    await create(c, ns, kind)
    made = await mounted(c, ns, volume(kind, projected, items=[{**MAPPED[0], "mode": 0o400}]))
    assert held(c, made, "volume") == {"path/to/data-2": (0o400, "value-2")}


async def in_several_volumes(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    await create(c, ns, kind)
    both = [volume(kind, projected, name=f"volume-{n}") for n in (1, 2)]
    made = await mounted(c, ns, *both)
    assert held(c, made, "volume-1") == held(c, made, "volume-2") == all_of(0o644)


async def updated(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    await create(c, ns, kind, data={"data-1": "value-1"})
    made = await mounted(c, ns, volume(kind, projected))
    await write(c, ns, kind, "source", {"data-1": "value-2"})
    await becomes(c, made, "volume", {"data-1": (0o644, "value-2")})


async def optional_updates(c: Cluster, ns: str, kind: Kind, projected: bool) -> None:
    """One source is deleted, one changed, one made while the pod runs."""
    for name in ("delete", "update"):
        await create(c, ns, kind, name, {"data-1": "value-1"})
    volumes = [volume(kind, projected, name, name, optional=True) for name in ("delete", "update", "create")]
    made = await mounted(c, ns, *volumes)
    assert held(c, made, "delete") == held(c, made, "update") == {"data-1": (0o644, "value-1")}
    assert held(c, made, "create") == {}
    await c.client.delete(kind, "delete", ns)
    await write(c, ns, kind, "update", {"data-3": "value-3"})
    await create(c, ns, kind, "create", {"data-1": "value-1"})
    await becomes(c, made, "create", {"data-1": (0o644, "value-1")})
    await becomes(c, made, "update", {"data-1": (0o644, "value-1"), "data-3": (0o644, "value-3")})
    await becomes(c, made, "delete", {})


# ---- ConfigMaps


async def test_config_map(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume [NodeConformance] [Conformance]"""
    await plain(c, ns, MAP, False)


async def test_config_map_default_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_default_mode(c, ns, MAP, False)


async def test_config_map_mappings(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume with mappings [NodeConformance] [Conformance]"""
    await with_items(c, ns, MAP, False)


async def test_config_map_item_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume with mappings and Item mode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_item_modes(c, ns, MAP, False)


async def test_config_map_twice(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap should be consumable in multiple volumes in the same pod [NodeConformance] [Conformance]"""
    await in_several_volumes(c, ns, MAP, False)


async def test_config_map_updates(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap updates should be reflected in volume [NodeConformance] [Conformance]"""
    await updated(c, ns, MAP, False)


async def test_config_map_optional_updates(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap optional updates should be reflected in volume [NodeConformance] [Conformance]"""
    await optional_updates(c, ns, MAP, False)


async def test_config_map_binary_data(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap binary data should be reflected in volume [NodeConformance] [Conformance]"""
    binary = base64.b64encode(bytes((0xDE, 0xCA, 0xFE, 0xBA, 0xD0, 0xFE, 0xFF))).decode()
    fields = {"data": {"data-1": "value-1"}, "binaryData": {"dump.bin": binary}}
    await c.client.create(MAP, {"metadata": {"name": "source", "namespace": ns}, **fields})
    made = await mounted(c, ns, volume(MAP, False))
    assert held(c, made, "volume") == {
        "data-1": (0o644, "value-1"),
        "dump.bin": (0o644, "\xde\xca\xfe\xba\xd0\xfe\xff"),
    }


# ---- Secrets


async def test_secret(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be consumable from pods in volume [NodeConformance] [Conformance]"""
    await plain(c, ns, SECRET, False)


async def test_secret_default_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_default_mode(c, ns, SECRET, False)


async def test_secret_mappings(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be consumable from pods in volume with mappings [NodeConformance] [Conformance]"""
    await with_items(c, ns, SECRET, False)


async def test_secret_item_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_item_modes(c, ns, SECRET, False)


async def test_secret_twice(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be consumable in multiple volumes in a pod [NodeConformance] [Conformance]"""
    await in_several_volumes(c, ns, SECRET, False)


async def test_secret_optional_updates(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets optional updates should be reflected in volume [NodeConformance] [Conformance]"""
    await optional_updates(c, ns, SECRET, False)


async def test_secret_of_another_namespace(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace [NodeConformance] [Conformance]"""
    other = f"{ns}-other"
    await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    await create(c, other, SECRET, data={"this_should_not_match_content_of_other_secret": "x"})
    await plain(c, ns, SECRET, False)
    await c.client.delete(kinds.NAMESPACE, other)


# ---- projected


async def test_projected_config_map(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap should be consumable from pods in volume [NodeConformance] [Conformance]"""
    await plain(c, ns, MAP, True)


async def test_projected_config_map_default_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_default_mode(c, ns, MAP, True)


async def test_projected_config_map_mappings(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap should be consumable from pods in volume with mappings [NodeConformance] [Conformance]"""
    await with_items(c, ns, MAP, True)


async def test_projected_config_map_item_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap should be consumable from pods in volume with mappings and Item mode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_item_modes(c, ns, MAP, True)


async def test_projected_config_map_twice(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap should be consumable in multiple volumes in the same pod [NodeConformance] [Conformance]"""
    await in_several_volumes(c, ns, MAP, True)


async def test_projected_config_map_updates(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap updates should be reflected in volume [NodeConformance] [Conformance]"""
    await updated(c, ns, MAP, True)


async def test_projected_config_map_optional_updates(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected configMap optional updates should be reflected in volume [NodeConformance] [Conformance]"""
    await optional_updates(c, ns, MAP, True)


async def test_projected_secret(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected secret should be consumable from pods in volume [NodeConformance] [Conformance]"""
    await plain(c, ns, SECRET, True)


async def test_projected_secret_default_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected secret should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_default_mode(c, ns, SECRET, True)


async def test_projected_secret_mappings(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected secret should be consumable from pods in volume with mappings [NodeConformance] [Conformance]"""
    await with_items(c, ns, SECRET, True)


async def test_projected_secret_item_mode(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected secret should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly] [NodeConformance] [Conformance]"""
    await with_item_modes(c, ns, SECRET, True)


async def test_projected_secret_twice(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected secret should be consumable in multiple volumes in a pod [NodeConformance] [Conformance]"""
    await in_several_volumes(c, ns, SECRET, True)


async def test_projected_secret_optional_updates(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected secret optional updates should be reflected in volume [NodeConformance] [Conformance]"""
    await optional_updates(c, ns, SECRET, True)


async def test_projected_together(c: Cluster, ns: str) -> None:
    """[sig-storage] Projected combined should project all components that make up the projection API [Projection] [NodeConformance] [Conformance]"""
    await create(c, ns, MAP, "map", {"configmap-data": "configmap-value-1"})
    await create(c, ns, SECRET, "secret", {"secret-data": "secret-value-1"})
    sources = [
        {"secret": {"name": "secret", "items": [{"key": "secret-data", "path": "secret-data"}]}},
        {"configMap": {"name": "map", "items": [{"key": "configmap-data", "path": "configmap-data"}]}},
        {"downwardAPI": {"items": [{"path": "podname", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    made = await mounted(c, ns, {"name": "all", "projected": {"sources": sources}})
    assert held(c, made, "all") == {
        "secret-data": (0o644, "secret-value-1"),
        "configmap-data": (0o644, "configmap-value-1"),
        "podname": (0o644, "mounts"),
    }


# ---- many at once


async def test_many_config_maps(c: Cluster, ns: str) -> None:
    """[sig-storage] EmptyDir wrapper volumes should not cause race condition when used for configmaps [Serial] [Conformance]"""
    names = [f"racey-configmap-{number}" for number in range(50)]
    for name in names:
        await create(c, ns, MAP, name, {"data-1": "value-1"})
    volumes = [volume(MAP, False, name, name, items=[{"key": "data-1", "path": "data-1"}]) for name in names]
    made = replication_controller("wrapped-volume-race", ns, 5)
    spec = made["spec"]["template"]["spec"]
    spec["volumes"] = volumes
    spec["containers"][0]["volumeMounts"] = [{"name": name, "mountPath": f"/etc/{name}"} for name in names]
    await c.client.create(kinds.REPLICATIONCONTROLLER, made)
    for each in await running(c, ns, 5):
        assert all(held(c, each, name) == {"data-1": (0o644, "value-1")} for name in names)


async def test_secret_beside_config_map(c: Cluster, ns: str) -> None:
    """[sig-storage] EmptyDir wrapper volumes should not conflict [Conformance]"""
    await create(c, ns, SECRET, "secret", {"data-1": "value-1"})
    await create(c, ns, MAP, "map", {"data-1": "value-1"})
    made = await mounted(
        c, ns, volume(SECRET, False, "secret", "secret-volume"), volume(MAP, False, "map", "configmap-volume")
    )
    for name in ("secret-volume", "configmap-volume"):
        assert held(c, made, name) == {"data-1": (0o644, "value-1")}
