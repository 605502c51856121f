"""Who leaves a full node for a critical pod, and how."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubelet_world import World, condition, container, play, pod

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.kubelet.admission import Admission, Refusal, Room
from pybernetes.kubelet.preemption import Candidate, victims

NODE = {"cpu": "4", "memory": "8Gi", "pods": "5"}
CRITICAL = 2_000_000_000
HOSTS = {"ports": [{"containerPort": 80, "hostPort": 80}]}


def asks(uid: str, priority: int = 0, *, qos: str = "", more: Any = None, **requests: str) -> Obj:
    made = {"name": "c", "image": "i", "resources": {"requests": requests}, **(more or {})}
    status = {"qosClass": qos or ("Burstable" if requests else "BestEffort")}
    spec = {"containers": [made], "priority": priority}
    return {"metadata": {"uid": uid, "name": uid}, "spec": spec, "status": status}


# (what is there, the critical pod, who leaves for it or why it cannot be)
CASES: tuple[tuple[list[Obj], Obj, tuple[str, ...] | Refusal | None], ...] = (
    ([asks("a", cpu="1")], asks("x", CRITICAL, cpu="3"), None),
    ([asks("a", cpu="3")], asks("x", CRITICAL, cpu="3"), ("a",)),
    ([asks("a", cpu="1"), asks("b", cpu="3")], asks("x", CRITICAL, cpu="2"), ("b",)),
    ([asks("a", cpu="2"), asks("b", cpu="2")], asks("x", CRITICAL, cpu="3"), ("a", "b")),
    (
        [asks("a", cpu="2", memory="2Gi"), asks("b", cpu="2", memory="1Gi")],
        asks("x", CRITICAL, cpu="1"),
        ("b",),
    ),
    ([asks("a", qos="Guaranteed", cpu="2"), asks("b", cpu="2")], asks("x", CRITICAL, cpu="2"), ("b",)),
    ([asks("a", qos="Guaranteed", cpu="3"), asks("b", cpu="1")], asks("x", CRITICAL, cpu="2"), ("a",)),
    ([asks(each) for each in "abcd"] + [asks("e", cpu="1")], asks("x", CRITICAL, cpu="1"), ("a",)),
    ([asks("a", CRITICAL, cpu="4")], asks("x", CRITICAL + 1000, cpu="1"), ("a",)),
    (
        [asks("a", CRITICAL, cpu="3"), asks("b", cpu="500m")],
        asks("x", CRITICAL, cpu="2"),
        Refusal(
            "UnexpectedAdmissionError",
            "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of"
            " pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1500), ]",
        ),
    ),
    (
        [asks("a", more=HOSTS, cpu="4")],
        asks("x", CRITICAL, more=HOSTS, cpu="1"),
        Refusal(
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        ),
    ),
)


@pytest.mark.parametrize(("there", "comes", "expected"), CASES)
def test_who_leaves(there: list[Obj], comes: Obj, expected: tuple[str, ...] | Refusal | None) -> None:
    node = Admission(NODE)
    for each in there:
        assert node.admit(each) is None
    found = node.admit(comes)
    assert found == (Room(expected) if isinstance(expected, tuple) else expected)
    if isinstance(found, Room):
        assert node.admit(asks("late", cpu="4")) is not None, "the room is the critical pod's"


def test_who_is_here_already_is_counted() -> None:
    node = Admission(NODE)
    node.count(asks("leaving", cpu="4"))
    assert node.admit(asks("a", cpu="1")) is not None
    node.release("leaving")
    assert node.admit(asks("a", cpu="1")) is None


AMOUNTS = st.fixed_dictionaries({"pods": st.just(1), "cpu": st.integers(0, 5), "memory": st.integers(0, 5)})
CLASSES = st.sampled_from(("BestEffort", "Burstable", "Guaranteed"))


@settings(max_examples=150)
@given(
    st.lists(st.tuples(CLASSES, AMOUNTS), max_size=7),
    st.dictionaries(st.sampled_from(("pods", "cpu", "memory")), st.integers(1, 9), min_size=1),
)
def test_enough_leave_and_no_class_without_need(
    given_pods: list[tuple[str, dict[str, int]]], missing: dict[str, int]
) -> None:
    candidates = [Candidate(str(n), qos, amounts) for n, (qos, amounts) in enumerate(given_pods)]

    def enough(some: list[Candidate]) -> bool:
        return all(sum(c.amounts[name] for c in some) >= amount for name, amount in missing.items())

    found = victims(candidates, missing)
    if found is None:
        assert not enough(candidates)
        return
    leaving = [each for each in candidates if each.uid in found]
    assert len(leaving) == len(found)
    assert enough(leaving)
    if any(each.qos == "Guaranteed" for each in leaving):
        assert not enough([each for each in candidates if each.qos != "Guaranteed"])


def test_a_critical_pod_begins_when_the_other_has_ended() -> None:
    async def story(world: World) -> None:
        world.record()
        low = container(lifecycle={"preStop": {"sleep": {"seconds": 3}}})
        await world.run_pod(pod("low", containers=[low]))
        assert (await world.pod("low"))["status"]["phase"] == "Running"
        since = world.now()
        await world.run_pod(pod("vital", priorityClassName="system-node-critical"), 60)
        gone, vital = await world.pod("low"), await world.pod("vital")
        assert (gone["status"]["phase"], gone["status"]["reason"]) == ("Failed", "Preempting")
        assert gone["status"]["message"] == "Preempted in order to admit critical pod"
        assert condition(gone, "DisruptionTarget") == (
            "True",
            "TerminationByKubelet",
            "Pod was preempted by Kubelet to accommodate a critical pod.",
        )
        assert vital["status"]["phase"] == "Running"
        assert ("Preempting", "Preempted in order to admit critical pod") in await world.events()
        failed = [at for at, _, each in world.history if each["status"].get("reason") == "Preempting"]
        began = [
            at
            for at, _, each in world.history
            if each["metadata"]["name"] == "vital" and each["status"].get("startTime")
        ]
        assert since + 3 <= failed[0] <= began[0]
        third = await world.run_pod(pod("third"))
        assert third["status"]["reason"] == "OutOfpods"
        await world.client.delete(kinds.POD, "vital", "default")
        await asyncio.sleep(60)
        assert not await world.exists("vital")
        assert (await world.run_pod(pod("fourth")))["status"]["phase"] == "Running"

    play(story, max_pods=1)


def test_a_critical_pod_that_is_deleted_while_it_waits() -> None:
    async def story(world: World) -> None:
        slow = container(lifecycle={"preStop": {"sleep": {"seconds": 20}}})
        await world.run_pod(pod("low", containers=[slow], terminationGracePeriodSeconds=40))
        await world.run_pod(pod("vital", priorityClassName="system-node-critical"))
        assert "startTime" not in (await world.pod("vital"))["status"]
        low = (await world.pod("low"))["status"]
        assert (low["phase"], low.get("reason")) == ("Running", None), "while it runs it is not over"
        await world.client.delete(kinds.POD, "vital", "default")
        await asyncio.sleep(60)
        assert not await world.exists("vital")
        assert (await world.pod("low"))["status"]["reason"] == "Preempting"

    play(story, max_pods=1)
