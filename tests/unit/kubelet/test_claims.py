"""Claims on a hollow node: what is mounted, what is waited for, and what is told meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kubelet_world import NODE, World, container, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.kubelet.volumes.claims import NotProcessed, Unmountable, mountable, volume_name

OF_CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
MOUNT = {"name": "v", "mountPath": "/data"}
CSI = {"csi": {"driver": "disk.example.org", "volumeHandle": "h1"}}


def claim(**rest: Any) -> Obj:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "",
    }
    return new_object(kinds.PERSISTENTVOLUMECLAIM, "data", "default", spec={**spec, **rest})


def volume(uid: str = "", source: Obj | None = None, **rest: Any) -> Obj:
    ref = {"claimRef": {"namespace": "default", "name": "data", "uid": uid}} if uid else {}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        **(source or {"hostPath": {"path": "/disk"}}),
        **ref,
        **rest,
    }
    return new_object(kinds.PERSISTENTVOLUME, "pv", spec=spec)


def using(**rest: Any) -> Obj:
    return pod(volumes=[OF_CLAIM], containers=[container(volumeMounts=[{**MOUNT, **rest}])])


async def bind(world: World, source: Obj | None = None) -> None:
    made = await world.client.create(kinds.PERSISTENTVOLUMECLAIM, claim(volumeName="pv"))
    await world.client.create(kinds.PERSISTENTVOLUME, volume(made["metadata"]["uid"], source))
    await world.client.patch(
        kinds.PERSISTENTVOLUMECLAIM, "data", "default", {"status": {"phase": "Bound"}}, subresource="status"
    )


async def mounts(world: World) -> dict[str, str]:
    (each,) = await world.runtime.list_containers()
    status = await world.runtime.container_status(each.id)
    return {m.container_path: m.host_path for m in status.mounts}


def test_a_pod_waits_for_its_claim_and_starts_when_it_is_bound() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.PERSISTENTVOLUMECLAIM, claim())
        made = await world.run_pod(using())
        assert made["status"]["phase"] == "Pending"
        message = (
            "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], "
            "failed to process volumes=[v]: error processing PVC default/data: PVC is not bound"
        )
        assert ("FailedMount", message) in await world.events()
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "data", "default")
        await world.client.patch(
            kinds.PERSISTENTVOLUMECLAIM, "data", "default", {"metadata": {"finalizers": None}}
        )
        await bind(world)
        await asyncio.sleep(8)
        assert (await world.pod())["status"]["phase"] == "Running"

    play(story)


def test_a_drivers_volume_is_reported_in_use_until_the_pod_is_gone() -> None:
    async def story(world: World) -> None:
        await bind(world, CSI)
        await world.run_pod(using())
        (message,) = {m for r, m in await world.events("FailedMount")}
        assert message == (
            'MountVolume.MountDevice failed for volume "pv" : kubernetes.io/csi: attacher.MountDevice failed to '
            "create newCsiDriverClient: driver name disk.example.org not found in the list of registered CSI drivers"
        )
        await asyncio.sleep(15)
        node = await world.client.get(kinds.NODE, NODE)
        assert node["status"]["volumesInUse"] == ["kubernetes.io/csi/disk.example.org^h1"]
        await world.client.delete(kinds.POD, "web", "default", grace_period_seconds=0)
        await asyncio.sleep(45)
        node = await world.client.get(kinds.NODE, NODE)
        assert "volumesInUse" not in node["status"]

    play(story)


POD = {
    "metadata": {"name": "web", "namespace": "default", "uid": "p"},
    "spec": {"containers": [{"name": "c", "volumeMounts": [MOUNT]}]},
}
BOUND = {**claim(volumeName="pv"), "status": {"phase": "Bound"}}
BOUND["metadata"] = {**BOUND["metadata"], "uid": "u"}
HERE = {"metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}}}
ELSEWHERE = {
    "nodeAffinity": {
        "required": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n9"]}]}
            ]
        }
    }
}


@pytest.mark.parametrize(
    ("found", "error", "text"),
    [
        (
            None,
            NotProcessed,
            'error processing PVC default/data: failed to fetch PV pv from API server: persistentvolumes "pv" not found',
        ),
        (volume(), NotProcessed, "nil pv.Spec.ClaimRef"),
        (volume("other"), NotProcessed, 'pv.Spec.ClaimRef.UID "other" does not point to claim.UID "u"'),
        (
            volume("u", volumeMode="Block"),
            NotProcessed,
            "volume v has volumeMode Block, but is specified in volumeMounts",
        ),
        (volume("u", **ELSEWHERE), Unmountable, "no matching NodeSelectorTerms"),
        (
            volume("u", mountOptions=["ro"]),
            Unmountable,
            "Mount options are not supported for this volume type",
        ),
        (volume("u", {"nfs": {"server": "s", "path": "/"}}), NotProcessed, "no volume plugin matched"),
    ],
)
def test_what_cannot_be_mounted_is_told_in_upstreams_words(
    found: Obj | None, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        mountable(POD, OF_CLAIM, BOUND, found, HERE)
    assert text in str(raised.value)


def test_a_claim_of_somebody_else_is_not_a_pods_ephemeral_volume() -> None:
    with pytest.raises(NotProcessed, match="PVC default/web-e was not created for pod default/web"):
        volume_name(POD, {"name": "e", "ephemeral": {}}, BOUND)


def test_what_can_be_mounted_is_named_as_a_pod_would_name_it() -> None:
    found = mountable(POD, OF_CLAIM, BOUND, volume("u", {"local": {"path": "/disk"}}), HERE)
    assert found == {"name": "v", "local": {"path": "/disk"}, "persistentVolume": name_of(volume())}
