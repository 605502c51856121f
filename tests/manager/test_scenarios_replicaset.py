"""ReplicaSets and ReplicationControllers by upstream's documentation: which pods go first, whose pods are whose."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, labels_of, name_of, uid_of
from pybernetes.lang.timestamps import rfc3339

BOTH = "replicaset-controller,replicationcontroller-controller,serviceaccount-controller"
FAMILIES = pytest.mark.parametrize("kind", [kinds.REPLICASET, kinds.REPLICATIONCONTROLLER], ids=["rs", "rc"])
COST = "controller.kubernetes.io/pod-deletion-cost"


def replica_set(kind: Kind, replicas: int, name: str = "own", app: str = "a", **spec: Any) -> Obj:
    selector: Obj = {"matchLabels": {"app": app}} if kind is kinds.REPLICASET else {"app": app}
    template = {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
    }
    full = {"replicas": replicas, "selector": selector, "template": template, **spec}
    return new_object(kind, name, "default", spec=full)


async def placed(world: World, name: str, given: dict[str, Any], app: str = "a") -> Obj:
    """A pod that a kubelet reported like this: on `node` ("" is none), in `phase`, ready for `ready` seconds (None: not),
    restarted so often."""
    made = pod(name, {"app": app}, **({"nodeName": given["node"]} if given.get("node") else {}))
    if "cost" in given:
        made = {**made, "metadata": {**made["metadata"], "annotations": {COST: given["cost"]}}}
    made = await world.client.create(kinds.POD, made)
    conditions = []
    if given.get("ready") is not None:
        since = rfc3339(world.env.now() - given["ready"])
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    container = {
        "name": "c",
        "image": "i",
        "imageID": "",
        "ready": bool(conditions),
        "restartCount": given.get("restarts", 0),
    }
    status = {
        "phase": given.get("phase", "Running"),
        "conditions": conditions,
        "containerStatuses": [container],
    }
    return await world.client.patch(kinds.POD, name, "default", {"status": status}, subresource="status")


async def left(world: World) -> list[str]:
    return [name_of(each) for each in await world.all(kinds.POD) if not is_deleting(each)]


ON = {"node": "n1", "ready": 1000}
# (name, pods, in the order in which they have to go)
ORDERS: tuple[tuple[str, dict[str, dict[str, Any]]], ...] = (
    ("unassigned first", {"z": {"phase": "Pending"}, "a": {**ON, "phase": "Pending", "ready": None}}),
    (
        "pending, then unknown, then running",
        {"z": {**ON, "phase": "Pending"}, "m": {**ON, "phase": "Unknown"}, "a": ON},
    ),
    ("not ready before ready", {"z": {**ON, "ready": None}, "a": ON}),
    ("the cheaper first, no cost is 0", {"z": {**ON, "cost": "-10"}, "m": ON, "a": {**ON, "cost": "10"}}),
    ("a cost counts only among those that are ready", {"z": {**ON, "ready": None, "cost": "99"}, "a": ON}),
    ("ready for a shorter time first", {"z": {**ON, "ready": 10}, "m": {**ON, "ready": 100}, "a": ON}),
    ("restarted more often first", {"z": {**ON, "restarts": 9}, "m": {**ON, "restarts": 2}, "a": ON}),
    (
        "where it runs comes before how long",
        {"z": {**ON, "node": "n2", "ready": 5}, "y": {**ON, "node": "n3", "ready": 9000}},
    ),
)


@FAMILIES
@pytest.mark.parametrize("pods", [pods for _, pods in ORDERS], ids=[name for name, _ in ORDERS])
def test_whom_scaling_down_takes_first(kind: Kind, pods: dict[str, dict[str, Any]]) -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        for number, (each, given) in enumerate(reversed(pods.items())):
            await placed(world, each, given)
            assert number < len(pods)
        await world.client.create(kind, replica_set(kind, len(pods)))
        await world.settle(3)
        order = [*pods]
        assert await left(world) == sorted(order), "all are adopted"
        while len(order) > 1:
            order.pop(0)
            await world.change(kind, "own", {"replicas": len(order)})
            await world.settle(40)
            assert await left(world) == sorted(order)

    play(story, BOTH)


def test_the_fuller_node_gives_first_and_the_pods_of_all_revisions_count() -> None:
    """A Deployment's other ReplicaSet has pods on n1; so of two otherwise equal pods the one on n1 goes."""

    async def story(world: World) -> None:
        world.ready_after = None
        owner = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "uid": "11111111-1111-1111-1111-111111111111",
            "controller": True,
        }
        await placed(world, "keeps", {**ON, "node": "n2", "ready": 1000})
        await placed(world, "goes", {**ON, "node": "n1", "ready": 1000})
        for number in range(2):
            await placed(world, f"other-{number}", ON, app="b")
        for name, app in (("own", "a"), ("sibling", "b")):
            made = replica_set(kinds.REPLICASET, 2, name, app)
            made = {**made, "metadata": {**made["metadata"], "ownerReferences": [owner]}}
            await world.client.create(kinds.REPLICASET, made)
        await world.settle(3)
        await world.change(kinds.REPLICASET, "own", {"replicas": 1})
        await world.settle(40)
        assert await left(world) == ["keeps", "other-0", "other-1"]

    play(story, BOTH)


