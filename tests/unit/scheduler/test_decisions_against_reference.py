"""The vector engine agrees with the node-by-node reference: refusals and their reasons, scores integer for integer."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.scheduler.decide import decide
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.podfacts import FactsCache, read_facts

from .comparing import compare, profile, verdicts, world_of
from .random_clusters import Maker
from .stories import Story, story_differences
from .trees import node, pod

SEEDS = st.integers(0, 2**40)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_decision_is_the_references(seed: int) -> None:
    assert compare(Maker(seed).case(), seed) == []


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_an_engine_that_lived_through_changes_decides_as_the_reference_over_what_is_left(seed: int) -> None:
    assert story_differences(seed) == []


def test_the_random_cases_reach_every_filter_and_score() -> None:
    refusing: Counter[str] = Counter()
    scoring: Counter[str] = Counter()
    for seed in range(400):
        case, cache = Maker(seed).case(), FactsCache()
        world = world_of(case.cluster, cache)
        decision = decide(cache.of(case.pod), world, random.Random(seed), profile=profile(case.arguments))
        refusing.update(
            reason for _, reasons in verdicts(decision, world.table).values() for reason, _ in reasons
        )
        scoring.update(plugin for plugin, scores in decision.scores.items() if scores.any())
    assert {reason for reason in refusing if "Insufficient" not in reason} >= {
        "Too many pods",
        "node(s) were unschedulable",
        "node(s) didn't match the requested node name",
        "node(s) had untolerated taint(s)",
        "node(s) didn't match Pod's node affinity/selector",
        "node(s) didn't match scheduler-enforced node affinity",
        "node(s) didn't satisfy plugin(s) [NodeAffinity]",
        "node(s) didn't have free ports for the requested pod ports",
        "node(s) didn't match pod affinity rules",
        "node(s) didn't match pod anti-affinity rules",
        "node(s) didn't satisfy existing pods anti-affinity rules",
        "node(s) didn't match pod topology spread constraints",
        "node(s) didn't match pod topology spread constraints (missing required label)",
    }
    assert len({reason for reason in refusing if "Insufficient" in reason}) >= 5
    assert scoring.keys() >= {
        "TaintToleration",
        "NodeAffinity",
        "NodeResourcesFit",
        "NodeResourcesBalancedAllocation",
        "PodTopologySpread",
        "InterPodAffinity",
        "ImageLocality",
    }


def test_terms_that_name_no_common_node_refuse_the_pod_at_once() -> None:
    names = [{"key": "metadata.name", "operator": "In", "values": [name]} for name in ("n0", "n1")]
    terms = {"nodeSelectorTerms": [{"matchFields": names}]}
    asked = pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})
    table = NodeTable()
    for number in range(3):
        table.put_node(node(f"n{number}"))
    world = world_of(Maker(0).case().cluster, FactsCache(), table)
    decision = decide(read_facts(asked), world, random.Random(0))
    assert decision.message.startswith("0/3 nodes are available: pod affinity terms conflict.")


def test_ties_are_broken_by_the_seed_alone_and_reach_every_best_node() -> None:
    table = NodeTable()
    for number in range(5):
        table.put_node(node(f"n{number}"))
    world, facts = world_of(Maker(0).case().cluster, FactsCache(), table), read_facts(pod(cpu="1"))
    chosen = [decide(facts, world, random.Random(seed)).node for seed in range(40)]
    assert chosen == [decide(facts, world, random.Random(seed)).node for seed in range(40)]
    assert set(chosen) == {f"n{number}" for number in range(5)}


@pytest.mark.parametrize("seed", range(15))
def test_a_table_after_any_story_holds_what_a_fresh_one_does(seed: int) -> None:
    story = Story(seed)
    assert story.differences(10) == []
    old, fresh = story.table, world_of(story.cluster, story.cache).table
    for name, row in fresh.rows.items():
        before = old.rows[name]
        assert old.alive[before] == fresh.alive[row]
        if not fresh.alive[row]:
            continue
        assert old.labels_at(before) == fresh.labels_at(row)
        assert old.taint_sets[old.taint_set[before]] == fresh.taint_sets[fresh.taint_set[row]]
        for columns in ("pod_count", "nonzero_cpu", "nonzero_memory", "unschedulable"):
            assert getattr(old, columns)[before] == getattr(fresh, columns)[row]
        for resource in ("cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi", "pods"):
            assert old.allocatable(resource)[before] == fresh.allocatable(resource)[row]
            assert old.requested(resource)[before] == fresh.requested(resource)[row]
        assert old.placements.on(before) == fresh.placements.on(row)
    assert old.placements.term_keys == fresh.placements.term_keys
    assert len(old.placements.with_host_ports()) == len(fresh.placements.with_host_ports())


def test_a_story_longer_than_the_journal_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.scheduler.journal.MOST", 6)
    for seed in range(15):
        assert story_differences(seed) == []


def test_what_is_kept_stays_right_where_little_may_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CELLS", 1), ("LEAST", 1), ("MOST", 1), ("KNOWN", 2)):
        monkeypatch.setattr(f"pybernetes.scheduler.kept.{name}", value)
    for seed in range(15):
        assert story_differences(seed) == []
