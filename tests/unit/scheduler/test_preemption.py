"""Preemption: who has to go, from which node, and what is said where nobody can."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.scheduler import decide as deciding
from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.decide import Decision
from pybernetes.scheduler.plugins.table import DEFAULT_PROFILE
from pybernetes.scheduler.preemption.candidate import Candidate

from .trees import anti_affinity, node, pod, selects

NOW = 1_790_000_000.0


def on(name: str, tree: dict[str, Any], started: int = 0) -> dict[str, Any]:
    """The pod, running on a node since 1 + `started` o'clock."""
    status = {"phase": "Running", "startTime": f"2026-01-01T{1 + started:02}:00:00Z"}
    return {**tree, "spec": {**tree["spec"], "nodeName": name}, "status": {**tree["status"], **status}}


def cycle_of(
    nodes: list[dict[str, Any]], placed: list[dict[str, Any]], budgets: tuple[Any, ...] = ()
) -> Cycle:
    cycle = Cycle(random.Random(1), clock=lambda: NOW)
    for each in nodes:
        cycle.node_event(None, each, 0)
    for each in placed:
        cycle.pod_event(None, each, 0)
    for each in budgets:
        cycle.budget_event(None, each, 0)
    return cycle


def decided(cycle: Cycle, tree: dict[str, Any]) -> Decision:
    cycle.pod_event(None, tree, 0)
    (queued,) = cycle.queue.pop(1, 0)
    return cycle.decide(queued, 0)


def victims(decision: Decision, cycle: Cycle) -> tuple[str, list[str]]:
    assert decision.candidate is not None, decision.message
    names = [cycle.placed(victim.uid)["metadata"]["name"] for victim in decision.candidate.victims]  # type: ignore[index]
    return decision.candidate.node, names


def budget(name: str, allowed: int, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"selector": selects(**labels)},
        "status": {"disruptionsAllowed": allowed},
    }


def test_only_as_many_go_as_must_and_the_least_important_first() -> None:
    placed = [
        on("a", pod("low", cpu="1")),
        on("a", pod("mid", cpu="1", priority=5)),
        on("a", pod("young", cpu="1"), 3),
        on("a", pod("high", cpu="1", priority=100)),
    ]
    cycle = cycle_of([node("a", cpu="4")], placed)
    decision = decided(cycle, pod("new", cpu="1", priority=50))
    assert victims(decision, cycle) == ("a", ["young"])
    assert decision.message == "0/1 nodes are available: 1 Insufficient cpu."
    assert (
        decided(cycle_of([node("a", cpu="4")], placed), pod("new", cpu="2", priority=50)).candidate
        is not None
    )


