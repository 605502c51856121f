"""Volumes: which nodes a pod's claims allow, in upstream's words, and what is bound for the node that is chosen."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pybernetes.scheduler.bindingcycle import NotBound, reserve, unreserve
from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.decide import Decision
from pybernetes.scheduler.framework import Change
from pybernetes.scheduler.plugins.volume_binding import STATE
from pybernetes.scheduler.queuedpod import QueuedPod

from .trees import node, pod

ZONE = "topology.kubernetes.io/zone"
HOSTNAME = "kubernetes.io/hostname"


def storage_class(name: str = "wait", mode: str = "WaitForFirstConsumer", **rest: Any) -> dict[str, Any]:
    return {
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "csi.example.com",
        "volumeBindingMode": mode,
        **rest,
    }


def claim(name: str = "data", size: str = "1Gi", volume: str = "", **rest: Any) -> dict[str, Any]:
    """`volume`: the one it is bound to."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "default",
        "uid": f"claim-{name}",
        "resourceVersion": "5",
    }
    spec = {
        "storageClassName": rest.pop("storageClassName", "wait"),
        "accessModes": rest.pop("accessModes", ["ReadWriteOnce"]),
        "resources": {"requests": {"storage": size}},
        **rest,
    }
    if volume:
        spec["volumeName"] = volume
        metadata["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": {}}


def volume(name: str, size: str = "1Gi", on: str = "", **rest: Any) -> dict[str, Any]:
    """`on`: the node that alone can reach it."""
    spec: dict[str, Any] = {
        "capacity": {"storage": size},
        "accessModes": rest.pop("accessModes", ["ReadWriteOnce"]),
        "storageClassName": rest.pop("storageClassName", "wait"),
    }
    if on:
        term = {"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [on]}]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    labels = rest.pop("labels", {})
    return {
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels, "resourceVersion": "7"},
        "spec": {**spec, **rest},
        "status": {"phase": "Available"},
    }


def user(name: str = "web", *claims: str, **rest: Any) -> dict[str, Any]:
    names = claims or ("data",)
    volumes = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in names]
    return pod(name, volumes=volumes, **rest)


class World:
    """Two nodes, the objects given, and decisions over them."""

    def __init__(self, *objects: dict[str, Any], nodes: Any = None) -> None:
        self.cycle = Cycle(random.Random(3))
        for each in nodes or (node("a"), node("b")):
            self.cycle.node_event(None, each, 0)
        for each in objects:
            self.add(each)

    def add(self, obj: dict[str, Any], old: dict[str, Any] | None = None) -> None:
        if obj["kind"] == "Pod":
            self.cycle.pod_event(old, obj, 0)
        else:
            self.cycle.volumes.event(obj["kind"], old, obj)

    def decide(self, tree: dict[str, Any]) -> tuple[QueuedPod, Decision]:
        self.add(tree)
        (queued,) = self.cycle.queue.pop(1, 0)
        return queued, self.cycle.decide(queued, 0)

    def node_of(self, tree: dict[str, Any]) -> str | None:
        return self.decide(tree)[1].node

    def message(self, tree: dict[str, Any]) -> str:
        """Without what preemption says."""
        return self.decide(tree)[1].message.partition(" preemption: ")[0]


WAIT = storage_class()

