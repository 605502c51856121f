"""Budgets and evictions by upstream's documentation: whom a budget protects, and from what (KEP-3017)."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, deployment, play, pod

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Invalid, TooManyRequests
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of

CONTROLLERS = "disruption-controller,deployment-controller,replicaset-controller,serviceaccount-controller"
VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."


def budget(name: str = "b", **spec: Any) -> Obj:
    full = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return new_object(kinds.PODDISRUPTIONBUDGET, name, "default", spec=full)


async def evict(world: World, name: str, **options: Any) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": "default"},
        **({"deleteOptions": options} if options else {}),
    }
    await world.client.create(kinds.POD, body, subresource="eviction", name=name)


async def is_evicted(world: World, name: str) -> bool:
    """Whether the eviction is let through; a refusal is by the budget, in upstream's words."""
    try:
        await evict(world, name)
    except TooManyRequests as error:
        if error.message.startswith(VIOLATED):
            return False
        raise
    return True


async def pods(world: World, **phases: str) -> None:
    """Pods on a node, by name: `ready`, `unready`, or a phase."""
    world.ready_after = None
    for name, state in phases.items():
        made = pod(name.replace("_", "-"), {"app": "web"}, nodeName="n1")
        found = await world.client.create(kinds.POD, made)
        if state in ("ready", "unready"):
            await world.set_pod_status(found, {"phase": "Running"}, ready=state == "ready")
        elif state != "Pending":
            await world.set_pod_status(found, {"phase": state}, ready=False)
    await world.settle(2)


# (the budget, the pods, which of them may be evicted each by itself)
WHO: tuple[tuple[str, dict[str, Any], dict[str, str], dict[str, bool]], ...] = (
    ("room for one", {"minAvailable": 1}, {"a": "ready", "b": "ready"}, {"a": True}),
    ("no room", {"minAvailable": 2}, {"a": "ready", "b": "ready"}, {"a": False, "b": False}),
    ("one that is not ready is not a loss", {"minAvailable": 1}, {"a": "ready", "b": "unready"}, {"b": True}),
    (
        "by default it is protected too while too few are ready",
        {"minAvailable": 2},
        {"a": "ready", "b": "unready"},
        {"a": False, "b": False},
    ),
    (
        "AlwaysAllow lets it go",
        {"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
        {"a": "ready", "b": "unready"},
        {"a": False, "b": True},
    ),
    (
        "IfHealthyBudget says the default",
        {"minAvailable": 2, "unhealthyPodEvictionPolicy": "IfHealthyBudget"},
        {"a": "ready", "b": "unready"},
        {"b": False},
    ),
    (
        "what has ended, or has not begun, is nobody's loss",
        {"minAvailable": 5},
        {"a": "ready", "b": "Succeeded", "c": "Failed", "d": "Pending"},
        {"a": False, "b": True, "c": True, "d": True},
    ),
    ("minAvailable 0 protects nothing", {"minAvailable": 0}, {"a": "ready"}, {"a": True}),
)


@pytest.mark.parametrize(("spec", "phases", "evicted"), [row[1:] for row in WHO], ids=[row[0] for row in WHO])
def test_who_may_be_evicted(spec: dict[str, Any], phases: dict[str, str], evicted: dict[str, bool]) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(**spec))
        await pods(world, **phases)
        for name, expected in evicted.items():
            assert await is_evicted(world, name) == expected, name

    play(story, CONTROLLERS)


# (spec, replicas, allowed, healthy that are needed): percentages are rounded up
COUNTS = (
    ({"maxUnavailable": 1}, 4, 1, 3),
    ({"maxUnavailable": "30%"}, 7, 3, 4),
    ({"maxUnavailable": "0%"}, 7, 0, 7),
    ({"maxUnavailable": "100%"}, 3, 3, 0),
    ({"minAvailable": "50%"}, 7, 3, 4),
    ({"minAvailable": "100%"}, 3, 0, 3),
    ({"minAvailable": 2}, 3, 1, 2),
)


@pytest.mark.parametrize(("spec", "replicas", "allowed", "needed"), COUNTS)
def test_how_many_may_go(spec: dict[str, Any], replicas: int, allowed: int, needed: int) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(**spec))
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=replicas))
        await world.settle(10)
        status = (await world.client.get(kinds.PODDISRUPTIONBUDGET, "b", "default"))["status"]
        assert (status["disruptionsAllowed"], status["desiredHealthy"]) == (allowed, needed)
        assert (status["currentHealthy"], status["expectedPods"]) == (replicas, replicas)
        (condition,) = status["conditions"]
        assert condition["reason"] == ("SufficientPods" if allowed else "InsufficientPods")
        # While it is scaled down, what is still there counts, and what is wanted decides.
        await world.change(kinds.DEPLOYMENT, "web", {"replicas": 1})
        await world.settle(40)
        status = (await world.client.get(kinds.PODDISRUPTIONBUDGET, "b", "default"))["status"]
        if "minAvailable" not in spec or isinstance(spec["minAvailable"], str):
            assert status["expectedPods"] == 1

    play(story, CONTROLLERS)


def test_a_drain_goes_on_as_pods_come_up_elsewhere() -> None:
    """Of four pods, one may be missing: each eviction waits until the one before it has been replaced."""

    async def story(world: World) -> None:
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable=1))
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=4))
        await world.settle(10)
        world.ready_after = 20.0
        todo = [name_of(each) for each in await world.all(kinds.POD)]
        began = world.env.now()
        while todo:
            if await is_evicted(world, todo[0]):
                todo.pop(0)
            ready = [
                each
                for each in await world.all(kinds.POD)
                if not is_deleting(each)
                and any(
                    c["type"] == "Ready" and c["status"] == "True"
                    for c in each["status"].get("conditions") or ()
                )
            ]
            assert len(ready) >= 3
            await world.settle(5)
        assert 60 <= world.env.now() - began <= 90

    play(story, CONTROLLERS)


def test_an_eviction_is_a_deletion_with_its_options() -> None:
    async def story(world: World) -> None:
        world.stop_after = 30.0
        await pods(world, a="ready", b="ready")
        found = await world.client.get(kinds.POD, "a", "default")
        with pytest.raises(ApiError, match=r"precondition|UID"):
            await evict(world, "a", preconditions={"uid": "another"})
        await evict(world, "a", preconditions={"uid": found["metadata"]["uid"]}, gracePeriodSeconds=7)
        going = await world.client.get(kinds.POD, "a", "default")
        assert going["metadata"]["deletionGracePeriodSeconds"] == 7
        target = next(c for c in going["status"]["conditions"] if c["type"] == "DisruptionTarget")
        assert (target["status"], target["reason"]) == ("True", "EvictionByEvictionAPI")
        assert target["message"] == "Eviction API: evicting"
        await evict(world, "b", dryRun=["All"])
        assert not is_deleting(await world.client.get(kinds.POD, "b", "default"))

    play(story, CONTROLLERS)


def test_what_cannot_be_is_refused() -> None:
    async def story(world: World) -> None:
        for spec, message in (
            ({"minAvailable": 1, "maxUnavailable": 1}, "minAvailable and maxUnavailable cannot be both set"),
            ({"minAvailable": "1.5%"}, "must be an integer or percentage|a valid percent string"),
            ({"maxUnavailable": "200%"}, "must not be greater than 100%"),
            ({"minAvailable": -1}, "must be greater than or equal to 0"),
            ({"minAvailable": 1, "unhealthyPodEvictionPolicy": "Never"}, "AlwaysAllow"),
        ):
            with pytest.raises(Invalid, match=message):
                await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(**spec))

    play(story, CONTROLLERS)
