"""What is told of nodes, what a node that never reported becomes, and node ranges of two families."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from test_manager_nodes import keep_renewing, ready
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, uid_of
from pybernetes.lang.timestamps import rfc3339

LIFECYCLE = "serviceaccount-controller,node-lifecycle-controller"
NEVER = ("Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status.")
STOPPED = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")


async def events(world: World, kind: str = "Node") -> list[tuple[str, str, str, str]]:
    """(source, type, reason, message) of every event about objects of a kind, in the order of their writing."""
    found = [e for e in (await world.client.list(kinds.EVENT)).items if e["involvedObject"]["kind"] == kind]
    found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
    return [(e["source"]["component"], e["type"], e["reason"], e["message"]) for e in found]


async def add(world: World, name: str, *conditions: Obj) -> Obj:
    """A node with these conditions, whose kubelet has no lease."""
    node = await world.client.create(kinds.NODE, new_object(kinds.NODE, name, spec={}))
    if conditions:
        patch = {"status": {"conditions": list(conditions)}}
        await world.client.patch(kinds.NODE, name, "", patch, subresource="status")
    return node


def conditions_of(node: Obj | None) -> dict[str, tuple[str, str, str]]:
    assert node is not None
    return {
        c["type"]: (c["status"], c.get("reason", ""), c.get("message", ""))
        for c in node["status"]["conditions"]
    }


def test_nodes_are_told_of_when_they_come_and_go() -> None:
    async def story(world: World) -> None:
        node = await world.node("n1")
        await world.settle(2)
        registered = "Node n1 event: Registered Node n1 in Controller"
        assert await events(world) == [("node-controller", "Normal", "RegisteredNode", registered)]
        (event,) = (await world.client.list(kinds.EVENT, "default")).items
        assert event["involvedObject"] == {
            "apiVersion": "v1",
            "kind": "Node",
            "name": "n1",
            "uid": uid_of(node),
        }
        await world.client.delete(kinds.NODE, "n1")
        await world.settle(2)
        removing = "Node n1 event: Removing Node n1 from Controller"
        assert (await events(world))[1:] == [("node-controller", "Normal", "RemovingNode", removing)]
        await world.node("n1")
        await world.settle(2)
        assert (await events(world))[2:] == [("node-controller", "Normal", "RegisteredNode", registered)]

    play(story, LIFECYCLE)


def test_a_node_that_falls_silent_is_told_of_and_so_are_its_pods() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.client.create(kinds.POD, pod("p", nodeName="n1"))
        await world.settle(45)
        before = await world.client.get(kinds.POD, "p", "default")
        await world.settle(15)
        assert (await events(world))[1:] == [
            ("node-controller", "Normal", "NodeNotReady", "Node n1 status is now: NodeNotReady")
        ]
        assert await events(world, "Pod") == [
            ("node-controller", "Warning", "NodeNotReady", "Node is not ready")
        ]
        after = await world.client.get(kinds.POD, "p", "default")
        (was,) = [c for c in before["status"]["conditions"] if c["type"] == "Ready"]
        (now,) = [c for c in after["status"]["conditions"] if c["type"] == "Ready"]
        assert now == {**was, "status": "False", "lastTransitionTime": now["lastTransitionTime"]}
        assert now["lastTransitionTime"] > was["lastTransitionTime"]
        await world.settle(120)
        assert len(await events(world)) == 2  # told once

    play(story, LIFECYCLE)


READY = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "m"}
NOT_READY = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "m"}
NETWORK = {"type": "NetworkUnavailable", "status": "False", "reason": "RouteCreated", "message": "m"}
DISK = {"type": "DiskPressure", "status": "Unknown", "reason": "Odd", "message": "m"}
ALL_NEVER = dict.fromkeys(("Ready", "MemoryPressure", "DiskPressure", "PIDPressure"), NEVER)


@pytest.mark.parametrize(
    ("made", "grace", "becomes", "told"),
    [
        ((), 60, ALL_NEVER, False),
        ((NETWORK,), 60, {**ALL_NEVER, "NetworkUnavailable": ("False", "RouteCreated", "m")}, False),
        ((READY,), 50, {**ALL_NEVER, "Ready": STOPPED}, True),
        ((NOT_READY,), 50, {**ALL_NEVER, "Ready": STOPPED}, False),
        ((READY, DISK), 50, {**ALL_NEVER, "Ready": STOPPED, "DiskPressure": ("Unknown", "Odd", "m")}, True),
    ],
    ids=["nothing", "network only", "ready", "not ready", "unknown stays"],
)
def test_what_a_silent_node_becomes(
    made: tuple[Obj, ...], grace: int, becomes: dict[str, Any], told: bool
) -> None:
    async def story(world: World) -> None:
        node = await add(world, "n1", *made)
        await world.settle(grace - 3)
        before = await world.client.get(kinds.NODE, "n1")
        assert [c["type"] for c in before["status"].get("conditions") or ()] == [c["type"] for c in made]
        await world.settle(6)
        after = await world.client.get(kinds.NODE, "n1")
        assert conditions_of(after) == becomes
        never = [c for c in after["status"]["conditions"] if c.get("reason") == NEVER[1]]
        assert {c["lastHeartbeatTime"] for c in never} == {node["metadata"]["creationTimestamp"]}
        version = after["metadata"]["resourceVersion"]
        await world.settle(100)
        later = await world.client.get(kinds.NODE, "n1")
        assert conditions_of(later) == becomes
        assert [e[2] for e in await events(world)] == ["RegisteredNode", *(["NodeNotReady"] if told else [])]
        await world.settle(100)
        assert int((await world.client.get(kinds.NODE, "n1"))["metadata"]["resourceVersion"]) == int(
            later["metadata"]["resourceVersion"]
        ), f"it is written again and again after {version}"

    play(story, LIFECYCLE)


def test_an_eviction_by_taint_is_told_of_and_so_is_one_that_does_not_come() -> None:
    async def story(world: World) -> None:
        world.stop_after = 1e9
        await world.node("n1")
        world.start(keep_renewing(world, "n1", 3600))
        soon = [{"key": "bad", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}]
        await world.client.create(kinds.POD, pod("soon", nodeName="n1", tolerations=soon))
        await world.client.create(kinds.POD, pod("never", nodeName="n1"))
        await world.settle(2)
        taint = {"key": "bad", "effect": "NoExecute", "timeAdded": rfc3339(world.env.now())}
        await world.change(kinds.NODE, "n1", {"taints": [taint]}, "")
        await world.settle(20)
        await world.change(kinds.NODE, "n1", {"taints": []}, "")
        await world.settle(100)
        assert [e for e in await events(world, "Pod") if e[2] == "TaintManagerEviction"] == [
            ("taint-eviction-controller", "Normal", "TaintManagerEviction", f"{what} Pod default/{name}")
            for what, name in (("Marking for deletion", "never"), ("Cancelling deletion of", "soon"))
        ]
        assert ready(await world.get(kinds.POD, "soon")) == "True"

    play(story, f"{LIFECYCLE},taint-eviction-controller")


DUAL = "10.244.0.0/22,fd00:10::/62"


@pytest.mark.parametrize(
    ("settings", "families", "most"),
    [
        ({"cluster_cidr": DUAL}, [24, 64], 4),
        ({"cluster_cidr": "fd00:10::/62,10.244.0.0/22"}, [64, 24], 4),
        ({"cluster_cidr": DUAL, "node_cidr_mask_size": 23}, [23, 64], 2),
        ({"cluster_cidr": DUAL, "node_cidr_mask_size_ipv6": 63}, [24, 63], 2),
        ({"cluster_cidr": DUAL, "service_cidr": "10.244.0.0/24,fd00:99::/112"}, [24, 64], 3),
        ({"cluster_cidr": DUAL, "service_cidr": "10.96.0.0/12,fd00:10::/64"}, [24, 64], 3),
        ({"cluster_cidr": "fd00:10::/63"}, [64], 2),
    ],
)
def test_every_node_gets_a_share_of_each_range(
    settings: dict[str, Any], families: list[int], most: int
) -> None:
    async def story(world: World) -> None:
        for number in range(most + 1):
            await world.node(f"n{number}")
        await world.settle(5)
        nodes = await world.all(kinds.NODE, "")
        served = [node["spec"] for node in nodes if node["spec"].get("podCIDR")]
        assert len(served) == most
        assert all(spec["podCIDR"] == spec["podCIDRs"][0] for spec in served)
        shares = [[ipaddress.ip_network(text) for text in spec["podCIDRs"]] for spec in served]
        assert all([share.prefixlen for share in each] == families for each in shares)
        every = [share for each in shares for share in each]
        assert len(set(every)) == len(every)
        ranges = [ipaddress.ip_network(text) for text in settings["cluster_cidr"].split(",")]
        for each in shares:
            for share, whole in zip(each, ranges, strict=True):
                assert share.subnet_of(whole)  # type: ignore[arg-type]
        services = [ipaddress.ip_network(t) for t in settings.get("service_cidr", "").split(",") if t]
        assert not any(
            share.version == each.version and share.overlaps(each) for share in every for each in services
        )
        (missed,) = [e for e in await events(world) if e[2] == "CIDRNotAvailable"]
        assert missed[0] == "cidrAllocator"
        assert missed[3].endswith("status is now: CIDRNotAvailable")

    play(story, "node-ipam-controller", **settings)
