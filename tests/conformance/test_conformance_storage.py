"""The API of volumes and classes (upstream: test/e2e/storage), and ConfigMaps and Secrets that cannot change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Invalid, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from tests.conformance.scenario import Raw, api_operations, changed, gone, refused, until
from tests.conformance.workloads import pod


async def life_cycle(
    c: Cluster, kind: Kind, make: Callable[[str], Obj], ns: str = "", word: str = ""
) -> None:
    """Create, read, patch, list, delete; once more with an update and the deletion of a collection."""
    client, name = c.client, f"e2e-{word or kind.singular}"
    label = {f"e2e-{kind.singular}": word or "x"}
    selector = ",".join(f"{key}={value}" for key, value in label.items())

    made = await client.create(kind, make(name))
    got = await client.get(kind, name, ns)
    assert (got["metadata"]["name"], got["metadata"]["uid"]) == (name, made["metadata"]["uid"])
    patch = {"metadata": {"labels": {**label, "patched": "patched"}}}
    patched = await client.patch(kind, name, ns, patch, patch_type="strategic")
    assert patched["metadata"]["labels"]["patched"] == "patched"
    assert [
        obj["metadata"]["name"] for obj in (await client.list(kind, ns, labels="patched=patched")).items
    ] == [name]
    await client.delete(kind, name, ns)
    await gone(client, kind, name, ns)

    await client.create(kind, make(f"{name}-again"))
    for _ in range(5):  # somebody else may write it in between
        current = await client.get(kind, f"{name}-again", ns)
        updated = await client.update(kind, changed(current, labels={**label, "updated": "updated"}))
        break
    assert updated["metadata"]["labels"]["updated"] == "updated"
    await client.delete_collection(kind, ns, labels=selector + ",updated=updated")
    await gone(client, kind, f"{name}-again", ns)


# ---- CSI


def csi_driver(name: str) -> Obj:
    return {"metadata": {"name": name}, "spec": {"attachRequired": False, "podInfoOnMount": True}}


async def test_csi_drivers(c: Cluster) -> None:
    """[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]"""
    first, second = "inline-driver-1", "inline-driver-2"
    for name in (first, second):
        made = await c.client.create(kinds.CSIDRIVER, changed(csi_driver(name), labels={"test": "inline"}))
        assert made["spec"]["volumeLifecycleModes"] == ["Persistent"]
        assert made["spec"]["fsGroupPolicy"] == "ReadWriteOnceWithFSType"
    patch = {"metadata": {"labels": {first: "patched"}}}
    await c.client.patch(kinds.CSIDRIVER, first, "", patch, patch_type="strategic")
    current = await c.client.get(kinds.CSIDRIVER, first)
    assert current["metadata"]["labels"][first] == "patched"
    updated = await c.client.update(kinds.CSIDRIVER, changed(current, labels={first: "updated"}))
    assert updated["metadata"]["labels"][first] == "updated"
    assert len((await c.client.list(kinds.CSIDRIVER, labels="test=inline")).items) == 2
    await c.client.delete(kinds.CSIDRIVER, first)
    await gone(c.client, kinds.CSIDRIVER, first)
    await c.client.delete_collection(kinds.CSIDRIVER, labels="test=inline")
    await gone(c.client, kinds.CSIDRIVER, second)


async def test_inline_volumes(c: Cluster, ns: str) -> None:
    """[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API [Conformance]"""
    driver = {"metadata": {"name": "e2e.example.com"}, "spec": {"volumeLifecycleModes": ["Ephemeral"]}}
    await c.client.create(kinds.CSIDRIVER, driver)
    source = {
        "driver": "e2e.example.com",
        "fsType": "ext4",
        "readOnly": True,
        "volumeAttributes": {"key": "value"},
    }
    made = pod("pod-csi-inline-volumes", ns, volumes=[{"name": "csi-inline", "csi": source}])
    await c.client.create(kinds.POD, made)
    got = await c.client.get(kinds.POD, "pod-csi-inline-volumes", ns)
    [volume] = [each for each in got["spec"]["volumes"] if each["name"] == "csi-inline"]
    assert volume["csi"] == source
    listed = (await c.client.list(kinds.POD, ns)).items
    assert [obj["metadata"]["name"] for obj in listed] == ["pod-csi-inline-volumes"]
    patch = {"metadata": {"labels": {"patched": "yes"}}}
    patched = await c.client.patch(kinds.POD, "pod-csi-inline-volumes", ns, patch, patch_type="strategic")
    assert patched["metadata"]["labels"] == {"patched": "yes"}
    await c.client.delete(kinds.POD, "pod-csi-inline-volumes", ns)
    await gone(c.client, kinds.POD, "pod-csi-inline-volumes", ns)
    await c.client.delete(kinds.CSIDRIVER, "e2e.example.com")


async def test_csi_nodes(c: Cluster) -> None:
    """[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]"""
    drivers = [{"name": "e2e.example.com", "nodeID": "e2e-node", "topologyKeys": ["zone"]}]
    await life_cycle(
        c, kinds.CSINODE, lambda name: {"metadata": {"name": name}, "spec": {"drivers": drivers}}
    )


async def test_csi_storage_capacities(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]"""

    def make(name: str) -> Obj:
        return {
            "metadata": {"name": name, "namespace": ns},
            "storageClassName": "e2e-class",
            "capacity": "1Gi",
        }

    await api_operations(raw, c.client, kinds.CSISTORAGECAPACITY, make, namespace=ns)


# ---- classes and volumes


async def test_storage_classes(c: Cluster) -> None:
    """[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]"""

    def make(name: str) -> Obj:
        return {"metadata": {"name": name}, "provisioner": "e2e-fake-provisioner"}

    await life_cycle(c, kinds.STORAGECLASS, make)
    made = await c.client.create(kinds.STORAGECLASS, make("defaults"))
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    await c.client.delete(kinds.STORAGECLASS, "defaults")


def attachment(name: str) -> Obj:
    spec = {"attacher": "e2e-attacher", "source": {"persistentVolumeName": "e2e-pv"}, "nodeName": "e2e-node"}
    return {"metadata": {"name": name}, "spec": spec}


async def test_volume_attachments(c: Cluster) -> None:
    """[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]"""
    await life_cycle(c, kinds.VOLUMEATTACHMENT, attachment)


async def test_volume_attachment_status(c: Cluster) -> None:
    """[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]"""
    kind = kinds.VOLUMEATTACHMENT
    made = await c.client.create(kind, attachment("e2e-status"))
    patch: Any = {"metadata": {"labels": {"e2e-status": "patched"}}}
    patched = await c.client.patch(kind, "e2e-status", "", patch, patch_type="strategic")
    assert patched["metadata"]["labels"] == {"e2e-status": "patched"}
    read = await c.client.get(kind, "e2e-status", subresource="status")
    assert read["status"] == {"attached": False}
    patch = {"status": {"attached": True}}
    attached = await c.client.patch(kind, "e2e-status", "", patch, subresource="status")
    assert attached["status"]["attached"] is True
    detached = {**attached, "status": {"attached": False}}
    updated = await c.client.update(kind, detached, subresource="status")
    assert updated["status"]["attached"] is False
    assert updated["spec"] == made["spec"]
    await c.client.delete(kind, "e2e-status")
    await gone(c.client, kind, "e2e-status")


def volume(name: str, label: str) -> Obj:
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": f"e2e-{label}",
        "csi": {"driver": "e2e-driver", "volumeHandle": "e2e-handle"},
    }
    return {"metadata": {"name": name, "labels": {"e2e-pv-pvc": label}}, "spec": spec}


