"""A scheduling cycle of a whole group: all or nothing, and everything as before where it is nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.gang.outcome import Outcome
from pybernetes.scheduler.gang.round import Round, in_groups

from .trees import anti_affinity, node, pod


def group(least: int, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "train", "namespace": "default", "uid": "group"}
    return {"metadata": metadata, "spec": {"schedulingPolicy": {"gang": {"minCount": least}}, **spec}}


def member(name: str, cpu: str = "1", **spec: Any) -> dict[str, Any]:
    return pod(name, cpu=cpu, schedulingGroup={"podGroupName": "train"}, **spec)


def cycle_of(*trees: dict[str, Any], least: int = 2, **spec: Any) -> Cycle:
    cycle = Cycle(random.Random(1))
    cycle.group_event(None, group(least, **spec), 0)
    for each in trees:
        if each.get("kind") == "Node":
            cycle.node_event(None, each, 0)
        else:
            cycle.pod_event(None, each, 0)
    return cycle


def decide(cycle: Cycle) -> Outcome:
    (pods,) = in_groups(cycle.queue.pop(1, 0))
    attempt = Round(cycle, pods, cycle.attempt)
    while (queued := attempt.next()) is not None:
        attempt.decided(cycle.choose(queued, cycle.filter(queued), alone=False))
    outcome = attempt.end()
    cycle.conclude_group(outcome, 0)
    return outcome


def nodes_of(outcome: Outcome) -> list[str]:
    return [each.attempt.node if each.attempt is not None else "" for each in outcome.members]


def test_each_pod_is_decided_on_beside_those_before_it() -> None:
    cycle = cycle_of(node("a", cpu="1"), node("b", cpu="1"), member("p0"), member("p1"))
    outcome = decide(cycle)
    assert outcome.scheduled
    assert sorted(nodes_of(outcome)) == ["a", "b"]
    assert cycle.assumed == 2
    assert len(cycle.groups.members("default/train").placed) == 2


def test_nothing_is_left_of_a_group_that_cannot_be_had() -> None:
    cycle = cycle_of(node("a", cpu="1"), member("p0"), member("p1"))
    queued = cycle.queue.waiting()
    cycle.nominations.add(queued[0].uid, "a", queued[0].facts)
    outcome = decide(cycle)
    assert (outcome.scheduled, outcome.failed) == (False, False)
    assert outcome.message == "minCount (2) cannot be satisfied: 1 scheduled, 0 remaining"
    assert cycle.assumed == 0
    assert cycle.groups.members("default/train").placed == {}
    assert cycle.queue.counts()["unschedulable"] == 2
    assert {name for each in queued for name in each.rejected_by} == {"GangScheduling", "NodeResourcesFit"}
    told = [cycle.decisions.get(each.uid) for each in queued]
    assert [each.message if each else "" for each in told] == [
        outcome.message,
        "0/1 nodes are available: 1 Insufficient cpu.",
    ]


def test_it_ends_as_soon_as_it_is_hopeless() -> None:
    cycle = cycle_of(node("a", cpu="1"), *(member(f"p{number}") for number in range(6)), least=5)
    outcome = decide(cycle)
    assert outcome.message == "minCount (5) cannot be satisfied: 1 scheduled, 3 remaining"
    assert [each.decision is not None for each in outcome.members] == [True] * 3 + [False] * 3


def test_without_the_plugin_one_pod_is_enough() -> None:
    cycle = cycle_of(node("a", cpu="1"), member("p0", cpu="9"), member("p1"), member("p2", cpu="9"))
    assert not decide(cycle).scheduled
    basic = Cycle(random.Random(1))
    spec = {"schedulingPolicy": {"basic": {}}}
    basic.group_event(None, {**group(1), "spec": spec}, 0)
    basic.node_event(None, node("a", cpu="1"), 0)
    for each in (member("p0", cpu="9"), member("p1")):
        basic.pod_event(None, each, 0)
    outcome = decide(basic)
    assert outcome.scheduled
    assert nodes_of(outcome) == ["", "a"]


@pytest.mark.parametrize("apart", [False, True], ids=["resources alone", "apart from others"])
def test_room_for_a_group_in_a_large_cluster(apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is to leave is on as few nodes as the group needs, and most of the others are not looked at again."""
    size = 12 if apart else 60
    low = [
        pod(f"low{number}-{place}", cpu="1", nodeName=f"n{number}", labels={"app": "low"})
        for number in range(size)
        for place in range(4)
    ]
    rest: dict[str, Any] = {"affinity": anti_affinity(app="high")} if apart else {}
    asked = [
        member(f"p{number}", cpu="2", priority=10, labels={"app": "high"}, **rest) for number in range(3)
    ]
    nodes = [node(f"n{number}", cpu="4") for number in range(size)]
    cycle = cycle_of(*nodes, *low, *asked, least=3)
    calls = []
    filtered = cycle.filter
    monkeypatch.setattr(cycle, "filter", lambda queued: calls.append(1) or filtered(queued))
    outcome = decide(cycle)
    assert outcome.preemption is not None
    assert len(outcome.preemption.victims) == 6
    assert set(outcome.preemption.nodes.values()) == {
        cycle.nominations.of(each.queued.uid) for each in outcome.members
    }
    if apart:
        assert len(set(outcome.preemption.nodes.values())) == 3
    else:
        assert len(calls) < len(low)
    assert len(cycle.table.placements) == len(low)


def test_who_may_not_preempt_says_so() -> None:
    low = pod("low", cpu="2", nodeName="a")
    asked = [member(f"p{n}", priority=5, preemptionPolicy="Never") for n in range(2)]
    outcome = decide(cycle_of(node("a", cpu="2"), low, *asked))
    assert outcome.told.endswith("pod group preemption: not eligible due to preemptionPolicy=Never.")
