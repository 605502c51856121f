"""A gang of higher priority makes room for all of its pods, or for none; in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes import Cluster, NodeSpec
from pybernetes.api.meta import Obj
from pybernetes.scheduler.framework import Plugin, PostFilterResult

GATE = ("GenericWorkload",)
URGENT = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "urgent"},
    "value": 100,
}


def boom(*_arguments: Any) -> Any:
    raise RuntimeError("boom")


def group(name: str, least: int, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": name},
        "spec": {"schedulingPolicy": {"gang": {"minCount": least}}, **spec},
    }


def pod(name: str, of: str = "", cpu: str = "1", labels: dict[str, str] | None = None, **spec: Any) -> Obj:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
    if of:
        spec["schedulingGroup"] = {"podGroupName": of}
    metadata = {"name": name, "labels": labels or {}}
    spec["terminationGracePeriodSeconds"] = 1
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container], **spec},
    }


def urgent(name: str, of: str, **spec: Any) -> Obj:
    return pod(name, of, priorityClassName="urgent", **spec)


def cluster(nodes: int = 2, cpu: int = 2) -> Cluster:
    return Cluster([NodeSpec(cpu=cpu) for _ in range(nodes)], time="virtual", feature_gates=GATE)


async def placed(c: Cluster) -> list[str]:
    return sorted(each["metadata"]["name"] for each in await c.list("pods") if each["spec"].get("nodeName"))


async def condition(c: Cluster, name: str) -> Obj:
    tree = await c.get(f"podgroup/{name}")
    (found,) = (tree.get("status") or {}).get("conditions") or ({},)
    return found


async def messages(c: Cluster, name: str) -> list[str]:
    return [
        each["note"] if "note" in each else each["message"]
        for each in await c.list("events")
        if (each.get("regarding") or each.get("involvedObject") or {}).get("name") == name
    ]


def test_no_more_leave_than_a_gang_needs() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.apply([pod(f"low{number}") for number in range(4)])
            await c.settle()
            await c.apply(
                [URGENT, group("train", 3), *(urgent(f"p{number}", "train") for number in range(3))]
            )
            await c.advance("30s")
            names = await placed(c)
            assert [name for name in names if name.startswith("p")] == ["p0", "p1", "p2"]
            assert len(names) == 4
            assert (await condition(c, "train"))["status"] == "True"
            group_uid = (await c.get("podgroup/train"))["metadata"]["uid"]
            gone = {f"low{number}" for number in range(4)} - set(names)
            for name in gone:
                told = " ".join(await messages(c, name))
                assert f"Preempted by podgroup {group_uid} on node node" in told

    asyncio.run(main())


def test_nobody_leaves_for_a_gang_that_does_not_fit_all_the_same() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.apply([pod(f"low{number}") for number in range(4)])
            await c.settle()
            await c.apply(
                [URGENT, group("train", 5), *(urgent(f"p{number}", "train") for number in range(5))]
            )
            await c.advance("60s")
            assert await placed(c) == ["low0", "low1", "low2", "low3"]
            found = await condition(c, "train")
            assert (found["status"], found["reason"]) == ("False", "Unschedulable")
            assert found["message"] == (
                "minCount (5) cannot be satisfied: 0 scheduled, 4 remaining, pod group preemption: "
                "minCount (5) cannot be satisfied: 4 scheduled, 0 remaining"
            )

    asyncio.run(main())


def test_a_budget_is_kept_where_others_can_leave() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.apply([pod(f"safe{number}", labels={"app": "safe"}) for number in range(2)])
            await c.apply([pod(f"low{number}") for number in range(2)])
            budget = {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "safe"},
                "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "safe"}}},
            }
            await c.apply(budget)
            await c.settle()
            await c.apply([URGENT, group("train", 2), urgent("p0", "train"), urgent("p1", "train")])
            await c.advance("30s")
            assert await placed(c) == ["p0", "p1", "safe0", "safe1"]

    asyncio.run(main())


def test_a_group_that_is_disrupted_as_a_whole_leaves_as_a_whole() -> None:
    async def main() -> None:
        async with cluster() as c:
            whole = group("old", 2, disruptionMode={"all": {}})
            await c.apply([whole, pod("old0", "old"), pod("old1", "old"), pod("low0")])
            await c.settle()
            await c.apply(
                [URGENT, group("train", 3), *(urgent(f"p{number}", "train") for number in range(3))]
            )
            await c.advance("30s")
            # One place is free, and one pod's leaving gives a second: the third takes the whole old group.
            names = await placed(c)
            assert names == ["low0", "p0", "p1", "p2"]

    asyncio.run(main())


def test_pods_that_do_not_belong_into_one_group() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.apply([group("train", 2, priority=7), pod("p0", "train"), pod("p1", "train")])
            await c.advance("5s")
            found = await condition(c, "train")
            assert (found["status"], found["reason"]) == ("False", "SchedulerError")
            text = "all pods in a single pod group should have the same priority as the pod group's priority, got 0 and 7"
            assert found["message"] == text
            assert text in " ".join(await messages(c, "p0"))
            assert await placed(c) == []

    asyncio.run(main())


def test_what_is_more_than_the_minimum_waits_alone() -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            await c.apply([group("train", 2), *(pod(f"p{number}", "train") for number in range(3))])
            await c.advance("5s")
            assert await placed(c) == ["p0", "p1"]
            assert (await condition(c, "train"))["status"] == "True"
            assert "0/1 nodes are available: 1 Insufficient cpu." in " ".join(await messages(c, "p2"))
            await c.delete("pod/p0")
            await c.advance("30s")
            assert await placed(c) == ["p1", "p2"]

    asyncio.run(main())


def test_a_gang_whose_node_is_too_late_needs_no_timeout() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.patch("node/node2", {"spec": {"unschedulable": True}})
            await c.apply([group("train", 4), *(pod(f"p{number}", "train") for number in range(4))])
            await c.advance("20s")
            assert await placed(c) == []
            await c.patch("node/node2", {"spec": {"unschedulable": None}})
            await c.advance("11s")
            assert await placed(c) == ["p0", "p1", "p2", "p3"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (
            Plugin("Mine", pre_enqueue=lambda *_: "", placement_feasible=boom),
            'failed to evaluate placement feasibility: running PlacementFeasible plugin "Mine": boom',
        ),
        (
            Plugin("Mine", pre_enqueue=lambda *_: "", placement_feasible=lambda *_: True),  # type: ignore[arg-type,return-value]
            "PlacementFeasible must give a Feasibility, not True",
        ),
        (
            Plugin("Mine", post_filter=lambda *_: PostFilterResult(), group_post_filter=boom),
            'running PodGroupPostFilter plugin "Mine": boom',
        ),
        (
            Plugin("Mine", filter=boom),
            'failed to schedule other pod from a pod group: running Filter plugin "Mine": boom',
        ),
        (
            Plugin("Mine", reserve=boom),
            'failed to schedule other pod from a pod group: running Reserve plugin "Mine": boom',
        ),
    ],
    ids=["feasible", "nonsense", "post filter", "filter", "reserve"],
)
def test_a_plugin_that_raises_about_a_group_is_named_and_the_group_is_tried_again(
    plugin: Plugin, message: str
) -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            c.scheduler_plugins(plugin)
            size = 3 if plugin.group_post_filter is not None else 2
            await c.apply([group("train", size), *(pod(f"p{number}", "train") for number in range(size))])
            await c.advance("3s")
            found = await condition(c, "train")
            assert (found["status"], found["reason"]) == ("False", "SchedulerError")
            assert message in found["message"]
            assert await placed(c) == []
            c.scheduler_plugins()
            if size == 2:
                await c.advance("15s")
                assert await placed(c) == ["p0", "p1"]

    asyncio.run(main())
