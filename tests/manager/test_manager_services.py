"""Services through the whole manager: who is published, when, and how it is written down."""

from __future__ import annotations

from typing import Any

from world import World, deployment, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, labels_of, name_of, uid_of

SERVICE_NAME, MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"


def service(name: str = "web", port: Any = 80, **spec: Any) -> Obj:
    full = {
        "selector": {"app": "web"},
        "ports": [{"port": 80, "targetPort": port, "protocol": "TCP"}],
        **spec,
    }
    return new_object(kinds.SERVICE, name, "default", spec=full)


async def slices(world: World, name: str = "web") -> list[Obj]:
    return [s for s in await world.all(kinds.ENDPOINTSLICE) if labels_of(s).get(SERVICE_NAME) == name]


async def endpoints(world: World, name: str = "web") -> dict[str, Obj]:
    """Endpoints by pod name."""
    return {e["targetRef"]["name"]: e for s in await slices(world, name) for e in s.get("endpoints") or ()}


def listed(tree: Obj | None) -> tuple[list[str], list[str]]:
    """Ready and not ready pod names of an Endpoints object."""
    assert tree is not None
    found: tuple[list[str], list[str]] = ([], [])
    for subset in tree.get("subsets") or ():
        for into, field in zip(found, ("addresses", "notReadyAddresses"), strict=True):
            into.extend(a["targetRef"]["name"] for a in subset.get(field) or ())
    return sorted(found[0]), sorted(found[1])


def test_ready_pods_stand_behind_the_service() -> None:
    async def story(world: World) -> None:
        zone = {"topology.kubernetes.io/zone": "z1"}
        await world.node("n1")
        await world.client.patch(kinds.NODE, "n1", "", {"metadata": {"labels": zone}})
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.POD, pod("p1", {"app": "web"}, nodeName="n1"))
        await world.client.create(kinds.POD, pod("other", {"app": "db"}, nodeName="n1"))
        await world.settle(10)
        (piece,) = await slices(world)
        owner = await world.get(kinds.SERVICE, "web")
        backing = await world.get(kinds.POD, "p1")
        assert owner is not None
        assert backing is not None
        assert name_of(piece).startswith("web-")
        assert labels_of(piece)[MANAGED_BY] == "endpointslice-controller.k8s.io"
        assert [r["uid"] for r in piece["metadata"]["ownerReferences"]] == [uid_of(owner)]
        assert piece["addressType"] == "IPv4"
        assert piece["ports"] == [{"name": "", "port": 80, "protocol": "TCP"}]
        (only,) = piece["endpoints"]
        assert only["addresses"] == [backing["status"]["podIP"]]
        assert only["conditions"] == {"ready": True, "serving": True, "terminating": False}
        assert only["nodeName"] == "n1"
        assert only["zone"] == "z1"
        assert only["targetRef"]["uid"] == uid_of(backing)
        assert listed(await world.get(kinds.ENDPOINTS, "web")) == (["p1"], [])

    play(story)


def test_a_pod_that_is_not_ready_leaves_and_comes_back() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service())
        made = await world.client.create(kinds.POD, pod("p1", {"app": "web"}))
        await world.settle(5)
        address = {"phase": "Running", "podIP": "10.0.0.1"}
        for ready in (False, True):
            await world.set_pod_status(made, address, ready=ready)
            await world.settle(1)
            assert (await endpoints(world))["p1"]["conditions"]["ready"] is ready
            expected = (["p1"], []) if ready else ([], ["p1"])
            assert listed(await world.get(kinds.ENDPOINTS, "web")) == expected

    play(story)


def test_a_pod_that_is_being_deleted_is_terminating_and_still_serving() -> None:
    async def story(world: World) -> None:
        world.stop_after = 20.0
        await world.node("n1")
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.POD, pod("p1", {"app": "web"}, nodeName="n1"))
        await world.settle(5)
        await world.client.delete(kinds.POD, "p1", "default")
        await world.settle(1)
        conditions = (await endpoints(world))["p1"]["conditions"]
        assert conditions == {"ready": False, "serving": True, "terminating": True}
        assert listed(await world.get(kinds.ENDPOINTS, "web")) == ([], [])
        await world.settle(30)
        assert await endpoints(world) == {}

    play(story)


