"""DaemonSets through a real API server in virtual time: which nodes, failures, both ways of updating, rolling back."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of
from pybernetes.controllers.daemonset import failing
from pybernetes.controllers.daemonset.nodes import fit, new_pod, node_of
from pybernetes.controllers.history import POD_LABEL

ROLLING = "RollingUpdate"


def daemon_set(name: str = "agent", image: str = "nginx:1", pod_spec: Obj | None = None, **spec: Any) -> Obj:
    labels = {"app": name}
    containers = [{"name": "c", "image": image}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers, **(pod_spec or {})}}
    return new_object(
        kinds.DAEMONSET,
        name,
        "default",
        spec={"selector": {"matchLabels": labels}, "template": template, **spec},
    )


def strategy(**rolling: Any) -> dict[str, Any]:
    return {"type": ROLLING, "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0, **rolling}}


async def nodes(world: World, count: int) -> None:
    for number in range(count):
        await world.node(f"n{number}")
        labels = {"labels": {"number": str(number), "kubernetes.io/hostname": f"n{number}"}}
        await world.client.patch(kinds.NODE, f"n{number}", "", {"metadata": labels})
    world.start(_alive(world, count))


async def _alive(world: World, count: int) -> None:
    """The kubelets of the nodes go on renewing their leases."""
    while True:
        await world.settle(10)
        for number in range(count):
            await world.renew(f"n{number}")


async def living(world: World) -> list[Obj]:
    return [each for each in await world.all(kinds.POD) if not is_deleting(each)]


async def where(world: World) -> list[str]:
    return sorted(node_of(each) for each in await living(world))


async def status(world: World, name: str = "agent") -> Obj:
    found = await world.client.get(kinds.DAEMONSET, name, "default")
    return found["status"]  # type: ignore[no-any-return]


async def reasons(world: World) -> dict[str, str]:
    return {e["reason"]: e["message"] for e in await world.all(kinds.EVENT)}


def images(pods: list[Obj]) -> list[str]:
    return sorted(each["spec"]["containers"][0]["image"] for each in pods)


def new_image(image: str) -> Obj:
    return {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}


def test_every_node_gets_one_pod_and_new_nodes_too() -> None:
    async def story(world: World) -> None:
        await nodes(world, 3)
        await world.client.create(kinds.DAEMONSET, daemon_set())
        await world.settle(5)
        assert await where(world) == ["n0", "n1", "n2"]
        await world.node("n3")
        await world.settle(5)
        assert await where(world) == ["n0", "n1", "n2", "n3"]
        seen = await status(world)
        assert {k: v for k, v in seen.items() if v} == {
            "currentNumberScheduled": 4,
            "desiredNumberScheduled": 4,
            "numberReady": 4,
            "numberAvailable": 4,
            "updatedNumberScheduled": 4,
            "observedGeneration": 1,
        }
        assert seen["numberMisscheduled"] == 0
        (revision,) = await world.all(kinds.CONTROLLERREVISION)
        assert name_of(revision) == f"agent-{labels_of(revision)[POD_LABEL]}"
        assert revision["revision"] == 1
        found = await living(world)
        assert {labels_of(each)[POD_LABEL] for each in found} == {labels_of(revision)[POD_LABEL]}
        assert (await reasons(world))["SuccessfulCreate"].startswith("Created pod: agent-")

    play(story)


def test_pods_are_pinned_and_tolerate_what_daemons_tolerate() -> None:
    preferred = [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "number", "operator": "In", "values": ["1"]}]}
                ]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": preferred,
        }
    }
    made = new_pod(daemon_set(pod_spec={"affinity": affinity, "hostNetwork": True}), "n1", "hash")
    about = made["spec"]["affinity"]["nodeAffinity"]
    assert about["requiredDuringSchedulingIgnoredDuringExecution"] == {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]
    }
    assert about["preferredDuringSchedulingIgnoredDuringExecution"] == preferred
    assert [
        (t["key"].removeprefix("node.kubernetes.io/"), t["effect"]) for t in made["spec"]["tolerations"]
    ] == [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("network-unavailable", "NoSchedule"),
    ]
    assert node_of(made) == "n1"


def _node(taint: str = "", effect: str = "", **labels: str) -> Obj:
    taints = [{"key": taint, "effect": effect}] if taint else []
    return {"metadata": {"name": "n1", "labels": labels}, "spec": {"taints": taints}}


@pytest.mark.parametrize(
    ("pod_spec", "node", "expected"),
    [
        ({}, _node(), (True, True)),
        ({"nodeName": "n1"}, _node(), (True, True)),
        ({"nodeName": "n2"}, _node(), (False, False)),
        ({"nodeSelector": {"disk": "ssd"}}, _node(), (False, False)),
        ({"nodeSelector": {"disk": "ssd"}}, _node(disk="ssd"), (True, True)),
        ({}, _node("dedicated", "NoSchedule"), (False, True)),
        ({}, _node("dedicated", "NoExecute"), (False, False)),
        ({}, _node("dedicated", "PreferNoSchedule"), (True, True)),
        (
            {"tolerations": [{"key": "dedicated", "operator": "Exists"}]},
            _node("dedicated", "NoExecute"),
            (True, True),
        ),
        ({}, _node("node.kubernetes.io/unreachable", "NoExecute"), (True, True)),
        ({}, _node("node.kubernetes.io/unschedulable", "NoSchedule"), (True, True)),
        ({}, _node("node.kubernetes.io/network-unavailable", "NoSchedule"), (False, True)),
        ({"hostNetwork": True}, _node("node.kubernetes.io/network-unavailable", "NoSchedule"), (True, True)),
    ],
)
def test_which_nodes_fit(pod_spec: Obj, node: Obj, expected: tuple[bool, bool]) -> None:
    assert fit(daemon_set(pod_spec=pod_spec), node) == expected


def test_a_node_that_stops_fitting_loses_its_pod_and_gets_it_back() -> None:
    async def story(world: World) -> None:
        await nodes(world, 2)
        await world.client.patch(kinds.NODE, "n1", "", {"metadata": {"labels": {"role": "edge"}}})
        await world.client.create(kinds.DAEMONSET, daemon_set(pod_spec={"nodeSelector": {"role": "edge"}}))
        await world.settle(5)
        assert await where(world) == ["n1"]
        await world.client.patch(kinds.NODE, "n1", "", {"metadata": {"labels": {"role": "core"}}})
        await world.settle(5)
        assert await where(world) == []
        await world.client.patch(kinds.NODE, "n0", "", {"metadata": {"labels": {"role": "edge"}}})
        await world.settle(5)
        assert await where(world) == ["n0"]
        assert (await status(world))["desiredNumberScheduled"] == 1

    play(story)


def test_a_taint_keeps_new_pods_away_or_drives_all_out() -> None:
    async def story(world: World) -> None:
        await nodes(world, 2)
        await world.client.create(kinds.DAEMONSET, daemon_set())
        await world.settle(5)
        taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
        await world.change(kinds.NODE, "n1", {"taints": [taint]}, "")
        await world.settle(5)
        assert await where(world) == ["n0", "n1"]
        seen = await status(world)
        assert (seen["desiredNumberScheduled"], seen["numberMisscheduled"]) == (1, 1)
        await world.change(kinds.NODE, "n1", {"taints": [{**taint, "effect": "NoExecute"}]}, "")
        await world.settle(5)
        assert await where(world) == ["n0"]

    play(story)


def test_a_pod_whose_node_went_before_it_was_bound_is_deleted() -> None:
    async def story(world: World) -> None:
        await nodes(world, 2)
        await world.client.create(kinds.DAEMONSET, daemon_set())
        await world.settle(5)
        await world.client.delete(kinds.NODE, "n1")
        await world.settle(5)
        assert await where(world) == ["n0"]

    play(story)


def test_failed_pods_are_replaced_with_growing_pauses_and_ended_ones_at_once() -> None:
    async def fail(world: World, phase: str) -> None:
        (one,) = await living(world)
        await world.set_pod_status(one, {"phase": phase}, ready=False)

    async def story(world: World) -> None:
        await nodes(world, 1)
        await world.client.create(kinds.DAEMONSET, daemon_set())
        await world.settle(5)
        world.ready_after = None
        await fail(world, "Failed")
        await world.settle(0.5)
        first = await living(world)
        assert [each["status"]["phase"] for each in first] == ["Pending"], (
            "the first failure is replaced at once"
        )
        await fail(world, "Failed")
        await world.settle(0.2)
        assert [each["status"]["phase"] for each in await living(world)] == ["Failed"], (
            "the second after a second"
        )
        await world.settle(1)
        assert [each["status"]["phase"] for each in await living(world)] == ["Pending"]
        await fail(world, "Succeeded")
        await world.settle(0.2)
        assert [each["status"]["phase"] for each in await living(world)] == ["Pending"]
        told = await reasons(world)
        assert told["FailedDaemonPod"].endswith("on node n0, will try to kill it")
        assert told["SucceededDaemonPod"].endswith("on node n0, will try to delete it")

    play(story)


def test_pauses_double_to_a_quarter_of_an_hour_and_are_forgotten() -> None:
    pauses: failing.Pauses = {}
    waits = []
    for _ in range(12):
        pauses = failing.after_failure(pauses, "n", 100.0)
        waits.append(failing.left(pauses, "n", 100.0))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert failing.still_known(pauses, 100.0 + 1800)
    assert failing.still_known(pauses, 100.0 + 1801) == {}


def test_a_rolling_update_keeps_within_max_unavailable() -> None:
    async def story(world: World) -> None:
        await nodes(world, 4)
        await world.client.create(
            kinds.DAEMONSET, daemon_set(updateStrategy=strategy(maxUnavailable=1), minReadySeconds=5)
        )
        await world.settle(10)
        world.ready_after = 4
        await world.change(kinds.DAEMONSET, "agent", new_image("nginx:2"))
        least = 4
        for _ in range(60):
            await world.settle(1)
            least = min(least, (await status(world)).get("numberAvailable", 0))
        assert images(await living(world)) == ["nginx:2"] * 4
        assert least == 3
        seen = await status(world)
        assert (seen["updatedNumberScheduled"], seen["numberAvailable"], seen["observedGeneration"]) == (
            4,
            4,
            2,
        )
        assert [r["revision"] for r in await world.all(kinds.CONTROLLERREVISION)] in ([1, 2], [2, 1])

    play(story)


def test_a_broken_update_stops_at_max_unavailable_percent() -> None:
    async def story(world: World) -> None:
        await nodes(world, 4)
        await world.client.create(kinds.DAEMONSET, daemon_set(updateStrategy=strategy(maxUnavailable="50%")))
        await world.settle(5)
        world.ready_after = None
        await world.change(kinds.DAEMONSET, "agent", new_image("nginx:broken"))
        await world.settle(60)
        assert images(await living(world)) == ["nginx:1", "nginx:1", "nginx:broken", "nginx:broken"]
        await world.change(kinds.DAEMONSET, "agent", new_image("nginx:3"))
        world.ready_after = 1
        await world.settle(60)
        assert images(await living(world)) == ["nginx:3"] * 4

    play(story)


def test_a_surge_starts_the_new_pod_first() -> None:
    async def story(world: World) -> None:
        await nodes(world, 3)
        await world.client.create(kinds.DAEMONSET, daemon_set(updateStrategy=strategy(maxSurge=1)))
        await world.settle(5)
        world.ready_after = 3
        await world.change(kinds.DAEMONSET, "agent", new_image("nginx:2"))
        most = 0
        for _ in range(30):
            await world.settle(1)
            pods = await living(world)
            most = max(most, len(pods))
            ready = [
                p for p in pods if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions(p))
            ]
            assert len(ready) >= 3
        assert most == 4
        assert images(await living(world)) == ["nginx:2"] * 3
        assert await where(world) == ["n0", "n1", "n2"]

    play(story)


def conditions(obj: Obj) -> list[Obj]:
    return (obj.get("status") or {}).get("conditions") or []


def test_on_delete_waits_for_somebody_to_delete() -> None:
    async def story(world: World) -> None:
        await nodes(world, 2)
        await world.client.create(kinds.DAEMONSET, daemon_set(updateStrategy={"type": "OnDelete"}))
        await world.settle(5)
        await world.change(kinds.DAEMONSET, "agent", new_image("nginx:2"))
        await world.settle(30)
        pods = await living(world)
        assert images(pods) == ["nginx:1", "nginx:1"]
        assert "updatedNumberScheduled" not in await status(world)
        await world.client.delete(kinds.POD, name_of(pods[0]), "default")
        await world.settle(10)
        assert images(await living(world)) == ["nginx:1", "nginx:2"]

    play(story)


def test_an_old_template_takes_its_old_revision_up_again() -> None:
    async def story(world: World) -> None:
        await nodes(world, 1)
        await world.client.create(kinds.DAEMONSET, daemon_set(revisionHistoryLimit=1))
        await world.settle(5)
        for image in ("nginx:2", "nginx:1"):
            await world.change(kinds.DAEMONSET, "agent", new_image(image))
            await world.settle(10)
        found = await world.all(kinds.CONTROLLERREVISION)
        assert sorted((r["revision"], _image(r)) for r in found) == [(2, "nginx:2"), (3, "nginx:1")]
        await world.change(kinds.DAEMONSET, "agent", new_image("nginx:3"))
        await world.settle(10)
        found = await world.all(kinds.CONTROLLERREVISION)
        assert sorted((r["revision"], _image(r)) for r in found) == [(3, "nginx:1"), (4, "nginx:3")]
        assert found[0]["data"]["spec"]["template"]["$patch"] == "replace"

    play(story)


def _image(revision: Obj) -> str:
    return str(revision["data"]["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_matching_orphan_is_adopted_and_pods_survive_an_orphaning_delete() -> None:
    async def story(world: World) -> None:
        await nodes(world, 2)
        await world.client.create(kinds.POD, pod("early", {"app": "agent"}, nodeName="n0"))
        await world.client.create(kinds.DAEMONSET, daemon_set(updateStrategy={"type": "OnDelete"}))
        await world.settle(5)
        assert await where(world) == ["n0", "n1"]
        assert "early" in [name_of(each) for each in await living(world)]
        await world.client.delete(kinds.DAEMONSET, "agent", "default", propagation="Orphan")
        await world.settle(10)
        assert await where(world) == ["n0", "n1"]
        await world.client.create(kinds.DAEMONSET, daemon_set())
        await world.settle(10)
        assert await where(world) == ["n0", "n1"]
        assert len(await world.all(kinds.CONTROLLERREVISION)) == 1

    play(story)


def test_deleting_takes_pods_and_revisions_along() -> None:
    async def story(world: World) -> None:
        await nodes(world, 2)
        await world.client.create(kinds.DAEMONSET, daemon_set())
        await world.settle(5)
        await world.client.delete(kinds.DAEMONSET, "agent", "default", propagation="Foreground")
        await world.settle(30)
        assert await world.all(kinds.POD) == []
        assert await world.all(kinds.CONTROLLERREVISION) == []

    play(story)
