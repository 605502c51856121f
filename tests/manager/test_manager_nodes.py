"""Nodes through the whole manager: silence, taints, eviction, pod ranges, pods of nodes that are gone."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.controllers.selection import UnknownController
from pybernetes.controllers.table import CONTROLLERS

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def taints(node: Obj | None) -> set[tuple[str, str]]:
    assert node is not None
    return {(t["key"], t["effect"]) for t in node["spec"].get("taints") or ()}


def ready(obj: Obj | None) -> str:
    assert obj is not None
    return next(c["status"] for c in obj["status"]["conditions"] if c["type"] == "Ready")


async def keep_renewing(world: World, name: str, seconds: float) -> None:
    for _ in range(int(seconds / 10)):
        await asyncio.sleep(10)
        await world.renew(name)


def test_a_silent_node_is_marked_tainted_and_its_pods_are_evicted_in_time() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.node("well")
        world.start(keep_renewing(world, "well", 3600))
        await world.client.create(kinds.POD, pod("patient", nodeName="n1"))
        hasty = pod("hasty", nodeName="n1")
        toleration = {
            "key": UNREACHABLE,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 20,
        }
        hasty = {**hasty, "spec": {**hasty["spec"], "tolerations": [toleration]}}
        await world.client.create(kinds.POD, hasty)
        forever = pod("forever", nodeName="n1")
        forever = {**forever, "spec": {**forever["spec"], "tolerations": [{"operator": "Exists"}]}}
        await world.client.create(kinds.POD, forever)
        await keep_renewing(world, "n1", 120)
        assert ready(await world.get(kinds.NODE, "n1", "")) == "True"
        world.stop_after = 1e9  # its kubelet is gone: nobody ends the pods
        await world.settle(45)
        assert ready(await world.get(kinds.NODE, "n1", "")) == "True"
        await world.settle(10)
        node = await world.get(kinds.NODE, "n1", "")
        assert ready(node) == "Unknown"
        assert taints(node) == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}
        for name in ("patient", "hasty", "forever"):
            assert ready(await world.get(kinds.POD, name)) == "False"
        await world.settle(30)
        assert await gone(world) == ["hasty"]
        await world.settle(300)
        assert await gone(world) == ["hasty", "patient"]

    play(story)


async def gone(world: World) -> list[str]:
    return [name_of(p) for p in await world.all(kinds.POD) if is_deleting(p)]


def test_a_node_that_is_heard_of_again_loses_its_taints() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.settle(80)
        assert taints(await world.get(kinds.NODE, "n1", ""))
        await world.renew("n1")
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
        await world.client.patch(
            kinds.NODE, "n1", "", {"status": {"conditions": conditions}}, subresource="status"
        )
        await world.settle(2)
        node = await world.get(kinds.NODE, "n1", "")
        assert (ready(node), taints(node)) == ("True", set())

    play(story)


def test_a_manager_that_was_down_gives_nodes_their_grace_before_it_judges() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.settle(3600)
        world.manager()
        await world.settle(20)
        node = await world.get(kinds.NODE, "n1", "")
        assert (ready(node), taints(node)) == ("True", set())
        await world.settle(40)
        assert ready(await world.get(kinds.NODE, "n1", "")) == "Unknown"

    play(story, selection=None)


def test_conditions_and_cordon_become_taints_and_foreign_taints_stay() -> None:
    async def story(world: World) -> None:
        own = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
        await world.node("well")
        await world.node("n1", unschedulable=True, taints=[own])
        conditions = [{"type": "Ready", "status": "False"}, {"type": "DiskPressure", "status": "True"}]
        await world.client.patch(
            kinds.NODE, "n1", "", {"status": {"conditions": conditions}}, subresource="status"
        )
        await world.settle(2)
        assert taints(await world.get(kinds.NODE, "n1", "")) == {
            ("dedicated", "NoSchedule"),
            ("node.kubernetes.io/unschedulable", "NoSchedule"),
            ("node.kubernetes.io/disk-pressure", "NoSchedule"),
            (NOT_READY, "NoSchedule"),
            (NOT_READY, "NoExecute"),
        }

    play(story)


def test_every_node_gets_its_own_share_of_the_pod_range() -> None:
    async def story(world: World) -> None:
        await asyncio.gather(*(world.node(f"n{number}") for number in range(20)))
        await world.settle(5)
        nodes = await world.all(kinds.NODE, "")
        shares = [ipaddress.ip_network(node["spec"]["podCIDR"]) for node in nodes]
        assert len(set(shares)) == 20
        assert all(share.prefixlen == 24 for share in shares)
        assert all(share.subnet_of(ipaddress.ip_network("10.244.0.0/16")) for share in shares)  # type: ignore[arg-type]
        assert all(node["spec"]["podCIDRs"] == [node["spec"]["podCIDR"]] for node in nodes)

    play(story)


def test_a_used_up_range_is_reported() -> None:
    async def story(world: World) -> None:
        for number in range(3):
            await world.node(f"n{number}")
        await world.settle(5)
        nodes = await world.all(kinds.NODE, "")
        assert sum("podCIDR" in node["spec"] for node in nodes) == 2
        reasons = [e["reason"] for e in await world.all(kinds.EVENT)]
        assert "CIDRNotAvailable" in reasons

    play(story, cluster_cidr="10.244.0.0/23")


def test_pods_of_a_node_that_is_gone_are_removed() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.client.create(kinds.POD, pod("homeless", nodeName="n1"))
        await world.settle(5)
        await world.client.delete(kinds.NODE, "n1")
        await world.settle(120)
        assert await world.all(kinds.POD) == []

    play(story)


DEFAULT = {c.name for c in CONTROLLERS} - {"bootstrap-signer-controller", "token-cleaner-controller"}


@pytest.mark.parametrize(
    ("selection", "names", "collector"),
    [
        ("*", DEFAULT, True),
        ("*,-garbage-collector-controller", DEFAULT, False),
        ("*,bootstrapsigner,tokencleaner", {c.name for c in CONTROLLERS}, True),
        ("-podgc,*", DEFAULT - {"pod-garbage-collector-controller"}, True),
        ("*,-service,-route", DEFAULT, True),
        ("ttl,-ttl", {"ttl-controller"}, False),
        (
            "*,-pod-garbage-collector-controller",
            DEFAULT - {"pod-garbage-collector-controller"},
            True,
        ),
        ("pod-garbage-collector-controller", {"pod-garbage-collector-controller"}, False),
        ("garbage-collector-controller", set(), True),
        (
            "deployment-controller, replicaset-controller",
            {"deployment-controller", "replicaset-controller"},
            False,
        ),
    ],
)
def test_controllers_are_chosen_by_their_whole_names(
    selection: str, names: set[str], collector: bool
) -> None:
    async def story(world: World) -> None:
        manager, _ = world.manager(selection)
        assert {loop.definition.name for loop in manager.manager.loops} == names
        assert (manager.collector is not None) is collector

    play(story, selection=None)


def test_an_unknown_controller_is_refused() -> None:
    async def story(world: World) -> None:
        with pytest.raises(UnknownController, match='"nonsense" is not in the list of known controllers'):
            world.manager("*,-nonsense")

    play(story, selection=None)