def test_all_are_published_where_the_service_asks_for_it() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service(clusterIP="None", publishNotReadyAddresses=True))
        made = await world.client.create(kinds.POD, pod("p1", {"app": "web"}))
        await world.settle(5)
        await world.set_pod_status(made, {"phase": "Running", "podIP": "10.0.0.1"}, ready=False)
        await world.settle(1)
        (piece,) = await slices(world)
        assert piece["endpoints"][0]["conditions"]["ready"] is True
        assert piece["endpoints"][0]["conditions"]["serving"] is False
        assert labels_of(piece)["service.kubernetes.io/headless"] == ""
        assert listed(await world.get(kinds.ENDPOINTS, "web")) == (["p1"], [])

    play(story)


def test_named_ports_are_looked_up_in_each_pod() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service(port="http"))
        for name, number in (("a", 8080), ("b", 9090), ("none", None)):
            ports = [{"name": "http", "containerPort": number}] if number else []
            containers = [{"name": "c", "image": "i", "ports": ports}]
            await world.client.create(kinds.POD, pod(name, {"app": "web"}, containers=containers))
        await world.settle(10)
        by_port = {
            tuple(p["port"] for p in s["ports"] or ()): [e["targetRef"]["name"] for e in s["endpoints"]]
            for s in await slices(world)
        }
        assert by_port[(8080,)] == ["a"]
        assert by_port[(9090,)] == ["b"]

    play(story)


def test_a_slice_holds_a_hundred_endpoints() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=230))
        await world.settle(60)
        sizes = sorted(len(s["endpoints"]) for s in await slices(world))
        assert sum(sizes) == 230
        assert max(sizes) <= 100
        assert len(sizes) <= 4
        await world.change(kinds.DEPLOYMENT, "web", {"replicas": 1})
        await world.settle(60)
        assert [len(s["endpoints"]) for s in await slices(world)] == [1]

    play(story)


def test_a_service_without_pods_or_without_a_selector() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service("empty"))
        await world.client.create(kinds.SERVICE, service("manual", selector=None))
        await world.settle(10)
        (piece,) = await slices(world, "empty")
        assert not piece.get("endpoints")
        assert await slices(world, "manual") == []
        assert listed(await world.get(kinds.ENDPOINTS, "empty")) == ([], [])
        assert await world.get(kinds.ENDPOINTS, "manual") is None

    play(story)


def test_a_deleted_service_leaves_nothing() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.POD, pod("p1", {"app": "web"}))
        await world.settle(10)
        await world.client.delete(kinds.SERVICE, "web", "default")
        await world.settle(10)
        assert await slices(world) == []
        assert await world.get(kinds.ENDPOINTS, "web") is None

    play(story)


def test_what_somebody_else_deletes_or_spoils_is_mended() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.POD, pod("p1", {"app": "web"}))
        await world.settle(10)
        (piece,) = await slices(world)
        await world.client.delete(kinds.ENDPOINTSLICE, name_of(piece), "default")
        await world.client.delete(kinds.ENDPOINTS, "web", "default")
        await world.settle(5)
        assert set(await endpoints(world)) == {"p1"}
        assert listed(await world.get(kinds.ENDPOINTS, "web")) == (["p1"], [])
        (piece,) = await slices(world)
        await world.client.update(kinds.ENDPOINTSLICE, {**piece, "endpoints": []})
        await world.settle(5)
        assert set(await endpoints(world)) == {"p1"}

    play(story)


def test_slices_of_others_are_left_alone() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service())
        labels = {SERVICE_NAME: "web", MANAGED_BY: "somebody-else"}
        foreign = new_object(
            kinds.ENDPOINTSLICE, "foreign", "default", addressType="IPv4", endpoints=[], ports=[]
        )
        await world.client.create(
            kinds.ENDPOINTSLICE, {**foreign, "metadata": {**foreign["metadata"], "labels": labels}}
        )
        await world.client.create(kinds.POD, pod("p1", {"app": "web"}))
        await world.settle(10)
        untouched = await world.get(kinds.ENDPOINTSLICE, "foreign")
        assert untouched is not None
        assert untouched["endpoints"] == []
        assert set(await endpoints(world)) == {"p1"}

    play(story)
