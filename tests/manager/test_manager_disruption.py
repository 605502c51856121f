"""PodDisruptionBudgets through a real API server in virtual time: what is allowed, evictions, disruptions that do not come."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, deployment, play, pod

from pybernetes.api import kinds
from pybernetes.api.errors import InternalError, TooManyRequests
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.controllers.disruption.expected import Expected, Owners, Uncountable, expected
from pybernetes.controllers.pods import condition
from pybernetes.lang.timestamps import rfc3339

LABELS = {"app": "web"}


def budget(name: str = "pdb", selector: Obj | None = None, **spec: Any) -> Obj:
    chosen = {"matchLabels": LABELS} if selector is None else selector
    return new_object(kinds.PODDISRUPTIONBUDGET, name, "default", spec={"selector": chosen, **spec})


async def status(world: World, name: str = "pdb") -> Obj:
    found = await world.client.get(kinds.PODDISRUPTIONBUDGET, name, "default")
    return found["status"]  # type: ignore[no-any-return]


async def counts(world: World) -> tuple[int, int, int, int]:
    seen = await status(world)
    return tuple(  # type: ignore[return-value]
        seen[field] for field in ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    )


async def allowed(world: World) -> tuple[str, str]:
    (entry,) = (await status(world))["conditions"]
    assert entry["type"] == "DisruptionAllowed"
    return entry["status"], entry["reason"]


async def events(world: World) -> dict[str, str]:
    return {e["reason"]: e["message"] for e in await world.all(kinds.EVENT)}


async def evict(world: World, name: str) -> None:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": "default"},
    }
    await world.client.create(kinds.POD, eviction, subresource="eviction", name=name)


@pytest.mark.parametrize(
    ("spec", "pods", "replicas", "result"),
    [
        ({"minAvailable": 2}, 3, 9, Expected(3, 2)),
        ({"minAvailable": 0}, 3, 9, Expected(3, 0)),
        ({"minAvailable": "50%"}, 3, 5, Expected(5, 3)),
        ({"minAvailable": "100%"}, 3, 5, Expected(5, 5)),
        ({"maxUnavailable": 1}, 3, 5, Expected(5, 4)),
        ({"maxUnavailable": 9}, 3, 5, Expected(5, 0)),
        ({"maxUnavailable": "30%"}, 3, 7, Expected(7, 4)),
        ({"maxUnavailable": 0}, 3, 5, Expected(5, 5)),
        ({}, 3, 5, Expected(0, 0)),
    ],
)
def test_how_many_must_be_healthy(spec: Obj, pods: int, replicas: int, result: Expected) -> None:
    selected = [pod(f"p{number}") for number in range(pods)]
    assert expected(budget(**spec), selected, Owners({"uid": replicas})) == result


def test_owners_that_are_gone_make_it_uncountable_but_for_a_plain_number() -> None:
    lost = Owners({}, homeless="p0")
    with pytest.raises(Uncountable, match='found no controllers for pod "p0"'):
        expected(budget(maxUnavailable=1), [pod("p0")], lost)
    assert expected(budget(minAvailable=1), [pod("p0")], lost) == Expected(1, 1)


def test_a_budget_follows_its_deployment() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable="50%"))
        await world.settle(2)
        assert await counts(world) == (0, 0, 0, 0)
        assert await allowed(world) == ("False", "InsufficientPods")
        assert (await events(world))["NoPods"] == "No matching pods found"
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=4))
        await world.settle(5)
        assert await counts(world) == (4, 2, 4, 2)
        assert await allowed(world) == ("True", "SufficientPods")
        world.ready_after = None
        await world.change(kinds.DEPLOYMENT, "web", {"replicas": 8})
        await world.settle(5)
        assert await counts(world) == (8, 4, 4, 0)

    play(story)


@pytest.mark.parametrize("kind", [kinds.REPLICASET, kinds.REPLICATIONCONTROLLER, kinds.STATEFULSET])
def test_every_kind_with_replicas_counts(kind: Any) -> None:
    async def story(world: World) -> None:
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        selector: Obj = LABELS if kind is kinds.REPLICATIONCONTROLLER else {"matchLabels": LABELS}
        spec = {"replicas": 3, "selector": selector, "template": template}
        await world.client.create(kind, new_object(kind, "web", "default", spec=spec))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable=1))
        await world.settle(20)
        assert await counts(world) == (3, 2, 3, 1)

    play(story)


def test_an_owner_without_a_scale_fails_safe() -> None:
    async def story(world: World) -> None:
        pod_spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
        job = {"template": {"metadata": {"labels": LABELS}, "spec": pod_spec}}
        await world.client.create(kinds.JOB, new_object(kinds.JOB, "j", "default", spec=job))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable=1))
        await world.settle(5)
        assert (await status(world))["disruptionsAllowed"] == 0
        (entry,) = (await status(world))["conditions"]
        assert (entry["reason"], entry["message"]) == (
            "SyncFailed",
            "jobs.batch does not implement the scale subresource",
        )
        assert (await events(world))["CalculateExpectedPodCountFailed"] == (
            "Failed to calculate the number of expected pods: jobs.batch does not implement the scale subresource"
        )

    play(story)


CUSTOM = {
    "group": "example.org",
    "scope": "Namespaced",
    "names": {"plural": "fleets", "singular": "fleet", "kind": "Fleet", "listKind": "FleetList"},
    "versions": [
        {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            "subresources": {
                "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
            },
        }
    ],
}


def test_the_scale_of_a_custom_owner_is_asked_for() -> None:
    async def story(world: World) -> None:
        definition = new_object(kinds.CUSTOMRESOURCEDEFINITION, "fleets.example.org", spec=CUSTOM)
        await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, definition)
        await world.settle(2)
        fleets = Kind(group="example.org", version="v1", kind="Fleet", plural="fleets", namespaced=True)
        fleet = await world.client.create(fleets, new_object(fleets, "f", "default", spec={"replicas": 10}))
        ref = {
            "apiVersion": "example.org/v1",
            "kind": "Fleet",
            "name": "f",
            "uid": fleet["metadata"]["uid"],
            "controller": True,
        }
        for number in range(4):
            made = pod(f"p{number}", LABELS)
            await world.client.create(
                kinds.POD, {**made, "metadata": {**made["metadata"], "ownerReferences": [ref]}}
            )
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable="70%"))
        await world.settle(5)
        assert await counts(world) == (10, 3, 4, 1)

    play(story, selection="*,-garbage-collector-controller")


def test_pods_without_owner_are_told_of_and_count_for_plain_numbers() -> None:
    async def story(world: World) -> None:
        for number in range(3):
            await world.client.create(kinds.POD, pod(f"p{number}", LABELS))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(minAvailable=2))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget("other", maxUnavailable=1))
        await world.settle(5)
        assert await counts(world) == (3, 2, 3, 1)
        told = (await events(world))["UnmanagedPods"]
        assert told.startswith(
            "Pods selected by this PodDisruptionBudget (selector: "
            "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) "
            "were found to be unmanaged."
        )

    play(story)


@pytest.mark.parametrize(("selector", "found"), [({}, 2), ({"matchLabels": {"app": "none"}}, 0)])
def test_an_empty_selector_selects_all_pods(selector: Obj, found: int) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.POD, pod("a", LABELS))
        await world.client.create(kinds.POD, pod("b"))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(selector=selector, minAvailable=1))
        await world.settle(5)
        assert (await status(world))["expectedPods"] == found

    play(story)


def test_evictions_are_let_through_one_after_the_other() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=3))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable=1))
        await world.settle(10)
        first, second, _ = await world.all(kinds.POD)
        world.ready_after = 20
        await evict(world, name_of(first))
        with pytest.raises(
            TooManyRequests, match="Cannot evict pod as it would violate the pod's disruption budget"
        ):
            await evict(world, name_of(second))
        await world.settle(10)
        assert await counts(world) == (3, 2, 2, 0)
        await world.settle(20)
        assert await counts(world) == (3, 2, 3, 1)
        await evict(world, name_of(second))

    play(story)


def test_an_eviction_that_was_granted_and_not_carried_out_is_forgotten_after_two_minutes() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=3))
        await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(maxUnavailable=1))
        await world.settle(10)
        name = name_of((await world.all(kinds.POD))[0])
        current = await world.client.get(kinds.PODDISRUPTIONBUDGET, "pdb", "default")
        noted = {
            **current["status"],
            "disruptionsAllowed": 0,
            "disruptedPods": {name: rfc3339(world.env.now()), "long-gone": rfc3339(world.env.now())},
        }
        await world.client.update(
            kinds.PODDISRUPTIONBUDGET, {**current, "status": noted}, subresource="status"
        )
        await world.settle(100)
        seen = await status(world)
        assert list(seen["disruptedPods"]) == [name]
        assert (seen["currentHealthy"], seen["disruptionsAllowed"]) == (2, 0)
        await world.settle(30)
        seen = await status(world)
        assert "disruptedPods" not in seen
        assert (seen["currentHealthy"], seen["disruptionsAllowed"]) == (3, 1)
        assert (await events(world))["NotDeleted"] == (
            "Pod was expected by PDB default/pdb to be deleted but it wasn't"
        )

    play(story)


@pytest.mark.parametrize(
    ("reason", "after"), [("EvictionByEvictionAPI", "False"), ("TerminationByKubelet", "True")]
)
def test_a_disruption_that_does_not_come_is_taken_back(reason: str, after: str) -> None:
    async def story(world: World) -> None:
        world.ready_after = None
        await world.client.create(kinds.POD, pod("p"))
        target = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": "",
            "lastTransitionTime": rfc3339(world.env.now()),
        }
        await world.client.patch(
            kinds.POD, "p", "default", {"status": {"conditions": [target]}}, subresource="status"
        )
        await world.settle(110)
        assert (await found(world))["status"] == "True"
        await world.settle(15)
        assert (await found(world))["status"] == after

    async def found(world: World) -> Obj:
        entry = condition(await world.client.get(kinds.POD, "p", "default"), "DisruptionTarget")
        assert entry is not None
        return entry

    play(story)


def test_a_pod_with_several_budgets_is_told_of_once_and_cannot_be_evicted() -> None:
    async def story(world: World) -> None:
        for name in ("both", "second"):
            await world.client.create(kinds.PODDISRUPTIONBUDGET, budget(name, minAvailable=0))
        await world.client.create(kinds.POD, pod("p", {"app": "web"}))
        await world.settle(40)
        await world.client.patch(kinds.POD, "p", "default", {"metadata": {"annotations": {"a": "b"}}})
        await world.settle(40)
        told = [
            e
            for e in (await world.client.list(kinds.EVENT, "default")).items
            if e["reason"] == "MultiplePodDisruptionBudgets"
        ]
        assert [(e["type"], e["involvedObject"]["name"], e["message"], e["count"]) for e in told] == [
            (
                "Warning",
                "p",
                'Pod "default"/"p" matches multiple PodDisruptionBudgets.  Chose "both" arbitrarily.',
                1,
            )
        ]
        with pytest.raises(InternalError, match="more than one PodDisruptionBudget, which the eviction"):
            await evict(world, "p")

    play(story)
