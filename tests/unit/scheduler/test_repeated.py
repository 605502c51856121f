"""Pods of one template in a row get exactly what each would get if it were decided on alone."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.scheduler.cycle import Cycle

from .repeating import Twins, repeated_differences
from .trees import node, pod


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**40))
def test_each_decision_is_what_it_would_be_alone(seed: int) -> None:
    assert repeated_differences(seed) == []


def plain(nodes: int = 8) -> Twins:
    twins = Twins(1)
    twins.cycles = [Cycle(random.Random(5)) for _ in range(2)]
    twins.case.cluster.placed.clear()
    for cycle in twins.cycles:
        for number in range(nodes):
            cycle.node_event(None, node(f"n{number}", cpu=str(2 + number % 3)), 0)
    return twins


def test_plain_pods_are_decided_on_by_the_one_before_until_nodes_are_full() -> None:
    twins = plain()
    twins.add(pod("template", cpu="300m"), 100)
    hinted = twins.compare(random.Random(1))
    assert twins.differences == []
    assert 30 < hinted < 100
    assert len(twins.cycles[0].table.placements) == sum((6, 10, 13)[number % 3] for number in range(8))


def test_more_pods_than_one_decision_serves() -> None:
    twins = plain(nodes=40)
    twins.add(pod("template", cpu="1m"), 300)
    assert 290 < twins.compare(random.Random(1)) < 300


def test_a_change_of_nodes_a_nomination_or_another_template_begins_anew() -> None:
    twins = plain()
    twins.add(pod("template", cpu="10m"), 3)
    assert twins.compare(random.Random(1)) == 2
    for cycle in twins.cycles:
        cycle.node_event(None, node("new", cpu="64"), 0)
    twins.add(pod("template", cpu="10m"), 3)
    assert twins.compare(random.Random(1)) == 4
    twins.add(pod("template", cpu="20m"), 1)
    assert twins.compare(random.Random(1)) == 4
    nominated = pod("nominated", cpu="10m")
    twins.tell(None, {**nominated, "spec": {**nominated["spec"], "schedulingGates": [{"name": "g"}]}})
    for cycle in twins.cycles:
        queued = cycle.queue.get(nominated["metadata"]["uid"])
        assert queued is not None
        cycle.nominations.add(queued.uid, "n1", queued.facts)
    twins.add(pod("template", cpu="20m"), 3)
    assert twins.compare(random.Random(1)) == 4
    assert twins.differences == []