CHOICES: list[tuple[str, list[dict[str, Any]], tuple[Any, ...], str]] = [
    ("fewest broken budgets", [on("a", pod("x", cpu="1", labels={"app": "x"})), on("b", pod("y", cpu="1", priority=9))],
     (budget("x", 0, app="x"),), "b"),
    ("a budget that allows it is none", [on("a", pod("x", cpu="1", labels={"app": "x"})), on("b", pod("y", cpu="1", priority=9))],
     (budget("x", 1, app="x"),), "a"),
    ("lowest highest priority", [on("a", pod("x", cpu="1", priority=3)), on("b", pod("y", cpu="1", priority=2))], (), "b"),
    ("smallest sum", [on("a", pod("x", cpu="500m", priority=3)), on("a", pod("z", cpu="500m", priority=3)),
                      on("b", pod("y", cpu="500m", priority=3)), on("b", pod("w", cpu="500m", priority=1))], (), "b"),
    ("fewest", [on("a", pod("x", cpu="500m", priority=3)), on("a", pod("z", cpu="500m", priority=3)),
                on("b", pod("y", cpu="1", priority=3))], (), "b"),
    ("latest start", [on("a", pod("x", cpu="1"), 1), on("b", pod("y", cpu="1"), 2)], (), "b"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("placed", "budgets", "chosen"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_the_node_where_the_least_is_lost(placed: list[Any], budgets: tuple[Any, ...], chosen: str) -> None:
    cycle = cycle_of([node("a", cpu="1"), node("b", cpu="1")], placed, budgets)
    assert victims(decided(cycle, pod("new", cpu="1", priority=10)), cycle)[0] == chosen


def test_those_whose_budget_would_break_are_spared_first() -> None:
    guarded = on("a", pod("guarded", cpu="1", labels={"app": "x"}))
    free = on("a", pod("free", cpu="1", priority=5))
    cycle = cycle_of([node("a", cpu="2")], [guarded, free], (budget("x", 0, app="x"),))
    decision = decided(cycle, pod("new", cpu="1", priority=10))
    assert victims(decision, cycle) == ("a", ["free"])
    assert decision.candidate is not None
    assert decision.candidate.violations == 0


def test_reasons_are_told_where_nobody_can_go() -> None:
    nodes = [
        node("small", cpu="1"),
        node("full", cpu="2"),
        node("half", cpu="4"),
        node("cordoned", unschedulable=True),
    ]
    placed = [
        on("full", pod("high", cpu="2", priority=100)),
        on("half", pod("high", cpu="3", priority=100)),
        on("half", pod("low", cpu="1", priority=1)),
    ]
    decision = decided(cycle_of(nodes, placed), pod("new", cpu="2", priority=50))
    assert decision.candidate is None
    assert decision.message == (
        "0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu. preemption: 0/4 nodes are available: "
        "1 Insufficient cpu, 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."
    )


def test_a_pod_whose_policy_is_never_takes_nobodys_place() -> None:
    cycle = cycle_of([node("a", cpu="1")], [on("a", pod("x", cpu="1"))])
    decision = decided(cycle, pod("new", cpu="1", priority=10, preemptionPolicy="Never"))
    assert decision.candidate is None
    assert decision.message.endswith("preemption: not eligible due to preemptionPolicy=Never.")


def test_a_pod_waits_for_its_victims_to_leave() -> None:
    leaving = on("a", pod("x", cpu="1", metadata={"deletionTimestamp": "2026-01-01T02:00:00Z"}))
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    leaving["status"]["conditions"] = [condition]
    nodes = [node("a", cpu="1"), node("b", cpu="1")]
    cycle = cycle_of(nodes, [leaving, on("b", pod("y", cpu="1"))])
    new = pod("new", cpu="1", priority=10)
    new["status"]["nominatedNodeName"] = "a"
    decision = decided(cycle, new)
    assert decision.candidate is None
    assert not decision.clear_nomination
    assert decision.message.endswith(
        "preemption: not eligible due to a terminating pod on the nominated node."
    )


def test_room_that_was_made_is_left_to_the_pod_it_was_made_for() -> None:
    cycle = cycle_of([node("a", cpu="1")], [])
    first = pod("first", cpu="1", priority=10, schedulingGates=[{"name": "x"}])
    first["status"]["nominatedNodeName"] = "a"
    cycle.pod_event(None, first, 0)
    refused = decided(cycle, pod("second", cpu="1", priority=10))
    assert refused.message.startswith("0/1 nodes are available: 1 Insufficient cpu.")
    assert cycle.table.pod_count[0] == 0
    assert decided(cycle, pod("third", cpu="1", priority=11)).node == "a"


def test_a_nominated_node_that_fits_is_taken_whatever_the_scores() -> None:
    cycle = cycle_of([node("a", cpu="2"), node("b", cpu="64")], [])
    new = pod("new", cpu="1")
    new["status"]["nominatedNodeName"] = "a"
    assert decided(cycle, new).node == "a"


def test_anti_affinity_is_made_room_for_too() -> None:
    apart = anti_affinity(app="x")
    placed = [
        on("a", pod("x", labels={"app": "x"})),
        on("b", pod("y", labels={"app": "x"}, priority=20)),
        on("a", pod("z")),
    ]
    cycle = cycle_of([node("a"), node("b")], placed)
    decision = decided(cycle, pod("new", priority=10, affinity=apart))
    assert victims(decision, cycle) == ("a", ["x"])
    assert cycle.table.node_of(placed[0]["metadata"]["uid"]) == "a"
    assert list(cycle.table.pod_count) == [2, 1]


small = st.builds(
    lambda cpu, priority, start, app: (
        pod("p", cpu=f"{cpu}m", priority=priority, labels={"app": app} if app else {}),
        start,
    ),
    st.sampled_from([0, 300, 500, 1000]),
    st.integers(0, 3),
    st.integers(0, 5),
    st.sampled_from(["", "x", "y"]),
)
clusters = st.lists(
    st.tuples(st.sampled_from([1000, 1500, 2000]), st.integers(1, 4), st.lists(small, max_size=5)),
    min_size=1,
    max_size=5,
)


def slow(shape: list[Any], cpu: int, priority: int, allowed: dict[str, int]) -> list[tuple[Any, ...]]:
    """The keys of all nodes on which preemption helps, by the plainest reading of upstream's rules."""
    keys = []
    for capacity, most, placed in shape:
        pods = [
            (tree["spec"]["priority"], start, int(_cpu(tree)), tree["metadata"]["labels"].get("app"))
            for tree, start in placed
        ]

        def fits(others: list[Any], capacity: int = capacity, most: int = most) -> bool:
            return (cpu == 0 or sum(p[2] for p in others) + cpu <= capacity) and len(others) + 1 <= most

        lower = sorted((p for p in pods if p[0] < priority), key=lambda p: (-p[0], p[1]))
        kept = [p for p in pods if p[0] >= priority]
        if fits(pods) or not lower or not fits(kept) or cpu > capacity:
            continue
        left, breaking, keeping = dict(allowed), [], []
        for each in lower:
            if each[3] in left:
                left[each[3]] -= 1
            (breaking if left.get(each[3], 0) < 0 else keeping).append(each)
        gone, broken = [], 0
        for each, breaks in [*((p, 1) for p in breaking), *((p, 0) for p in keeping)]:
            if fits([*kept, each]):
                kept.append(each)
            else:
                gone.append(each)
                broken += breaks
        highest = max(p[0] for p in gone)
        earliest = min(p[1] for p in gone if p[0] == highest)
        keys.append((broken, highest, sum(p[0] + 2**31 for p in gone), len(gone), -earliest))
    return keys


def _cpu(tree: dict[str, Any]) -> str:
    return str(tree["spec"]["containers"][0]["resources"]["requests"]["cpu"]).rstrip("m")


def start_hour(key: tuple[float, ...]) -> float:
    """The key's last part as hours after the first possible start."""
    return (-key[4] - 1_767_229_200) / 3600


@settings(max_examples=120, deadline=None)
@given(clusters, st.sampled_from([0, 300, 700, 1000]), st.integers(1, 4), st.integers(0, 1), st.booleans())
def test_both_ways_agree_with_the_plain_reading(
    shape: list[Any], cpu: int, priority: int, allowed: int, dear: bool
) -> None:
    placed = [
        on(f"n{index}", {**tree, "metadata": {**tree["metadata"], "uid": f"{index}-{number}", "name": f"p{index}-{number}"}}, start)
        for index, (_, _, pods) in enumerate(shape)
        for number, (tree, start) in enumerate(pods)
    ]  # fmt: skip
    nodes = [node(f"n{i}", cpu=f"{capacity}m", pods=most) for i, (capacity, most, _) in enumerate(shape)]
    cycle = cycle_of(nodes, placed, (budget("x", allowed, app="x"), budget("y", 0, app="y")))
    if dear:
        cycle.use((replace(DEFAULT_PROFILE, only_known=False),))
    before = [list(cycle.table.requested("cpu")), list(cycle.table.pod_count)]
    decision = decided(cycle, pod("new", cpu=f"{cpu}m", priority=priority))
    if decision.node is not None:
        return
    assert before == [list(cycle.table.requested("cpu")), list(cycle.table.pod_count)]
    keys = slow(shape, cpu, priority, {"x": allowed, "y": 0})
    if not keys:
        assert decision.candidate is None
        return
    assert decision.candidate is not None
    key = decision.candidate.key()
    assert (*key[:4], -start_hour(key)) == min(keys)


def test_what_was_found_for_a_row_is_found_again_after_it_changed() -> None:
    """A kept answer is void when a pod comes, when one starts, and when a budget changes."""
    cycle = cycle_of(
        [node("a", cpu="1"), node("b", cpu="1")],
        [on("a", pod("x", cpu="1"), 1), on("b", pod("y", cpu="1"), 2)],
    )
    new = pod("new", cpu="1", priority=10)
    cycle.pod_event(None, new, 0)
    (queued,) = cycle.queue.pop(1, 0)

    def again() -> Candidate:
        decision = deciding.decide(queued.facts, cycle.world_for(queued), random.Random(1))
        assert decision.candidate is not None
        return decision.candidate

    assert again().node == "b"
    y = next(each for each in (cycle.placed(uid) for uid in cycle.table.placements.on(1)) if each)
    cycle.pod_event(y, on("b", {**y}, 0), 0)
    assert again().node == "a"
    cycle.budget_event(None, budget("all", 0, app="q"), 0)
    assert again().node == "a"


def test_a_pod_of_a_profile_that_is_gone_keeps_no_room() -> None:
    other = replace(DEFAULT_PROFILE, name="other")
    cycle = Cycle(random.Random(1), profiles=(DEFAULT_PROFILE, other))
    cycle.node_event(None, node("a"), 0)
    waits = pod("p", schedulerName="other")
    cycle.pod_event(None, {**waits, "status": {"nominatedNodeName": "a"}}, 0)
    assert len(cycle.nominations) == 1
    cycle.use((DEFAULT_PROFILE,))
    assert (len(cycle.queue), len(cycle.nominations)) == (0, 0)
