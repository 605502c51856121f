"""EndpointSlices through the whole manager: families, ports, hints and their events, what is written and when."""

from __future__ import annotations

from typing import Any

from test_manager_services import endpoints, service, slices
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of, labels_of, name_of, resource_version_of, uid_of

ZONE = "topology.kubernetes.io/zone"
AUTO = {"service.kubernetes.io/topology-mode": "Auto"}
LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"


async def zoned(world: World, **cpu: str) -> None:
    """A node `n-ZONE` in each zone with so much CPU."""
    for zone, amount in cpu.items():
        name = f"n-{zone}"
        await world.node(name)
        await world.client.patch(kinds.NODE, name, "", {"metadata": {"labels": {ZONE: zone}}})
        status = {"status": {"allocatable": {"cpu": amount}}}
        await world.client.patch(kinds.NODE, name, "", status, subresource="status")


async def pods(world: World, **nodes: str) -> None:
    for name, node in nodes.items():
        await world.client.create(kinds.POD, pod(name, {"app": "web"}, nodeName=node))


async def hinted(world: World) -> dict[str, Any]:
    return {name: entry.get("hints") for name, entry in (await endpoints(world)).items()}


async def told(world: World) -> list[tuple[str, str, str]]:
    events = [e for e in await world.all(kinds.EVENT) if e["involvedObject"]["kind"] == "Service"]
    return [
        (e["type"], e["reason"], e["message"])
        for e in sorted(events, key=lambda e: e["metadata"]["resourceVersion"])
    ]


def for_zone(zone: str) -> Obj:
    return {"forZones": [{"name": zone}]}


def test_traffic_distribution_sets_and_takes_hints() -> None:
    async def story(world: World) -> None:
        await zoned(world, a="4", b="4")
        await world.client.create(kinds.SERVICE, service(trafficDistribution="PreferSameZone"))
        await pods(world, p1="n-a", p2="n-b")
        await world.settle(10)
        assert await hinted(world) == {"p1": for_zone("a"), "p2": for_zone("b")}
        await world.change(kinds.SERVICE, "web", {"trafficDistribution": "PreferSameNode"})
        await world.settle(2)
        found = (await endpoints(world))["p1"]
        assert found["hints"] == {**for_zone("a"), "forNodes": [{"name": "n-a"}]}
        await world.change(kinds.SERVICE, "web", {"trafficDistribution": None})
        await world.settle(2)
        assert await hinted(world) == {"p1": None, "p2": None}
        assert await told(world) == []

    play(story)


def test_topology_aware_hints_begin_follow_the_nodes_and_end() -> None:
    async def story(world: World) -> None:
        await zoned(world, a="4", b="4")
        made = service()
        await world.client.create(
            kinds.SERVICE, {**made, "metadata": {**made["metadata"], "annotations": AUTO}}
        )
        await pods(world, p1="n-a", p2="n-a", p3="n-b", p4="n-b")
        await world.settle(10)
        assert list((await hinted(world)).values()).count(for_zone("a")) == 2
        enabled = (
            "Normal",
            "TopologyAwareHintsEnabled",
            "Topology Aware Hints has been enabled, addressType: IPv4",
        )
        assert enabled in await told(world)
        await world.client.patch(
            kinds.NODE, "n-b", "", {"status": {"allocatable": {"cpu": "0"}}}, subresource="status"
        )
        await world.settle(2)
        assert set((await hinted(world)).values()) == {None}
        insufficient = (
            "Warning",
            "TopologyAwareHintsDisabled",
            "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, "
            "addressType: IPv4",
        )
        assert insufficient in await told(world)
        await world.client.patch(
            kinds.NODE, "n-b", "", {"status": {"allocatable": {"cpu": "12"}}}, subresource="status"
        )
        await world.settle(2)
        assert list((await hinted(world)).values()).count(for_zone("b")) == 3
        await world.client.patch(
            kinds.SERVICE, "web", "default", {"metadata": {"annotations": dict.fromkeys(AUTO)}}
        )
        await world.settle(2)
        assert set((await hinted(world)).values()) == {None}
        disabled = (
            "Warning",
            "TopologyAwareHintsDisabled",
            "Topology Aware Hints has been disabled, addressType: IPv4",
        )
        assert disabled in await told(world)

    play(story)


def test_the_annotation_counts_before_traffic_distribution() -> None:
    async def story(world: World) -> None:
        made = service(trafficDistribution="PreferSameZone")
        await zoned(world, a="4")
        await world.client.create(
            kinds.SERVICE, {**made, "metadata": {**made["metadata"], "annotations": AUTO}}
        )
        await pods(world, p1="n-a")
        await world.settle(10)
        assert await hinted(world) == {"p1": None}

    play(story)