def claim(name: str, ns: str, label: str) -> Obj:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": f"e2e-{label}",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {"metadata": {"name": name, "namespace": ns, "labels": {"e2e-pv-pvc": label}}, "spec": spec}


PV, PVC = kinds.PERSISTENTVOLUME, kinds.PERSISTENTVOLUMECLAIM


async def bound(c: Cluster, name: str, ns: str) -> None:
    await c.wait(f"persistentvolumeclaim/{name}", "status.phase=Bound", namespace=ns)


async def test_volumes_and_claims(c: Cluster, ns: str) -> None:
    """[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]"""
    client, selector = c.client, f"e2e-pv-pvc={ns}"
    await client.create(PV, volume(f"{ns}-pv", ns))
    await client.create(PVC, claim("pvc", ns, ns))
    await bound(c, "pvc", ns)
    assert len((await client.list(PV, labels=selector)).items) == 1
    assert len((await client.list(PVC, ns)).items) == 1
    for kind, name, namespace in ((PV, f"{ns}-pv", ""), (PVC, "pvc", ns)):
        patch = {"metadata": {"labels": {name: "patched"}}}
        patched = await client.patch(kind, name, namespace, patch, patch_type="strategic")
        assert patched["metadata"]["labels"][name] == "patched"
        got = await client.get(kind, name, namespace)
        assert got["metadata"]["uid"] == patched["metadata"]["uid"]
    await client.delete(PVC, "pvc", ns)
    await gone(client, PVC, "pvc", ns)
    await c.wait(f"persistentvolume/{ns}-pv", "status.phase=Released")
    await client.delete(PV, f"{ns}-pv")
    await gone(client, PV, f"{ns}-pv")

    await client.create(PV, volume(f"{ns}-pv2", ns))
    await client.create(PVC, claim("pvc2", ns, ns))
    await bound(c, "pvc2", ns)
    for kind, name, namespace in ((PV, f"{ns}-pv2", ""), (PVC, "pvc2", ns)):
        current = await client.get(kind, name, namespace)
        updated = await client.update(kind, changed(current, labels={name: "updated"}))
        assert updated["metadata"]["labels"][name] == "updated"
    await client.delete_collection(PVC, ns, labels=f"{selector},pvc2=updated")
    await gone(client, PVC, "pvc2", ns)
    await client.delete_collection(PV, labels=f"{selector},{ns}-pv2=updated")
    await gone(client, PV, f"{ns}-pv2")


