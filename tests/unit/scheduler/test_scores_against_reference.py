"""The vector operations agree with the one-node-at-a-time reference, integer for integer."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.scheduler.decide import decide
from pybernetes.scheduler.framework import World
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.podfacts import read_facts

from . import reference
from .trees import node, pod

pods = st.builds(
    lambda cpu, memory: pod(cpu=f"{cpu}m" if cpu else "", memory=f"{memory}Mi" if memory else ""),
    st.sampled_from([0, 1, 100, 333, 1500]),
    st.sampled_from([0, 1, 77, 512, 3000]),
)
nodes = st.lists(
    st.tuples(
        st.sampled_from([0, 1000, 3000, 7777]),
        st.sampled_from([0, 1024, 4096, 10007]),
        st.integers(0, 4),
        st.lists(pods, max_size=4),
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(pods, nodes)
def test_resources(wanted: dict, shape: list[tuple]) -> None:
    table = NodeTable()
    for index, (cpu, memory, most, placed) in enumerate(shape):
        table.put_node(node(f"n{index}", cpu=f"{cpu}m", memory=f"{memory}Mi", pods=most))
        for number, each in enumerate(placed):
            table.place(f"{index}/{number}", f"n{index}", read_facts(each))
    decision = decide(read_facts(wanted), World(table), random.Random(1))
    sizes = [(cpu, memory * 1024 * 1024) for cpu, memory, *_ in shape]
    fitting = [
        reference.fits(wanted, placed, *size, most)
        for size, (_, _, most, placed) in zip(sizes, shape, strict=True)
    ]
    assert decision.feasible == sum(fitting)
    if decision.feasible < 2:
        return
    best = {}
    for index, (size, (_, _, _, placed)) in enumerate(zip(sizes, shape, strict=True)):
        if fitting[index]:
            least = reference.least_allocated(wanted, placed, *size)
            assert decision.scores["NodeResourcesFit"][index] == least
            balanced = 0
            if read_facts(wanted).requests:
                balanced = reference.balanced(wanted, placed, *size)
                assert decision.scores["NodeResourcesBalancedAllocation"][index] == balanced
            best[f"n{index}"] = least + balanced
    assert best[decision.node or ""] == max(best.values())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=30), st.randoms())
def test_counts_after_any_moves_equal_those_of_a_fresh_table(moves: list[tuple], rng: random.Random) -> None:
    """Placing, moving and removing pods leaves exactly the sums of what is placed."""
    kinds = [
        pod(cpu="100m"),
        pod(memory="64Mi"),
        pod(ports=[{"hostPort": 80}]),
        pod(cpu="1", labels={"a": "b"}),
    ]
    facts = [read_facts(each) for each in kinds]
    table, placed = NodeTable(), {}
    for number in range(4):
        table.put_node(node(f"n{number}"))
    for uid, kind, gone in moves:
        if gone:
            table.unplace(str(uid))
            placed.pop(uid, None)
        else:
            where = f"n{rng.randrange(4)}"
            table.place(str(uid), where, facts[kind])
            placed[uid] = (where, kind)
    fresh = NodeTable()
    for number in range(4):
        fresh.put_node(node(f"n{number}"))
    for uid, (where, kind) in placed.items():
        fresh.place(str(uid), where, facts[kind])
    for resource in ("cpu", "memory"):
        assert list(table.requested(resource)) == list(fresh.requested(resource))
    assert list(table.pod_count) == list(fresh.pod_count)
    assert list(table.nonzero_cpu) == list(fresh.nonzero_cpu)
    assert dict(table.placements.host_ports()) == dict(fresh.placements.host_ports())
    assert {f: dict(r) for f, r in table.placements.classes()} == {
        f: dict(r) for f, r in fresh.placements.classes()
    }
