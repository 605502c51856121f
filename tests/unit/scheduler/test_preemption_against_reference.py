"""Preemption and nominated pods agree with a slow reading: where a pod fits beside those that wait for room, and who has
to leave for it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from .random_preemption import crowd, preemption_differences
from .reference_preemption import choices, refused


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**40))
def test_refusals_and_victims_are_the_references(seed: int) -> None:
    assert preemption_differences(seed) == []


def test_the_random_crowds_reach_victims_reprieves_and_broken_budgets() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        it = crowd(seed)
        pod, cluster, arguments = it.case.pod, it.case.cluster, it.case.arguments
        if len(refused(pod, cluster, arguments, it.nominated)) == len(cluster.nodes):
            every = choices(pod, cluster, arguments, it.nominated, it.budgets)
            seen["none" if not every else "some"] += 1
            for each in every:
                lower = [
                    other
                    for other in cluster.placed
                    if other["spec"]["nodeName"] == each.node
                    and other["spec"]["priority"] < pod["spec"]["priority"]
                ]
                seen["reprieved"] += len(each.victims) < len(lower)
                seen["budget"] += each.violations > 0
                seen["several"] += len(each.victims) > 1
    least = {"none": 20, "some": 15, "reprieved": 8, "several": 4, "budget": 1}
    assert not {what: seen[what] for what, count in least.items() if seen[what] < count}
