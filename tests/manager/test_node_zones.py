"""How fast lost nodes are emptied: the modes of zones as a table, then real durations in virtual time."""

from __future__ import annotations

import pytest
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.control.definition import Settings
from pybernetes.controllers.nodelifecycle.zones import Disruption, Mode, mode_of
from pybernetes.lang.timestamps import parse

UNREACHABLE = "node.kubernetes.io/unreachable"


@pytest.mark.parametrize(
    ("ready", "lost", "mode"),
    [
        (3, 0, "Normal"),
        (0, 0, "Normal"),
        (0, 1, "FullDisruption"),
        (1, 2, "Normal"),  # two lost nodes are never a disruption
        (2, 3, "PartialDisruption"),
        (3, 3, "Normal"),
        (9, 11, "PartialDisruption"),
    ],
)
def test_modes(ready: int, lost: int, mode: Mode) -> None:
    assert mode_of(ready, lost, 0.55) == mode


@pytest.mark.parametrize(
    ("zone", "wait"),
    [
        (Disruption(), 0.0),
        (Disruption(last=100.0), 4.0),
        (Disruption(last=90.0), 0.0),
        (Disruption("FullDisruption", last=100.0), 4.0),
        (Disruption("FullDisruption", everywhere=True), None),
        (Disruption("PartialDisruption", 50), None),
        (Disruption("PartialDisruption", 51, last=100.0), 94.0),
    ],
)
def test_waits(zone: Disruption, wait: float | None) -> None:
    assert zone.wait(106.0, Settings()) == wait


def emptied(node: Obj) -> float | None:
    taints = [t for t in node["spec"].get("taints") or () if t["effect"] == "NoExecute"]
    return parse(taints[0]["timeAdded"]) if taints else None


async def alive(world: World, *names: str) -> None:
    while True:
        for name in names:
            await world.renew(name)
        await world.settle(10)


async def emptied_at(world: World) -> list[float]:
    return sorted(at for node in await world.all(kinds.NODE, "") if (at := emptied(node)) is not None)


def test_two_of_five_nodes_are_emptied_ten_seconds_apart() -> None:
    async def story(world: World) -> None:
        for number in range(5):
            await world.node(f"n{number}")
        world.start(alive(world, "n0", "n1", "n2"))
        await world.settle(120)
        first, second = await emptied_at(world)
        assert 10 <= second - first < 12

    play(story, "node-lifecycle-controller")


def test_nothing_is_emptied_when_most_of_a_small_cluster_or_all_of_it_is_lost() -> None:
    async def story(world: World) -> None:
        for number in range(5):
            await world.node(f"n{number}")
        heard = world.start(alive(world, "n0"))
        await world.settle(200)
        lost = [
            node
            for node in await world.all(kinds.NODE, "")
            if {"key": UNREACHABLE, "effect": "NoSchedule"} in (node["spec"].get("taints") or ())
        ]
        assert len(lost) == 4
        assert len(await emptied_at(world)) <= 2, "the first two, before it was seen how many are lost"
        heard.cancel()
        await world.settle(200)
        assert await emptied_at(world) == [], "everything is lost: it is rather the control plane"

    play(story, "node-lifecycle-controller")
