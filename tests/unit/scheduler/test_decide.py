"""Decisions: each filter's verdict in upstream's words, the scores' effect, and the reasons counted."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pybernetes.lang.labelselector import from_labels
from pybernetes.scheduler.decide import Decision, StaticMasks, decide
from pybernetes.scheduler.framework import World
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.podfacts import read_facts, same_facts

from .trees import anti_affinity, node, pod, selects

ZONE = "topology.kubernetes.io/zone"


def table_of(*nodes: dict[str, Any], placed: dict[str, list[dict[str, Any]]] | None = None) -> NodeTable:
    table = NodeTable()
    for each in nodes:
        table.put_node(each)
    for name, pods in (placed or {}).items():
        for each in pods:
            table.place(each["metadata"]["uid"], name, read_facts(each, placed=True))
    return table


def decided(the_pod: dict[str, Any], table: NodeTable, **world: Any) -> Decision:
    return decide(read_facts(the_pod), World(table, **world), random.Random(1))


def test_no_node_at_all() -> None:
    assert decided(pod(), table_of()).message == "no nodes available to schedule pods"


def test_reasons_are_counted_over_nodes_in_upstreams_words() -> None:
    nodes = [node(f"small{n}", cpu="1") for n in range(2)]
    nodes += [
        node(f"tainted{n}", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}]) for n in range(3)
    ]
    decision = decided(pod(cpu="3"), table_of(*nodes, node("cordoned", unschedulable=True)))
    assert decision.node is None
    assert decision.message == (
        "0/6 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu, "
        "3 node(s) had untolerated taint(s). preemption: 0/6 nodes are available: "
        "6 Preemption is not helpful for scheduling."
    )
    assert decision.rejected_by == {"NodeUnschedulable", "TaintToleration", "NodeResourcesFit"}


def test_a_full_node_could_be_helped_by_preemption_if_there_were_a_victim() -> None:
    table = table_of(node("a", cpu="2"), placed={"a": [pod("x", cpu="1500m")]})
    assert decided(pod(cpu="1"), table).message == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )
    never = pod(cpu="1", preemptionPolicy="Never")
    assert decided(never, table).message.endswith("preemption: not eligible due to preemptionPolicy=Never.")


def test_one_node_may_be_short_of_several_things() -> None:
    table = table_of(node("a", cpu="1", memory="1Gi", pods=1), placed={"a": [pod("x")]})
    message = decided(pod(cpu="2", memory="2Gi"), table).message
    assert message.startswith(
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods."
    )


FILTERED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("selector", {}, {"nodeSelector": {"disk": "ssd"}}, "node(s) didn't match Pod's node affinity/selector"),
    ("selector matches", {"labels": {"disk": "ssd"}}, {"nodeSelector": {"disk": "ssd"}}, ""),
    ("exact toleration", {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]},
     {"tolerations": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}, ""),
    ("toleration of everything", {"taints": [{"key": "a", "effect": "NoExecute"}]},
     {"tolerations": [{"operator": "Exists"}]}, ""),
    ("toleration of another value", {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]},
     {"tolerations": [{"key": "a", "value": "c"}]}, "node(s) had untolerated taint(s)"),
    ("a soft taint filters nothing", {"taints": [{"key": "a", "effect": "PreferNoSchedule"}]}, {}, ""),
    ("cordoned and tolerated", {"unschedulable": True},
     {"tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]}, ""),
    ("named", {}, {"nodeName": "n"}, ""),
    ("named otherwise", {}, {"nodeName": "m"}, "node(s) didn't match the requested node name"),
    ("extended resource", {}, {"containers": [{"name": "c", "resources": {"requests": {"x.io/gpu": "1"}}}]},
     "Insufficient x.io/gpu"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("node_rest", "pod_rest", "reason"), [c[1:] for c in FILTERED], ids=[c[0] for c in FILTERED]
)
def test_filters_on_nodes(node_rest: dict[str, Any], pod_rest: dict[str, Any], reason: str) -> None:
    decision = decided(pod(**pod_rest), table_of(node("n", **node_rest)))
    if reason:
        assert decision.message.startswith(f"0/1 nodes are available: 1 {reason}.")
    else:
        assert decision.node == "n"


EXPRESSIONS = [
    ("In", ["a", "b"], ["x"]),
    ("NotIn", ["a"], ["y", "z"]),
    ("Exists", [], ["x", "y"]),
    ("DoesNotExist", [], ["z"]),
]


@pytest.mark.parametrize(("operator", "values", "allowed"), EXPRESSIONS)
def test_required_node_affinity(operator: str, values: list[str], allowed: list[str]) -> None:
    table = table_of(node("x", labels={"k": "a"}), node("y", labels={"k": "c"}), node("z"))
    term = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }
    decision = decided(pod(affinity=affinity), table)
    refused = decision.verdicts[0].rejections[0].nodes
    assert [name for name, no in zip(decision.names, refused, strict=True) if not no] == allowed


def test_a_daemons_pod_goes_to_the_node_it_names() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }
    assert decided(pod(affinity=affinity), table_of(node("a"), node("b"))).node == "b"
    message = decided(pod(affinity=affinity, cpu="9"), table_of(node("a"), node("b"))).message
    assert message.startswith(
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    )


def test_host_ports() -> None:
    taken = pod("x", ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}])
    table = table_of(node("a"), placed={"a": [taken]})
    wants = [{"containerPort": 80, "hostPort": 80}]
    assert (
        "1 node(s) didn't have free ports for the requested pod ports"
        in decided(pod(ports=wants), table).message
    )
    assert decided(pod(ports=[{**wants[0], "protocol": "UDP"}]), table).node == "a"
    assert decided(pod(ports=[{**wants[0], "hostIP": "10.0.0.2"}]), table).node == "a"
    table.unplace(taken["metadata"]["uid"])
    assert decided(pod(ports=wants), table).node == "a"


def test_the_least_allocated_node_wins() -> None:
    table = table_of(node("full"), node("empty"), placed={"full": [pod("x", cpu="2", memory="4Gi")]})
    decision = decided(pod(cpu="1", memory="1Gi"), table)
    assert decision.node == "empty"
    full, empty = decision.scores["NodeResourcesFit"]
    assert (full, empty) == ((25 + 37) // 2, (75 + 87) // 2)
    assert list(decision.scores["NodeResourcesBalancedAllocation"]) == [93, 93]


def test_soft_taints_and_preferred_affinity_are_weighted() -> None:
    soft = [{"key": "a", "effect": "PreferNoSchedule"}]
    table = table_of(node("x", taints=soft), node("y", labels={"disk": "ssd"}), node("z"))
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    preferred = [{"weight": 7, "preference": preference}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    decision = decided(pod(affinity=affinity), table)
    assert list(decision.scores["TaintToleration"]) == [0, 300, 300]
    assert list(decision.scores["NodeAffinity"]) == [0, 200, 0]
    assert decision.node == "y"


def test_a_big_image_draws() -> None:
    images = [{"names": ["img:latest", "img@sha256:0"], "sizeBytes": 523 * 1024 * 1024}]
    table = table_of(node("a"), node("b", images=images))
    decision = decided(pod(), table)
    assert decision.node == "b"
    assert decision.scores["ImageLocality"][1] == 100 * (523 * 1024 * 1024 // 2 - 23 * 1024 * 1024) // (
        977 * 1024 * 1024
    )


def spread(skew: int, key: str = ZONE, when: str = "DoNotSchedule", **rest: Any) -> list[dict[str, Any]]:
    constraint = {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": when,
        "labelSelector": selects(app="w"),
    }
    return [{**constraint, **rest}]


def test_hard_spread_over_zones() -> None:
    zones = [node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2"}), node("c")]
    table = table_of(*zones, placed={"a": [pod("x", labels={"app": "w"})]})
    wants = pod(labels={"app": "w"}, topologySpreadConstraints=spread(1))
    assert decided(wants, table).node == "b"
    full = pod(labels={"app": "w"}, topologySpreadConstraints=spread(1), nodeSelector={ZONE: "1"})
    assert decided(full, table).node == "a"  # other zones do not count where the pod may not go
    table.place("y", "b", read_facts(pod("y", labels={"app": "w"})))
    table.place("z", "b", read_facts(pod("z", labels={"app": "w"})))
    cordoned = {**zones[0], "spec": {"unschedulable": True}}
    table.put_node(cordoned)
    assert decided(wants, table).message.startswith(
        "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, "
        "1 node(s) didn't match pod topology spread constraints (missing required label), "
        "1 node(s) were unschedulable."
    )


def test_too_few_domains_count_as_an_empty_one() -> None:
    table = table_of(node("a", labels={ZONE: "1"}), placed={"a": [pod("x", labels={"app": "w"})]})
    assert decided(pod(labels={"app": "w"}, topologySpreadConstraints=spread(1)), table).node == "a"
    wants = pod(labels={"app": "w"}, topologySpreadConstraints=spread(1, minDomains=2))
    assert decided(wants, table).node is None


def test_default_spread_follows_services_and_controllers() -> None:
    table = table_of(
        node("a"), node("b"), node("c"),
        placed={"a": [pod("x", labels={"app": "w"})], "b": [pod("y", labels={"app": "w"})]},
    )  # fmt: skip
    decision = decided(pod(labels={"app": "w"}), table, default_selector=lambda _: from_labels({"app": "w"}))
    assert decision.node == "c"
    one = round(1 * 1.6094379 + 2)
    assert list(decision.scores["PodTopologySpread"]) == [
        2 * (100 * (one + 2 - one) // one), 2 * (100 * (one + 2 - one) // one), 200,
    ]  # fmt: skip


def test_anti_affinity_works_both_ways() -> None:
    lonely = pod("x", labels={"app": "w"}, affinity=anti_affinity(app="w"))
    table = table_of(node("a"), node("b"), placed={"a": [lonely]})
    assert decided(pod(labels={"app": "w"}), table).node == "b"
    other = pod(affinity=anti_affinity(app="w"))
    assert decided(other, table).node == "b"
    full = table_of(node("a"), placed={"a": [lonely]})
    assert (
        "1 node(s) didn't satisfy existing pods anti-affinity rules"
        in decided(pod(labels={"app": "w"}), full).message
    )
    assert "1 node(s) didn't match pod anti-affinity rules" in decided(other, full).message
    elsewhere = pod(namespace="other", labels={"app": "w"})
    assert decided(elsewhere, full).node == "a"


def affine(**labels: str) -> dict[str, Any]:
    term = {"labelSelector": selects(**labels), "topologyKey": ZONE}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_affinity_and_the_first_of_its_group() -> None:
    zones = [
        node("a", labels={ZONE: "1"}),
        node("b", labels={ZONE: "1"}),
        node("c", labels={ZONE: "2"}),
        node("d"),
    ]
    table = table_of(*zones, placed={"a": [pod("x", labels={"app": "db"})]})
    assert decided(pod(affinity=affine(app="db")), table).node in ("a", "b")
    first = pod(labels={"app": "new"}, affinity=affine(app="new"))
    decision = decided(first, table)
    assert decision.feasible == 3
    alone = decided(pod(affinity=affine(app="nobody")), table)
    assert "4 node(s) didn't match pod affinity rules" in alone.message


def test_namespace_selectors_look_into_other_namespaces() -> None:
    term = {"labelSelector": selects(app="db"), "topologyKey": ZONE, "namespaceSelector": selects(team="x")}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    table = table_of(
        node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2"}),
        placed={"b": [pod("x", namespace="other", labels={"app": "db"})]},
    )  # fmt: skip
    labels = {"other": {"team": "x"}}
    assert decided(pod(affinity=affinity), table, namespace_labels=labels).node == "b"
    assert decided(pod(affinity=affinity), table).node is None


def test_preferred_pod_affinity_scores() -> None:
    term = {"labelSelector": selects(app="db"), "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 10, "podAffinityTerm": term}]
    table = table_of(node("a"), node("b"), node("c"), placed={"b": [pod("x", labels={"app": "db"})]})
    near = {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    far = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    assert list(decided(pod(affinity=near), table).scores["InterPodAffinity"]) == [0, 200, 0]
    assert list(decided(pod(affinity=far), table).scores["InterPodAffinity"]) == [200, 0, 200]


def test_ties_are_broken_by_chance_and_repeatably() -> None:
    table = table_of(*(node(f"n{n}") for n in range(8)))
    facts = read_facts(pod())
    chosen = [decide(facts, World(table), random.Random(seed)).node for seed in range(40)]
    assert len(set(chosen)) > 4
    assert chosen == [decide(facts, World(table), random.Random(seed)).node for seed in range(40)]


def test_kept_masks_follow_the_nodes() -> None:
    table, masks = table_of(node("a", labels={"k": "1"}), node("b")), StaticMasks()
    facts = read_facts(pod(nodeSelector={"k": "1"}))
    assert decide(facts, World(table), random.Random(1), masks=masks).node == "a"
    table.put_node(node("a"))
    assert decide(facts, World(table), random.Random(1), masks=masks).node is None
    table.put_node(node("c", labels={"k": "1"}))
    assert decide(facts, World(table), random.Random(1), masks=masks).node == "c"
    table.remove_node("c")
    assert decide(facts, World(table), random.Random(1), masks=masks).node is None


def test_the_table_forgets_nodes_and_keeps_the_pods_of_unseen_ones() -> None:
    table = NodeTable()
    table.place("u", "later", read_facts(pod(cpu="3")))
    assert decided(pod(), table).message == "no nodes available to schedule pods"
    for n in range(40):
        table.put_node(node(f"n{n}"))
        table.remove_node(f"n{n}")
    table.put_node(node("later"))
    assert table.size == 2
    assert decided(pod(cpu="2"), table).node is None
    table.unplace("u")
    assert decided(pod(cpu="2"), table).node == "later"


def test_a_pod_that_surely_is_what_it_was_and_one_that_may_not_be() -> None:
    old = pod("web", cpu="1", labels={"app": "web"})
    bound = {**old, "spec": {**old["spec"], "nodeName": "a"}, "status": {"phase": "Running"}}
    assert same_facts(old, bound)
    assert same_facts(bound, {**bound, "status": {"phase": "Running", "conditions": []}})
    for path, value in (
        (("metadata", "labels"), {"app": "other"}),
        (("metadata", "deletionTimestamp"), "2026-01-01T00:00:00Z"),
        (("metadata", "uid"), "another"),
        (("spec", "priority"), 5),
        (("spec", "containers"), []),
    ):
        part, field = path
        assert not same_facts(old, {**bound, part: {**bound[part], field: value}})
    running = {"containerStatuses": [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]}
    assert not same_facts(bound, {**bound, "status": running})
    assert not same_facts({**bound, "status": running}, bound)


def test_an_image_has_the_size_that_the_first_node_told_as_long_as_any_has_it() -> None:
    def with_image(name: str, size: int) -> dict:
        return node(name, images=[{"names": ["img:latest"], "sizeBytes": size}])

    table = table_of(with_image("a", 100), with_image("b", 900))
    assert table.images["img:latest"].size == 100
    table.put_node(node("a"))
    assert (table.images["img:latest"].size, len(table.images["img:latest"].rows)) == (100, 1)
    table.put_node(with_image("b", 900))
    assert table.images["img:latest"].size == 900
    table.remove_node("b")
    assert table.images == {}
