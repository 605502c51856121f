"""StatefulSets through a real API server in virtual time: order, names, storage, both ways of updating, stuck rollouts."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of
from pybernetes.controllers.history import POD_LABEL
from pybernetes.controllers.pods import is_ready
from pybernetes.controllers.statefulset import rolling
from pybernetes.controllers.statefulset.identity import POD_INDEX, POD_NAME, ordinal_of


def stateful_set(name: str = "web", replicas: int = 3, image: str = "nginx:1", **spec: Any) -> Obj:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    full = {
        "replicas": replicas,
        "serviceName": name,
        "selector": {"matchLabels": labels},
        "template": template,
    }
    return new_object(kinds.STATEFULSET, name, "default", spec={**full, **spec})


def update(**rolling_update: Any) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": rolling_update}


def new_image(image: str) -> Obj:
    return {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}


TEMPLATES = [
    {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
]


async def names(world: World) -> list[str]:
    return [name_of(each) for each in await world.all(kinds.POD)]


async def images(world: World) -> dict[str, str]:
    return {name_of(p): p["spec"]["containers"][0]["image"] for p in await world.all(kinds.POD)}


async def status(world: World, name: str = "web") -> Obj:
    found = await world.client.get(kinds.STATEFULSET, name, "default")
    return found["status"]  # type: ignore[no-any-return]


async def messages(world: World, reason: str) -> list[str]:
    return [e["message"] for e in await world.all(kinds.EVENT) if e["reason"] == reason]


def appeared(world: World) -> list[tuple[str, float]]:
    return [(name_of(each), at) for at, change, each in world.history if change == "ADDED"]


def deletions(world: World) -> list[str]:
    """The names of pods in the order in which they went."""
    return [name_of(each) for _, change, each in world.history if change == "DELETED"]


def test_pods_come_in_order_each_when_the_last_is_ready() -> None:
    async def story(world: World) -> None:
        world.ready_after = 5
        await world.client.create(kinds.STATEFULSET, stateful_set(minReadySeconds=10))
        await world.settle(60)
        (a, first), (b, second), (c, third) = appeared(world)
        assert (a, b, c) == ("web-0", "web-1", "web-2")
        assert second - first >= 14
        assert third - second >= 14
        seen = await status(world)
        revision = seen["currentRevision"]
        assert seen == {
            "replicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "currentReplicas": 3,
            "updatedReplicas": 3,
            "currentRevision": revision,
            "updateRevision": revision,
            "collisionCount": 0,
            "observedGeneration": 1,
        }
        one = await world.client.get(kinds.POD, "web-1", "default")
        assert (one["spec"]["hostname"], one["spec"]["subdomain"]) == ("web-1", "web")
        assert labels_of(one) == {"app": "web", POD_NAME: "web-1", POD_INDEX: "1", POD_LABEL: revision}
        assert "create Pod web-0 in StatefulSet web successful" in await messages(world, "SuccessfulCreate")

    play(story)


def test_in_parallel_nobody_waits() -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        await world.client.create(kinds.STATEFULSET, stateful_set(podManagementPolicy="Parallel", replicas=5))
        await world.settle(2)
        assert await names(world) == [f"web-{number}" for number in range(5)]
        await world.change(kinds.STATEFULSET, "web", {"replicas": 1})
        await world.settle(5)
        assert await names(world) == ["web-0"]

    play(story)


def test_scaling_down_removes_the_highest_first_one_at_a_time() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        bound = stateful_set()  # pods that are on a node take their time to stop
        template = bound["spec"]["template"]
        spec = {**bound["spec"], "template": {**template, "spec": {**template["spec"], "nodeName": "n1"}}}
        await world.client.create(kinds.STATEFULSET, {**bound, "spec": spec})
        await world.settle(10)
        world.stop_after = 3
        await world.change(kinds.STATEFULSET, "web", {"replicas": 0})
        await world.settle(2)
        assert [name_of(p) for p in await world.all(kinds.POD) if is_deleting(p)] == ["web-2"]
        await world.settle(20)
        assert deletions(world) == ["web-2", "web-1", "web-0"]
        assert await names(world) == []
        assert (await status(world))["replicas"] == 0
        assert "delete Pod web-2 in StatefulSet web successful" in await messages(world, "SuccessfulDelete")

    play(story)


def test_an_unhealthy_pod_keeps_scaling_waiting() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set())
        await world.settle(10)
        first = await world.client.get(kinds.POD, "web-0", "default")
        await world.set_pod_status(first, {"phase": "Running"}, ready=False)
        await world.change(kinds.STATEFULSET, "web", {"replicas": 1})
        await world.settle(20)
        assert await names(world) == ["web-0", "web-1", "web-2"]
        await world.change(kinds.STATEFULSET, "web", {"replicas": 4})
        await world.settle(20)
        assert await names(world) == ["web-0", "web-1", "web-2"]
        await world.set_pod_status(first, {"phase": "Running"}, ready=True)
        await world.settle(10)
        assert await names(world) == ["web-0", "web-1", "web-2", "web-3"]

    play(story)


def test_an_unhealthy_pod_beyond_the_end_may_go() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set())
        await world.settle(10)
        last = await world.client.get(kinds.POD, "web-2", "default")
        await world.set_pod_status(last, {"phase": "Running"}, ready=False)
        await world.change(kinds.STATEFULSET, "web", {"replicas": 1})
        await world.settle(20)
        assert await names(world) == ["web-0"]

    play(story)


@pytest.mark.parametrize("end", ["Failed", "Succeeded"])
def test_pods_that_end_are_made_again_under_their_name(end: str) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=2))
        await world.settle(10)
        old = await world.client.get(kinds.POD, "web-0", "default")
        await world.set_pod_status(old, {"phase": end}, ready=False)
        await world.settle(10)
        new = await world.client.get(kinds.POD, "web-0", "default")
        assert new["metadata"]["uid"] != old["metadata"]["uid"]
        assert is_ready(new)

    play(story)


def test_ordinals_may_start_elsewhere() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=2, ordinals={"start": 5}))
        await world.settle(10)
        assert await names(world) == ["web-5", "web-6"]
        await world.change(kinds.STATEFULSET, "web", {"ordinals": {"start": 6}})
        await world.settle(20)
        assert await names(world) == ["web-6", "web-7"]

    play(story)


def test_an_update_goes_from_the_last_to_the_first() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set())
        await world.settle(10)
        before = (await status(world))["currentRevision"]
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:2"))
        await world.settle(1.5)
        seen = await status(world)
        assert seen["currentRevision"] == before
        assert seen["updateRevision"] != before
        await world.settle(20)
        assert deletions(world) == ["web-2", "web-1", "web-0"]
        assert set((await images(world)).values()) == {"nginx:2"}
        seen = await status(world)
        assert seen["currentRevision"] == seen["updateRevision"] != before
        assert (seen["currentReplicas"], seen["updatedReplicas"]) == (3, 3)

    play(story)


def test_a_partition_keeps_lower_ordinals_old_even_when_they_are_made_anew() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(updateStrategy=update(partition=2)))
        await world.settle(10)
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:2"))
        await world.settle(10)
        assert await images(world) == {"web-0": "nginx:1", "web-1": "nginx:1", "web-2": "nginx:2"}
        await world.client.delete(kinds.POD, "web-0", "default")
        await world.settle(10)
        assert (await images(world))["web-0"] == "nginx:1"
        seen = await status(world)
        assert (seen["currentReplicas"], seen["updatedReplicas"]) == (2, 1)
        await world.change(kinds.STATEFULSET, "web", {"updateStrategy": {"rollingUpdate": {"partition": 0}}})
        await world.settle(20)
        assert set((await images(world)).values()) == {"nginx:2"}

    play(story)


def test_max_unavailable_lets_several_go_at_once() -> None:
    async def story(world: World) -> None:
        spec = stateful_set(
            replicas=4, updateStrategy=update(maxUnavailable="50%"), podManagementPolicy="Parallel"
        )
        await world.client.create(kinds.STATEFULSET, spec)
        await world.settle(10)
        world.ready_after = None
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:broken"))
        await world.settle(20)
        broken = {"web-0": "nginx:1", "web-1": "nginx:1", "web-2": "nginx:broken", "web-3": "nginx:broken"}
        assert await images(world) == broken
        world.ready_after = 1
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:3"))
        await world.settle(20)
        assert set((await images(world)).values()) == {"nginx:3"}, "broken pods go regardless"

    play(story)


@pytest.mark.parametrize(
    ("value", "replicas", "expected"), [(None, 5, 1), (3, 5, 3), ("50%", 5, 2), ("10%", 5, 1), ("100%", 5, 5)]
)
def test_max_unavailable_is_rounded_down_but_at_least_one(value: Any, replicas: int, expected: int) -> None:
    given = {} if value is None else {"maxUnavailable": value}
    assert (
        rolling.max_unavailable(stateful_set(replicas=replicas, updateStrategy=update(**given))) == expected
    )


def test_a_broken_update_in_order_is_stuck_until_somebody_deletes_the_pod() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set())
        await world.settle(10)
        world.ready_after = None
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:broken"))
        await world.settle(20)
        world.ready_after = 1
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:1"))
        await world.settle(60)
        assert await images(world) == {"web-0": "nginx:1", "web-1": "nginx:1", "web-2": "nginx:broken"}
        await world.client.delete(kinds.POD, "web-2", "default")
        await world.settle(20)
        assert set((await images(world)).values()) == {"nginx:1"}

    play(story)


def test_on_delete_waits_for_somebody_to_delete() -> None:
    async def story(world: World) -> None:
        await world.client.create(
            kinds.STATEFULSET, stateful_set(replicas=2, updateStrategy={"type": "OnDelete"})
        )
        await world.settle(10)
        await world.change(kinds.STATEFULSET, "web", new_image("nginx:2"))
        await world.settle(20)
        assert set((await images(world)).values()) == {"nginx:1"}
        await world.client.delete(kinds.POD, "web-0", "default")
        await world.settle(10)
        assert await images(world) == {"web-0": "nginx:2", "web-1": "nginx:1"}

    play(story)


def test_history_is_kept_to_its_limit_and_taken_up_again() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=1, revisionHistoryLimit=1))
        for image in ("nginx:2", "nginx:3", "nginx:2"):
            await world.settle(10)
            await world.change(kinds.STATEFULSET, "web", new_image(image))
        await world.settle(20)
        found = {
            r["revision"]: r["data"]["spec"]["template"]["spec"]["containers"][0]["image"]
            for r in await world.all(kinds.CONTROLLERREVISION)
        }
        assert found == {3: "nginx:3", 4: "nginx:2"}
        assert (await images(world)) == {"web-0": "nginx:2"}

    play(story)


def test_a_taken_name_is_a_collision() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=1))
        await world.settle(5)
        (mine,) = await world.all(kinds.CONTROLLERREVISION)
        await world.client.delete(kinds.STATEFULSET, "web", "default", propagation="Background")
        await world.settle(10)
        assert await world.all(kinds.CONTROLLERREVISION) == []
        foreign = new_object(kinds.CONTROLLERREVISION, name_of(mine), "default")
        await world.client.create(kinds.CONTROLLERREVISION, {**foreign, "data": {"other": 1}, "revision": 1})
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=1))
        await world.settle(10)
        seen = await status(world)
        assert seen["collisionCount"] == 1
        assert seen["currentRevision"] != name_of(mine)
        assert seen["readyReplicas"] == 1

    play(story)


def test_claims_are_made_before_pods_and_stay_when_scaled_down() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=2, volumeClaimTemplates=TEMPLATES))
        await world.settle(10)
        held = await world.all(kinds.PERSISTENTVOLUMECLAIM)
        assert [name_of(each) for each in held] == ["data-web-0", "data-web-1"]
        assert labels_of(held[0]) == {"app": "web"}
        assert all("ownerReferences" not in each["metadata"] for each in held)
        one = await world.client.get(kinds.POD, "web-1", "default")
        assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}} in one["spec"][
            "volumes"
        ]
        told = await messages(world, "SuccessfulCreate")
        assert "create Claim data-web-0 Pod web-0 in StatefulSet web success" in told
        await world.change(kinds.STATEFULSET, "web", {"replicas": 1})
        await world.settle(20)
        assert len(await world.all(kinds.PERSISTENTVOLUMECLAIM)) == 2

    play(story)


async def leaving(world: World) -> list[str]:
    """Claims that are being deleted or gone, of two."""
    held = {name_of(e): e for e in await world.all(kinds.PERSISTENTVOLUMECLAIM)}
    return [name for name in ("data-web-0", "data-web-1") if name not in held or is_deleting(held[name])]


@pytest.mark.parametrize(
    ("when_scaled", "when_deleted", "after_scaling", "after_deleting"),
    [
        ("Retain", "Retain", [], []),
        ("Delete", "Retain", ["data-web-1"], ["data-web-1"]),
        ("Retain", "Delete", [], ["data-web-0", "data-web-1"]),
        ("Delete", "Delete", ["data-web-1"], ["data-web-0", "data-web-1"]),
    ],
)
def test_the_retention_policy_decides_when_claims_go(
    when_scaled: str, when_deleted: str, after_scaling: list[str], after_deleting: list[str]
) -> None:
    policy = {"whenScaled": when_scaled, "whenDeleted": when_deleted}

    async def story(world: World) -> None:
        spec = stateful_set(
            replicas=2, volumeClaimTemplates=TEMPLATES, persistentVolumeClaimRetentionPolicy=policy
        )
        await world.client.create(kinds.STATEFULSET, spec)
        await world.settle(10)
        await world.change(kinds.STATEFULSET, "web", {"replicas": 1})
        await world.settle(20)
        assert await leaving(world) == after_scaling
        await world.client.delete(kinds.STATEFULSET, "web", "default", propagation="Background")
        await world.settle(20)
        assert await leaving(world) == after_deleting

    play(story)


def test_a_policy_that_changes_changes_the_owners() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=1, volumeClaimTemplates=TEMPLATES))
        await world.settle(10)
        policy = "persistentVolumeClaimRetentionPolicy"
        for when, owners in (("Delete", ["StatefulSet"]), ("Retain", [])):
            await world.change(
                kinds.STATEFULSET, "web", {policy: {"whenDeleted": when, "whenScaled": "Retain"}}
            )
            await world.settle(5)
            (held,) = await world.all(kinds.PERSISTENTVOLUMECLAIM)
            assert [ref["kind"] for ref in held["metadata"].get("ownerReferences") or ()] == owners

    play(story)


def test_only_pods_of_the_right_name_are_adopted() -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        await world.client.create(kinds.POD, pod("web-0", {"app": "web"}))
        await world.client.create(kinds.POD, pod("web-x", {"app": "web"}))
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=1))
        await world.settle(5)
        owners = {
            name_of(p): len(p["metadata"].get("ownerReferences") or ()) for p in await world.all(kinds.POD)
        }
        assert owners == {"web-0": 1, "web-x": 0}

    play(story)


def test_labels_of_identity_come_back() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STATEFULSET, stateful_set(replicas=1))
        await world.settle(5)
        await world.client.patch(kinds.POD, "web-0", "default", {"metadata": {"labels": {POD_NAME: None}}})
        await world.settle(5)
        assert labels_of(await world.client.get(kinds.POD, "web-0", "default"))[POD_NAME] == "web-0"
        assert await messages(world, "SuccessfulUpdate") == ["update Pod web-0 in StatefulSet web successful"]

    play(story)


@pytest.mark.parametrize(
    ("name", "ordinal"), [("web-0", 0), ("web-12", 12), ("web", None), ("web-x", None), ("other-0", None)]
)
def test_ordinals_are_read_from_names(name: str, ordinal: int | None) -> None:
    assert ordinal_of(stateful_set(), pod(name)) == ordinal
