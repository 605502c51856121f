"""Gangs: PodGroups whose pods run together or not at all, with the feature gate on, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes import Cluster, NodeSpec
from pybernetes.api.errors import Invalid
from pybernetes.api.features import FeatureError, read
from pybernetes.api.meta import Obj

GATE = ("GenericWorkload",)


def group(name: str = "train", least: int = 3, **spec: Any) -> dict[str, Any]:
    policy = {"gang": {"minCount": least}} if least else {"basic": {}}
    return {
        "apiVersion": "scheduling.k8s.io/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": name},
        "spec": {"schedulingPolicy": policy, **spec},
    }


def pod(name: str, of: str = "train", cpu: str = "1", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
    if of:
        spec["schedulingGroup"] = {"podGroupName": of}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }


def cluster(nodes: int = 2, cpu: int = 2) -> Cluster:
    return Cluster([NodeSpec(cpu=cpu) for _ in range(nodes)], time="virtual", feature_gates=GATE)


async def placed(c: Cluster) -> list[str]:
    return sorted(each["metadata"]["name"] for each in await c.list("pods") if each["spec"].get("nodeName"))


def condition(tree: Obj, name: str) -> Obj:
    found = (tree.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each["type"] == name), {})


def test_pods_wait_for_their_group_and_for_each_other() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.apply([pod("p1"), pod("p2"), pod("p3")])
            await c.settle()
            assert await placed(c) == []
            await c.apply(group(least=4))
            await c.settle()
            assert await placed(c) == []
            await c.apply(pod("p4"))
            await c.settle()
            assert await placed(c) == ["p1", "p2", "p3", "p4"]
            found = condition(await c.get("podgroup/train"), "PodGroupInitiallyScheduled")
            assert (found["status"], found["reason"]) == ("True", "Scheduled")

    asyncio.run(main())


def test_a_smaller_minimum_lets_a_gang_go() -> None:
    async def main() -> None:
        async with cluster() as c:
            await c.apply([group(least=4), pod("p1"), pod("p2")])
            await c.settle()
            assert await placed(c) == []
            await c.patch("podgroup/train", {"spec": {"schedulingPolicy": {"gang": {"minCount": 2}}}})
            await c.settle()
            assert await placed(c) == ["p1", "p2"]

    asyncio.run(main())


def test_all_or_nothing() -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            await c.apply([group(least=3), *(pod(f"p{i}") for i in range(3))])
            await c.advance("60s")
            assert await placed(c) == []
            found = condition(await c.get("podgroup/train"), "PodGroupInitiallyScheduled")
            assert (found["status"], found["reason"]) == ("False", "Unschedulable")
            assert found["message"] == (
                "minCount (3) cannot be satisfied: 2 scheduled, 0 remaining, "
                "pod group preemption: No preemption victims found for incoming preemptor"
            )
            # What the gang held is free for others.
            await c.apply(pod("single", of="", cpu="2"))
            await c.settle()
            assert await placed(c) == ["single"]
            await c.delete("pod/single")
            await c.apply(pod("other", of="", cpu="1"))
            await c.advance("60s")
            assert await placed(c) == ["other"]

    asyncio.run(main())


def test_a_gang_goes_as_soon_as_there_is_room_for_all() -> None:
    async def main() -> None:
        async with cluster(nodes=2) as c:
            await c.apply([pod("first", of="", cpu="2")])
            await c.settle()
            await c.apply([group(least=3), *(pod(f"p{i}") for i in range(3))])
            await c.advance("30s")
            assert await placed(c) == ["first"]
            await c.delete("pod/first")
            await c.advance("30s")
            assert await placed(c) == ["p0", "p1", "p2"]
            assert condition(await c.get("podgroup/train"), "PodGroupInitiallyScheduled")["status"] == "True"

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(3))
def test_two_gangs_do_not_block_each_other(seed: int) -> None:
    async def main() -> None:
        nodes = [NodeSpec(cpu=2) for _ in range(2)]
        async with Cluster(nodes, time="virtual", seed=seed, feature_gates=GATE) as c:
            await c.apply([group("a"), group("b")])
            # Each pod of one is followed by one of the other; there is room for one gang.
            await c.apply([pod(f"{of}{number}", of) for number in range(3) for of in ("a", "b")])
            await c.advance("60s")
            names = await placed(c)
            assert names in (["a0", "a1", "a2"], ["b0", "b1", "b2"])
            for name in names:
                await c.delete(f"pod/{name}")
            await c.advance("60s")
            assert len(await placed(c)) == 3

    asyncio.run(main())


def test_a_basic_group_asks_for_nothing() -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            await c.apply([group(least=0), *(pod(f"p{i}") for i in range(3))])
            await c.settle()
            assert len(await placed(c)) == 2

    asyncio.run(main())


def test_a_pod_that_goes_while_it_waits_takes_the_gang_with_it() -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            await c.apply([group(least=3), pod("p0"), pod("p1"), pod("p2", nodeSelector={"no": "node"})])
            await c.advance("5s")
            await c.delete("pod/p0")
            await c.advance("60s")
            assert await placed(c) == []
            await c.apply([pod("p3", cpu="500m"), pod("p4", cpu="500m")])
            await c.advance("60s")
            assert await placed(c) == ["p1", "p3", "p4"]

    asyncio.run(main())


def test_without_the_gate_there_is_nothing_of_it() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            assert "podgroups" not in {kind.plural for kind in c.kinds()}
            made = await c.apply(pod("p"))
            assert "schedulingGroup" not in made["spec"]
            await c.wait("pod/p")

    asyncio.run(main())


def test_what_a_namespace_had_goes_with_it() -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
            await c.apply(group(), namespace="n")
            await c.delete("namespace/n")
            await c.settle()
            assert await c.list("podgroups", namespace="n") == []
            assert "n" not in {each["metadata"]["name"] for each in await c.list("namespaces")}

    asyncio.run(main())


def test_wrong_groups_are_refused() -> None:
    async def main() -> None:
        async with cluster(nodes=1) as c:
            for spec, message in (
                ({"schedulingPolicy": {}}, "spec.schedulingPolicy: Invalid value"),
                (
                    {"schedulingPolicy": {"basic": {}, "gang": {"minCount": 1}}},
                    "exactly one of `basic`, `gang`",
                ),
                (
                    {"schedulingPolicy": {"gang": {"minCount": 0}}},
                    "spec.schedulingPolicy.gang.minCount: Required value",
                ),
                ({"schedulingPolicy": {"gang": {"minCount": -1}}}, "must be greater than or equal to 1"),
            ):
                with pytest.raises(Invalid) as error:
                    await c.client.create(
                        c.kind("podgroups"),
                        {**group(), "metadata": {"name": "x", "namespace": "default"}, "spec": spec},
                    )
                assert message in str(error.value)
            await c.apply(group())
            with pytest.raises(Invalid, match=r"only `schedulingPolicy.gang.minCount` may be changed"):
                await c.patch("podgroup/train", {"spec": {"priority": 5}})
            template = {"name": "w", "schedulingPolicy": {"gang": {"minCount": 2}}}
            workload = {
                "apiVersion": "scheduling.k8s.io/v1beta1",
                "kind": "Workload",
                "metadata": {"name": "w"},
                "spec": {"podGroupTemplates": [template]},
            }
            await c.apply(workload)
            with pytest.raises(Invalid, match="must have at least one item"):
                await c.apply({**workload, "metadata": {"name": "v"}, "spec": {}})

    asyncio.run(main())


def test_flags() -> None:
    assert read() == frozenset()
    assert read("GenericWorkload=true", "scheduling.k8s.io/v1beta1=true") == frozenset(GATE)
    assert read("GenericWorkload=true", "api/beta=true") == frozenset(GATE)
    assert read("GenericWorkload=false") == frozenset()
    for gates, apis, message in (
        ("GenericWorkload=true", "", "add --runtime-config=scheduling.k8s.io/v1beta1=true"),
        ("Nonsense=true", "", "unrecognized feature gate: Nonsense"),
        ("GenericWorkload", "", "missing bool value for GenericWorkload"),
        ("GenericWorkload=maybe", "", "invalid value of GenericWorkload=maybe"),
        ("", "nothing/v1=true", "unknown API nothing/v1"),
    ):
        with pytest.raises(FeatureError) as error:
            read(gates, apis)
        assert message in str(error.value)
    with pytest.raises(FeatureError, match="unrecognized feature gate: Nope"):
        Cluster(feature_gates=("Nope",))


def test_a_large_gang() -> None:
    async def main() -> None:
        async with cluster(nodes=10, cpu=16) as c:
            await c.apply(group(least=150))
            await c.apply([pod(f"p{number}") for number in range(149)])
            await c.settle()
            assert await placed(c) == []
            await c.apply(pod("p149"))
            await c.settle()
            assert len(await placed(c)) == 150

    asyncio.run(main())
