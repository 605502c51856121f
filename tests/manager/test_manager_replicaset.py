"""ReplicaSets through the whole manager: numbers, adoption, release, whom to delete; and what one bad object may not do."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, name_of, uid_of
from pybernetes.controllers.replicaset.ranking import deletion_order
from pybernetes.lang.timestamps import parse


def replica_set(name: str = "rs", replicas: int = 2, **spec: Any) -> Obj:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    full = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    return new_object(kinds.REPLICASET, name, "default", spec=full)


async def owned(world: World, owner: Obj) -> set[str]:
    pods = await world.all(kinds.POD)
    return {name_of(p) for p in pods if (ref := controller_ref_of(p)) and ref["uid"] == uid_of(owner)}


def test_matching_orphans_are_adopted_and_count() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.POD, pod("stray", {"app": "rs"}))
        await world.client.create(kinds.POD, pod("foreign", {"app": "rs"}, namespace="kube-public"))
        await world.settle(5)
        rs = await world.client.create(kinds.REPLICASET, replica_set(replicas=2))
        await world.settle()
        found = await owned(world, rs)
        assert len(found) == 2
        assert "stray" in found
        foreign = await world.get(kinds.POD, "foreign", "kube-public")
        assert foreign is not None
        assert controller_ref_of(foreign) is None

    play(story)


def test_a_pod_that_no_longer_matches_is_released_and_replaced() -> None:
    async def story(world: World) -> None:
        rs = await world.client.create(kinds.REPLICASET, replica_set(replicas=2))
        await world.settle()
        name = min(await owned(world, rs))
        await world.client.patch(kinds.POD, name, "default", {"metadata": {"labels": {"app": "debug"}}})
        await world.settle()
        released = await world.get(kinds.POD, name)
        assert released is not None
        assert controller_ref_of(released) is None
        assert not is_deleting(released)
        assert len(await owned(world, rs)) == 2
        assert name not in await owned(world, rs)

    play(story)


def test_finished_and_deleted_pods_are_replaced() -> None:
    async def story(world: World) -> None:
        rs = await world.client.create(kinds.REPLICASET, replica_set(replicas=2))
        await world.settle()
        first, second = sorted(await owned(world, rs))
        await world.client.delete(kinds.POD, first, "default")
        gone = await world.get(kinds.POD, second)
        assert gone is not None
        await world.set_pod_status(gone, {"phase": "Failed"}, ready=False)
        await world.settle()
        alive = [p for p in await world.all(kinds.POD) if p["status"].get("phase") == "Running"]
        assert len(alive) == 2
        assert {first, second}.isdisjoint(map(name_of, alive))

    play(story)


def test_min_ready_seconds_delays_availability() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.REPLICASET, replica_set(minReadySeconds=30))
        await world.settle(20)
        rs = await world.get(kinds.REPLICASET, "rs")
        assert rs is not None
        assert (rs["status"]["readyReplicas"], rs["status"].get("availableReplicas", 0)) == (2, 0)
        await world.settle(15)
        rs = await world.get(kinds.REPLICASET, "rs")
        assert rs is not None
        assert rs["status"]["availableReplicas"] == 2

    play(story)


@pytest.mark.parametrize("replicas", [1, 37, 600])
def test_exactly_as_many_pods_are_made_as_wanted(replicas: int) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.REPLICASET, replica_set(replicas=replicas))
        await world.settle(60)
        assert len({uid_of(p) for _, change, p in world.history if change == "ADDED"}) == replicas
        await world.change(kinds.REPLICASET, "rs", {"replicas": 0})
        await world.settle(60)
        assert await world.all(kinds.POD) == []
        assert len({uid_of(p) for _, change, p in world.history if change == "ADDED"}) == replicas

    play(story)


def test_one_bad_object_does_not_stop_the_work_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from pybernetes.controllers.replicaset import plan as module

    original = module.from_label_selector

    def poisoned(tree: Any) -> Any:
        if tree["matchLabels"]["app"] == "poison":
            raise KeyError("poison")
        return original(tree)

    monkeypatch.setattr(module, "from_label_selector", poisoned)

    async def story(world: World) -> None:
        for name in ("poison", "fine"):
            await world.client.create(kinds.REPLICASET, replica_set(name))
        await world.client.create(kinds.POD, pod("orphan", {"app": "fine"}))
        await world.settle(60)
        fine = await world.get(kinds.REPLICASET, "fine")
        assert fine is not None
        assert fine["status"]["readyReplicas"] == 2
        poison = await world.get(kinds.REPLICASET, "poison")
        assert poison is not None
        assert await owned(world, poison) == set()

    play(story)


def ranked(name: str, *, node: str = "n", phase: str = "Running", ready: str = "", **more: Any) -> Obj:
    """A pod for ranking; `ready` is since when it is ready."""
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": ready}] if ready else []
    restarts = [{"restartCount": more.get("restarts", 0)}]
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": more.get("created", "2026-01-01T00:00:00Z"),
            "annotations": {"controller.kubernetes.io/pod-deletion-cost": more.get("cost", "0")},
        },
        "spec": {"nodeName": node},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": restarts},
    }


NOON, LATER = "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ranked("x", node="", phase="Pending"), ranked("a", phase="Pending")),
        (ranked("x", phase="Pending"), ranked("a")),
        (ranked("x"), ranked("a", ready=NOON)),
        (ranked("x", ready=NOON, cost="-5"), ranked("a", ready=NOON)),
        (ranked("x", ready=NOON, node="crowded"), ranked("a", ready=NOON)),
        (ranked("x", ready=LATER), ranked("a", ready=NOON)),
        (ranked("x", ready=NOON, restarts=4), ranked("a", ready=NOON)),
        (ranked("x", ready=NOON, created=LATER), ranked("a", ready=NOON)),
        (ranked("x", ready=NOON, cost="-1"), ranked("a", ready=NOON, node="crowded", cost="nonsense")),
    ],
    ids=[
        "unassigned",
        "pending",
        "not ready",
        "cheaper",
        "crowded",
        "newly ready",
        "restarts",
        "newer",
        "order",
    ],
)
def test_whom_to_delete_first(first: Obj, second: Obj) -> None:
    crowd, now = {"crowded": 3, "n": 1}, parse("2026-01-01T14:30:00Z")
    assert [p["metadata"]["name"] for p in deletion_order([second, first], crowd, now)] == ["x", "a"]
