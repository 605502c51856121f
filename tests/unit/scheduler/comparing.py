"""Holds the engine's decision about a case against the reference's."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from pybernetes.scheduler.decide import Decision, decide
from pybernetes.scheduler.framework import Plugin, World
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.plugins import (
    image_locality,
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    node_unschedulable,
    pod_topology_spread,
    priority_sort,
    taint_toleration,
)
from pybernetes.scheduler.plugins.resource_scoring import Strategy
from pybernetes.scheduler.podfacts import FactsCache
from pybernetes.scheduler.profile import Profile, profile_of
from pybernetes.scheduler.workloads import Workloads

from .random_clusters import Case
from .reference import Answer, Arguments
from .reference import decide as decide_slowly
from .reference_nodes import Tree
from .reference_pods import Cluster


class Kept:
    """The objects of one kind, as `Workloads` asks for them."""

    def __init__(self, objects: list[Tree]) -> None:
        self.objects = objects

    def list(self, namespace: str = "") -> list[Tree]:
        return [each for each in self.objects if each["metadata"]["namespace"] == namespace]

    def get(self, key: str) -> Tree | None:
        raise AssertionError(key)

    def on_event(self, handler: Any) -> None:
        """Nothing changes."""


def profile(arguments: Arguments, *more: Plugin, name: str = "test") -> Profile:
    """Upstream's plugins in their order, with these arguments; `more` come after them."""
    fit = arguments.fit
    spread = pod_topology_spread.PLUGIN
    if not arguments.system:
        spread = pod_topology_spread.make(tuple(map(default_constraint, arguments.spread)))
    return profile_of(
        name,
        (
            priority_sort.PLUGIN,
            node_unschedulable.PLUGIN,
            node_name.PLUGIN,
            taint_toleration.PLUGIN,
            node_affinity.make(arguments.added_affinity),
            node_ports.PLUGIN,
            node_resources_fit.make(
                Strategy(fit["type"], tuple(fit["resources"]), tuple(fit["shape"]) or Strategy().shape),
                ignored=frozenset(arguments.ignored),
                ignored_groups=frozenset(arguments.ignored_groups),
            ),
            spread,
            inter_pod_affinity.make(
                hard_weight=arguments.affinity["hardWeight"],
                ignore_preferred=arguments.affinity["ignorePreferred"],
            ),
            node_resources_balanced_allocation.make(tuple(arguments.balanced)),
            image_locality.PLUGIN,
            *more,
        ),
    )


def default_constraint(tree: Tree) -> pod_topology_spread.Default:
    return pod_topology_spread.Default(
        tree["topologyKey"],
        tree["maxSkew"],
        tree["whenUnsatisfiable"] == "DoNotSchedule",
        min_domains=tree.get("minDomains", 1),
        honor_affinity=tree.get("nodeAffinityPolicy", "Honor") == "Honor",
        honor_taints=tree.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def world_of(cluster: Cluster, cache: FactsCache, table: NodeTable | None = None) -> World:
    """The world of a cluster, its table filled from scratch unless one is given."""
    if table is None:
        table = NodeTable()
        for node in cluster.nodes:
            table.put_node(node)
        for pod in cluster.placed:
            table.place(pod["metadata"]["uid"], pod["spec"]["nodeName"], cache.of(pod, placed=True))
    workloads = Workloads(Kept(cluster.services), {})  # type: ignore[arg-type]
    return World(table, cluster.namespaces, workloads.selector)


def compare(case: Case, seed: int = 0) -> list[str]:
    """What differs, in words; nothing where both agree."""
    cache = FactsCache()
    world = world_of(case.cluster, cache)
    decision = decide(cache.of(case.pod), world, random.Random(seed), profile=profile(case.arguments))
    return differences(decision, decide_slowly(case.pod, case.cluster, case.arguments), world.table)


def differences(decision: Decision, answer: Answer, table: NodeTable) -> list[str]:
    found: list[str] = []
    if answer.whole:
        if decision.node is not None or answer.whole not in decision.message:
            found.append(f"node {decision.node} ({decision.message}), expected none ({answer.whole})")
        return found
    told = verdicts(decision, table)
    for name in sorted({*told, *answer.refused}):
        plugin, refusals = answer.refused.get(name, ("", []))
        expected = (plugin, sorted(refusals))
        if told.get(name, ("", [])) != expected:
            found.append(f"{name}: refused by {told.get(name)}, expected {expected}")
    if decision.feasible != len(answer.feasible):
        found.append(f"{decision.feasible} feasible, expected {answer.feasible}")
    found += score_differences(decision.scores, answer, table)
    if (decision.node is None) != (not answer.best) or (answer.best and decision.node not in answer.best):
        found.append(f"chose {decision.node}, expected one of {sorted(answer.best)}")
    return found


def verdicts(decision: Decision, table: NodeTable) -> dict[str, tuple[str, list[tuple[str, bool]]]]:
    """By node, the plugin that refused it, with its reasons."""
    found: dict[str, tuple[str, list[tuple[str, bool]]]] = {}
    for verdict in decision.verdicts:
        for each in verdict.rejections:
            for name, row in table.rows.items():
                if each.nodes[row]:
                    can_help = each.resolvable if isinstance(each.resolvable, bool) else each.resolvable[row]
                    plugin, reasons = found.setdefault(name, (verdict.plugin, []))
                    assert plugin == verdict.plugin, f"{name} is refused by {plugin} and {verdict.plugin}"
                    reasons.append((each.reason, bool(can_help)))
                    reasons.sort()
    return found


def score_differences(scores: Mapping[str, Any], answer: Answer, table: NodeTable) -> list[str]:
    """A plugin that has no say gives every node 0; so does one that gives nothing where it could have a say."""
    found = []
    if not answer.scores:
        return [f"scores {[*scores]} of one node or none"] if scores else []
    for plugin in sorted({*scores, *answer.scores}):
        for name in answer.feasible:
            told = int(scores[plugin][table.rows[name]]) if plugin in scores else 0
            expected = answer.scores.get(plugin, {}).get(name, 0)
            if told != expected:
                found.append(f"{plugin} gives {name} {told}, expected {expected}")
    return found