def test_each_family_of_a_service_has_slices_of_its_own() -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        both = {"clusterIP": "None", "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}
        await world.client.create(kinds.SERVICE, service(**both))
        await world.node("n1")
        for name, ips in (("dual", ["10.0.0.1", "fd00::1"]), ("four", ["10.0.0.2"]), ("six", ["fd00::3"])):
            made = await world.client.create(kinds.POD, pod(name, {"app": "web"}, nodeName="n1"))
            status = {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
            await world.set_pod_status(made, status, ready=True)
        await world.settle(5)
        found = {
            piece["addressType"]: {e["targetRef"]["name"]: e["addresses"] for e in piece["endpoints"]}
            for piece in await slices(world)
        }
        assert found == {
            "IPv4": {"dual": ["10.0.0.1"], "four": ["10.0.0.2"]},
            "IPv6": {"dual": ["fd00::1"], "six": ["fd00::3"]},
        }

    play(story, addresses="10.96.0.0/12,fd00:10:96::/112")


def test_the_last_pod_leaves_an_empty_slice_and_the_first_takes_it_up() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.client.create(kinds.SERVICE, service())
        await world.settle(2)
        (empty,) = await slices(world)
        await pods(world, p1="n1")
        await world.settle(5)
        (full,) = await slices(world)
        assert (uid_of(full), len(full["endpoints"]), len(full["ports"])) == (uid_of(empty), 1, 1)
        await world.client.delete(kinds.POD, "p1", "default")
        await world.settle(5)
        (left,) = await slices(world)
        assert (uid_of(left), left["endpoints"], left["ports"]) == (uid_of(empty), [], [])

    play(story)


def test_the_annotation_tells_when_the_pod_changed() -> None:
    async def story(world: World) -> None:
        made = await world.client.create(kinds.SERVICE, service())
        await world.settle(5)
        (piece,) = await slices(world)
        assert annotations_of(piece)[LAST_CHANGE] == made["metadata"]["creationTimestamp"]
        await world.node("n1")
        await pods(world, p1="n1")
        await world.settle(5)
        backing = await world.get(kinds.POD, "p1")
        assert backing is not None
        (ready,) = (c for c in backing["status"]["conditions"] if c["type"] == "Ready")
        (piece,) = await slices(world)
        assert annotations_of(piece)[LAST_CHANGE] == ready["lastTransitionTime"]
        await world.client.patch(kinds.SERVICE, "web", "default", {"metadata": {"labels": {"tier": "x"}}})
        await world.settle(5)
        (piece,) = await slices(world)
        assert labels_of(piece)["tier"] == "x"
        assert LAST_CHANGE not in annotations_of(piece)

    play(story)


def test_labels_that_leave_the_service_leave_its_slices() -> None:
    async def story(world: World) -> None:
        made = service()
        headed = {**made["metadata"], "labels": {"tier": "x", "kubernetes.io/service-name": "fake"}}
        await world.client.create(kinds.SERVICE, {**made, "metadata": headed})
        await world.settle(5)
        (piece,) = await slices(world)
        assert labels_of(piece)["tier"] == "x"
        await world.client.patch(kinds.SERVICE, "web", "default", {"metadata": {"labels": {"tier": None}}})
        await world.settle(5)
        (piece,) = await slices(world)
        assert "tier" not in labels_of(piece)

    play(story)


def test_slices_of_an_earlier_service_of_that_name_go() -> None:
    async def story(world: World) -> None:
        labels = {
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        }
        old = new_object(kinds.ENDPOINTSLICE, "old", "default", addressType="IPv4", endpoints=[], ports=[])
        await world.client.create(
            kinds.ENDPOINTSLICE, {**old, "metadata": {**old["metadata"], "labels": labels}}
        )
        await world.client.create(kinds.SERVICE, service())
        await world.settle(5)
        (piece,) = await slices(world)
        assert name_of(piece) != "old"

    play(story)


def test_a_pod_on_an_unknown_node_is_left_out_until_the_node_is_there() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.SERVICE, service("all", publishNotReadyAddresses=True))
        await pods(world, p1="late")
        await world.settle(5)
        assert await endpoints(world) == {}
        assert set(await endpoints(world, "all")) == {"p1"}
        await world.node("late")
        await world.settle(10)
        assert set(await endpoints(world)) == {"p1"}

    play(story)


def test_heartbeats_and_unrelated_changes_write_nothing() -> None:
    async def story(world: World) -> None:
        await zoned(world, a="4", b="4")
        made = service()
        await world.client.create(
            kinds.SERVICE, {**made, "metadata": {**made["metadata"], "annotations": AUTO}}
        )
        await pods(world, p1="n-a", p2="n-b")
        await world.settle(10)
        (before,) = await slices(world)
        await world.client.patch(kinds.NODE, "n-a", "", {"metadata": {"labels": {"x": "y"}}})
        await world.client.patch(kinds.POD, "p1", "default", {"metadata": {"annotations": {"x": "y"}}})
        await world.settle(10)
        (after,) = await slices(world)
        assert resource_version_of(after) == resource_version_of(before)

    play(story)