async def test_volume_and_claim_status(c: Cluster, ns: str) -> None:
    """[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]"""
    client, name = c.client, f"{ns}-pv"
    await client.create(PV, volume(name, ns))
    await client.create(PVC, claim("pvc", ns, ns))
    await bound(c, "pvc", ns)
    await c.wait(f"persistentvolume/{name}", "status.phase=Bound")
    assert (await client.get(PVC, "pvc", ns, subresource="status"))["status"]["phase"] == "Bound"
    assert (await client.get(PV, name, subresource="status"))["status"]["phase"] == "Bound"

    def condition(type_: str, reason: str) -> Obj:
        return {"type": type_, "status": "True", "reason": reason, "message": "Set from e2e test"}

    patch: Any = {"status": {"conditions": [condition("StatusPatched", "E2E patchStatus")]}}
    patched = await client.patch(PVC, "pvc", ns, patch, subresource="status")
    assert [each["type"] for each in patched["status"]["conditions"]] == ["StatusPatched"]
    patch = {"status": {"message": "StatusPatched", "reason": "E2E patchStatus"}}
    patched = await client.patch(PV, name, "", patch, subresource="status")
    assert patched["status"].items() >= patch["status"].items()

    async def update_claim() -> Obj:
        current = await client.get(PVC, "pvc", ns)
        conditions = [*current["status"]["conditions"], condition("StatusUpdated", "E2E updateStatus")]
        status = {**current["status"], "conditions": conditions}
        return await client.update(PVC, {**current, "status": status}, subresource="status")

    updated = await until("the claim is updated", update_claim)
    assert [each["type"] for each in updated["status"]["conditions"]] == ["StatusPatched", "StatusUpdated"]
    current = await client.get(PV, name)
    status = {**current["status"], "message": "StatusUpdated", "reason": "E2E updateStatus"}
    updated = await client.update(PV, {**current, "status": status}, subresource="status")
    assert (updated["status"]["message"], updated["status"]["reason"]) == (
        "StatusUpdated",
        "E2E updateStatus",
    )
    await client.delete(PVC, "pvc", ns)
    await gone(client, PVC, "pvc", ns)
    await client.delete(PV, name)


# ---- what cannot change any more


async def immutability(c: Cluster, ns: str, kind: Kind, first: str, second: str) -> None:
    """An object with `immutable` set keeps its data; its metadata goes on changing."""
    client = c.client
    made = await client.create(
        kind, {"metadata": {"name": "immutable", "namespace": ns}, "data": {"data-1": first}}
    )
    current = await client.update(kind, {**made, "data": {"data-1": second}})
    fixed = await client.update(kind, {**current, "immutable": True})
    assert fixed["immutable"] is True
    async with refused(Invalid, "data: Forbidden: field is immutable when `immutable` is set"):
        await client.update(kind, {**fixed, "data": {"data-1": first}})
    async with refused(Invalid, "immutable: Forbidden: field is immutable when `immutable` is set"):
        await client.update(kind, {**fixed, "immutable": False})
    async with refused(Invalid, "immutable: Forbidden: field is immutable when `immutable` is set"):
        await client.update(kind, {key: value for key, value in fixed.items() if key != "immutable"})
    labelled = await client.update(kind, changed(fixed, labels={"label1": "value1"}))
    assert labelled["metadata"]["labels"] == {"label1": "value1"}
    await client.delete(kind, "immutable", ns)
    with pytest.raises(NotFound):
        await client.get(kind, "immutable", ns)


async def test_immutable_config_map(c: Cluster, ns: str) -> None:
    """[sig-storage] ConfigMap should be immutable if `immutable` field is set [Conformance]"""
    await immutability(c, ns, kinds.CONFIGMAP, "value-1", "value-2")


async def test_immutable_secret(c: Cluster, ns: str) -> None:
    """[sig-storage] Secrets should be immutable if `immutable` field is set [Conformance]"""
    await immutability(c, ns, kinds.SECRET, "dmFsdWUtMQo=", "dmFsdWUtMg==")