REFUSED: tuple[tuple[str, tuple[dict[str, Any], ...], dict[str, Any]], ...] = (
    ('0/2 nodes are available: persistentvolumeclaim "data" not found.', (), user()),
    (
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        (storage_class("now", "Immediate"), claim(storageClassName="now")),
        user(),
    ),
    (
        '0/2 nodes are available: persistentvolumeclaim "data" is being deleted.',
        (WAIT, {**claim(), "metadata": {**claim()["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        user(),
    ),
    (
        '0/2 nodes are available: persistentvolumeclaim "data" bound to non-existent persistentvolume "gone".',
        (WAIT, {**claim(volumeName="gone"), "status": {"phase": "Lost"}}),
        user(),
    ),
    (
        '0/2 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "web-e".',
        (WAIT,),
        pod("web", volumes=[{"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]),
    ),
    (
        "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
        (WAIT, volume("v", on="z"), claim(volume="v")),
        user(),
    ),
    (
        "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
        (WAIT, claim(volume="v")),
        user(),
    ),
    (
        "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
        (storage_class(provisioner="kubernetes.io/no-provisioner"), volume("v", "1Mi"), claim()),
        user(),
    ),
    (
        "0/2 nodes are available: 2 node(s) did not have enough free storage.",
        (WAIT, claim(), {"kind": "CSIDriver", "metadata": {"name": "csi.example.com"}, "spec": {"storageCapacity": True}}),
        user(),
    ),
    (
        "0/2 nodes are available: 2 node(s) had no available volume zone.",
        (WAIT, volume("v", labels={ZONE: "y"}), claim(volume="v")),
        user(),
    ),
)  # fmt: skip


@pytest.mark.parametrize(("message", "objects", "tree"), REFUSED, ids=[row[0][25:70] for row in REFUSED])
def test_why_a_claim_keeps_its_pod_from_every_node(
    message: str, objects: tuple[dict[str, Any], ...], tree: dict[str, Any]
) -> None:
    nodes = (node("a", labels={ZONE: "x"}), node("b", labels={ZONE: "x"}))
    assert World(*objects, nodes=nodes).message(tree) == message


def test_a_bound_volume_leads_to_its_node() -> None:
    assert World(WAIT, volume("v", on="b"), claim(volume="v")).node_of(user()) == "b"


def test_the_zone_of_a_volume() -> None:
    nodes = (node("a", labels={ZONE: "x"}), node("b", labels={ZONE: "y"}))
    world = World(WAIT, volume("v", labels={ZONE: "y__z"}), claim(volume="v"), nodes=nodes)
    assert world.node_of(user()) == "b"


def test_the_smallest_volume_that_is_large_enough_is_taken_and_assumed() -> None:
    world = World(
        WAIT, volume("big", "9Gi", "a"), volume("fits", "2Gi", "a"), volume("small", "1Mi", "a"), claim()
    )
    queued, decision = world.decide(user(nodeSelector={HOSTNAME: "a"}))
    attempt = world.cycle.attempt(queued, decision.node or "")
    reserve(attempt, queued.profile)
    (bound,), provisioned, (static,) = attempt.state[STATE]
    assert (bound["metadata"]["name"], provisioned, static["metadata"]["name"]) == ("fits", [], "data")
    assert bound["spec"]["claimRef"] == {
        "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": "default", "name": "data",
        "uid": "claim-data", "resourceVersion": "5",
    }  # fmt: skip
    assert bound["metadata"]["annotations"] == {"pv.kubernetes.io/bound-by-controller": "yes"}
    # The next pod's claim finds it taken.
    world.add(claim("more"))
    queued, decision = world.decide(user("next", "more", nodeSelector={HOSTNAME: "a"}))
    second = world.cycle.attempt(queued, "a")
    reserve(second, queued.profile)
    assert second.state[STATE][0][0]["metadata"]["name"] == "big"
    # What is given back is free again.
    unreserve(attempt, queued.profile)
    assert "claimRef" not in world.cycle.volumes.get("PersistentVolume", "fits")["spec"]  # type: ignore[index]


def test_a_claim_is_provisioned_where_no_volume_fits() -> None:
    world = World(WAIT, claim())
    queued, decision = world.decide(user(nodeSelector={HOSTNAME: "b"}))
    attempt = world.cycle.attempt(queued, decision.node or "")
    reserve(attempt, queued.profile)
    volumes, (provisioned,), static = attempt.state[STATE]
    assert (volumes, static) == ([], [])
    assert provisioned["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == "b"
    # Another pod of the claim has to go there too.
    assert world.node_of(user("next")) == "b"


def test_a_volume_that_went_meanwhile_is_told_at_reserve() -> None:
    none = storage_class(provisioner="kubernetes.io/no-provisioner")
    world = World(none, volume("v", on="a"), claim())
    queued, decision = world.decide(user())
    assert decision.node == "a"
    world.cycle.volumes.event("PersistentVolume", volume("v", on="a"), None)
    with pytest.raises(
        NotBound, match="1 node\\(s\\) didn't find available persistent volumes to bind"
    ) as error:
        reserve(world.cycle.attempt(queued, "a"), queued.profile)
    assert error.value.rejected_by == "VolumeBinding"


def test_selectors_modes_and_volumes_of_others() -> None:
    none = storage_class(provisioner="kubernetes.io/no-provisioner")
    reserved = volume("other", on="a", claimRef={"name": "else", "namespace": "default"})
    many = claim("many", accessModes=["ReadWriteMany"])
    picky = claim("picky", selector={"matchLabels": {"tier": "fast"}})
    block = claim("block", volumeMode="Block")
    world = World(none, reserved, volume("plain", on="b"), many, picky, block, claim())
    nowhere = "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind."
    for name in ("many", "picky", "block"):
        assert world.message(user(f"uses-{name}", name)) == nowhere
    assert world.node_of(user()) == "b"


def test_storage_capacity_by_segment() -> None:
    driver = {"kind": "CSIDriver", "metadata": {"name": "csi.example.com"}, "spec": {"storageCapacity": True}}

    def capacity(zone: str, size: str) -> dict[str, Any]:
        return {
            "kind": "CSIStorageCapacity",
            "metadata": {"name": zone, "namespace": "kube-system"},
            "storageClassName": "wait",
            "nodeTopology": {"matchLabels": {ZONE: zone}},
            "capacity": size,
        }

    nodes = (node("a", labels={ZONE: "x"}), node("b", labels={ZONE: "y"}))
    world = World(WAIT, driver, capacity("x", "1Gi"), capacity("y", "9Gi"), claim(size="5Gi"), nodes=nodes)
    assert world.node_of(user()) == "b"


def test_allowed_topologies_of_a_class() -> None:
    allowed = [{"matchLabelExpressions": [{"key": ZONE, "values": ["y"]}]}]
    nodes = (node("a", labels={ZONE: "x"}), node("b", labels={ZONE: "y"}))
    assert World(storage_class(allowedTopologies=allowed), claim(), nodes=nodes).node_of(user()) == "b"


def csi_node(name: str, count: int | None) -> dict[str, Any]:
    driver: dict[str, Any] = {"name": "csi.example.com", "nodeID": name}
    if count is not None:
        driver["allocatable"] = {"count": count}
    return {"kind": "CSINode", "metadata": {"name": name}, "spec": {"drivers": [driver]}}


def csi_volume(name: str) -> dict[str, Any]:
    return volume(name, csi={"driver": "csi.example.com", "volumeHandle": name})


def test_no_more_volumes_than_a_node_can_attach() -> None:
    claims = [each for n in range(4) for each in (csi_volume(f"v{n}"), claim(f"c{n}", volume=f"v{n}"))]
    world = World(WAIT, csi_node("a", 2), csi_node("b", 0), *claims)
    assert [world.node_of(user(f"p{n}", f"c{n}")) for n in range(3)] == ["a", "a", None]
    assert world.message(user("p3", "c3")) == ("0/2 nodes are available: 2 node(s) exceed max volume count.")
    assert world.node_of(user("again", "c1")) == "a"  # it is there already
    changed = csi_node("b", 5)
    world.add(changed, csi_node("b", 0))
    world.cycle.changed(Change("CSINode", frozenset(("update",)), csi_node("b", 0), changed), 0)
    popped = world.cycle.queue.pop(9, 9)
    assert [world.cycle.decide(each, 9).node for each in popped] == ["b", "b"]


def test_a_node_without_a_limit_takes_any_number() -> None:
    claims = [each for n in range(4) for each in (csi_volume(f"v{n}"), claim(f"c{n}", volume=f"v{n}"))]
    world = World(WAIT, csi_node("a", None), *claims, nodes=(node("a"),))
    assert [world.node_of(user(f"p{n}", f"c{n}")) for n in range(4)] == ["a"] * 4


def test_a_claim_that_one_pod_alone_may_use() -> None:
    world = World(WAIT, volume("v"), claim(volume="v", accessModes=["ReadWriteOncePod"]))
    assert world.node_of(user()) is not None
    assert world.message(user("second")) == (
        "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod "
        "access mode."
    )


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ({"gcePersistentDisk": {"pdName": "d"}}, {"gcePersistentDisk": {"pdName": "d"}}, False),
        (
            {"gcePersistentDisk": {"pdName": "d", "readOnly": True}},
            {"gcePersistentDisk": {"pdName": "d", "readOnly": True}},
            True,
        ),
        ({"gcePersistentDisk": {"pdName": "d"}}, {"gcePersistentDisk": {"pdName": "e"}}, True),
        ({"awsElasticBlockStore": {"volumeID": "d", "readOnly": True}}, {"awsElasticBlockStore": {"volumeID": "d", "readOnly": True}}, False),
        ({"iscsi": {"targetPortal": "x", "iqn": "i", "lun": 0}}, {"iscsi": {"targetPortal": "y", "iqn": "i", "lun": 1}}, False),
        (
            {"rbd": {"monitors": ["m", "n"], "image": "i", "pool": "p"}},
            {"rbd": {"monitors": ["n"], "image": "i", "pool": "p"}},
            False,
        ),
        (
            {"rbd": {"monitors": ["m"], "image": "i", "pool": "p"}},
            {"rbd": {"monitors": ["n"], "image": "i", "pool": "p"}},
            True,
        ),
    ],
)  # fmt: skip
def test_disks_that_one_pod_of_a_node_alone_may_use(
    first: dict[str, Any], second: dict[str, Any], together: bool
) -> None:
    world = World(nodes=(node("a"),))
    assert world.node_of(pod("one", volumes=[{"name": "d", **first}])) == "a"
    found = world.decide(pod("two", volumes=[{"name": "d", **second}]))[1]
    assert (found.node == "a") is together
    if not together:
        assert found.message.startswith("0/1 nodes are available: 1 node(s) had no available disk.")