def test_among_pods_of_about_the_same_age_chance_decides() -> None:
    """Ages are compared by powers of two: scaling down does not take the newest each time."""

    async def story(world: World) -> None:
        world.ready_after = None
        pods = [await placed(world, f"p{n}", {**ON, "ready": 10_000 + 10 * n}) for n in range(6)]
        await world.client.create(kinds.REPLICASET, replica_set(kinds.REPLICASET, 6))
        await world.settle(3)
        await world.change(kinds.REPLICASET, "own", {"replicas": 3})
        await world.settle(40)
        by_uid = sorted(pods, key=uid_of)
        assert await left(world) == sorted(map(name_of, by_uid[3:]))

    play(story, BOTH)


@FAMILIES
def test_pods_of_others_are_not_adopted_and_orphans_are_until_they_stop_matching(kind: Kind) -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        await placed(world, "orphan", ON)
        await placed(world, "ended", {**ON, "phase": "Succeeded", "ready": None})
        await world.client.create(kind, replica_set(kind, 2))
        await world.settle(5)
        found = await world.all(kinds.POD)
        assert {name_of(each) for each in found} >= {"orphan", "ended"}
        assert len(found) == 3, f"one more was made: what has ended does not count: {[*map(name_of, found)]}"
        owners = {name_of(each): (controller_ref_of(each) or {}).get("name") for each in found}
        assert owners["orphan"] == "own"
        # A second controller with the same selector gets none of them, and makes its own.
        await world.client.create(kind, replica_set(kind, 1, "rival"))
        await world.settle(5)
        owners = {
            name_of(each): (controller_ref_of(each) or {}).get("name") for each in await world.all(kinds.POD)
        }
        assert sorted(filter(None, owners.values())).count("rival") == 1
        # Released with its labels, it belongs to nobody, and is replaced.
        await world.client.patch(kinds.POD, "orphan", "default", {"metadata": {"labels": {"app": "away"}}})
        await world.settle(5)
        away = await world.client.get(kinds.POD, "orphan", "default")
        assert "ownerReferences" not in away["metadata"]
        assert len([p for p in await world.all(kinds.POD) if labels_of(p)["app"] == "a"]) >= 3
        # And back again: it is adopted, and there is one too many.
        await world.change(kind, "rival", {"replicas": 1})
        await world.client.patch(kinds.POD, "orphan", "default", {"metadata": {"labels": {"app": "a"}}})
        await world.settle(5)
        found = [p for p in await world.all(kinds.POD) if not is_deleting(p) and name_of(p) != "ended"]
        assert len(found) == 3

    play(story, BOTH)


@FAMILIES
def test_orphaning_leaves_pods_that_a_successor_takes_over(kind: Kind) -> None:
    async def story(world: World) -> None:
        await world.client.create(kind, replica_set(kind, 3))
        await world.settle(5)
        before = await left(world)
        await world.client.delete(kind, "own", "default", propagation="Orphan")
        await world.settle(5)
        assert await world.get(kind, "own") is None
        assert await left(world) == before
        await world.client.create(kind, replica_set(kind, 3, "successor"))
        await world.settle(5)
        assert await left(world) == before
        assert {(controller_ref_of(p) or {})["name"] for p in await world.all(kinds.POD)} == {"successor"}

    play(story, f"{BOTH},garbage-collector-controller")


@FAMILIES
def test_a_pod_that_goes_is_replaced_at_once_and_counted_as_terminating(kind: Kind) -> None:
    async def story(world: World) -> None:
        world.stop_after = 20.0
        template = replica_set(kind, 2)["spec"]["template"]
        template = {**template, "spec": {**template["spec"], "nodeName": "n1"}}
        await world.client.create(kind, replica_set(kind, 2, template=template))
        await world.settle(5)
        first = (await left(world))[0]
        await world.client.delete(kinds.POD, first, "default")
        await world.settle(5)
        assert len(await left(world)) == 2
        assert first not in await left(world)
        status = (await world.client.get(kind, "own", "default"))["status"]
        assert (status["replicas"], status["readyReplicas"]) == (2, 2)
        if kind is kinds.REPLICASET:
            assert status["terminatingReplicas"] == 1
        await world.settle(30)
        status = (await world.client.get(kind, "own", "default"))["status"]
        assert "terminatingReplicas" not in status

    play(story, BOTH)
