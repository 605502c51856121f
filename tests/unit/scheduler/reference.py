"""The whole decision about one pod, node by node: every filter in its order, every score with its weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import reference_nodes as nodes
from . import reference_pods as pods
from . import reference_resources as resources
from .reference_nodes import Refusals, Tree
from .reference_pods import SYSTEM, Cluster

CPU_AND_MEMORY = [("cpu", 1), ("memory", 1)]


@dataclass
class Arguments:
    """The plugins' arguments, upstream's defaults."""

    added_affinity: Tree | None = None
    ignored: set[str] = field(default_factory=set)
    ignored_groups: set[str] = field(default_factory=set)
    fit: dict[str, Any] = field(
        default_factory=lambda: {"type": "LeastAllocated", "resources": CPU_AND_MEMORY, "shape": []}
    )
    balanced: list[str] = field(default_factory=lambda: ["cpu", "memory"])
    affinity: dict[str, Any] = field(default_factory=lambda: {"hardWeight": 1, "ignorePreferred": False})
    spread: Sequence[Tree] = SYSTEM
    """The default constraints."""

    @property
    def system(self) -> bool:
        return self.spread is SYSTEM


@dataclass
class Answer:
    """By node: the plugin that refused it with its refusals. Weighted scores by plugin and feasible node; a plugin
    without a say is not there."""

    refused: dict[str, tuple[str, Refusals]]
    feasible: list[str]
    scores: dict[str, dict[str, int]]
    best: set[str]
    whole: str = ""
    """Why no node at all can do."""


def refusal(pod: Tree, node: Tree, cluster: Cluster, arguments: Arguments) -> tuple[str, Refusals] | None:
    """The first filter that refuses the node."""
    named = nodes.named_nodes(pod)
    if named is not None and node["metadata"]["name"] not in named:
        return "NodeAffinity", [("node(s) didn't satisfy plugin(s) [NodeAffinity]", False)]
    on_node = cluster.on(node)
    for name, refuse in (
        ("NodeUnschedulable", lambda: nodes.node_unschedulable(pod, node)),
        ("NodeName", lambda: nodes.node_name(pod, node)),
        ("TaintToleration", lambda: nodes.taint_toleration(pod, node)),
        ("NodeAffinity", lambda: nodes.node_affinity(pod, node, arguments.added_affinity)),
        ("NodePorts", lambda: resources.node_ports(pod, on_node)),
        (
            "NodeResourcesFit",
            lambda: resources.fit(pod, node, on_node, arguments.ignored, arguments.ignored_groups),
        ),
        ("PodTopologySpread", lambda: pods.spread_filter(pod, node, cluster, arguments.spread)),
        ("InterPodAffinity", lambda: pods.affinity_filter(pod, node, cluster)),
    ):
        if found := refuse():
            return name, found
    return None


def decide(pod: Tree, cluster: Cluster, arguments: Arguments) -> Answer:
    if nodes.named_nodes(pod) == set():
        return Answer({}, [], {}, set(), "pod affinity terms conflict")
    refused = {}
    for node in cluster.nodes:
        found = refusal(pod, node, cluster, arguments)
        if found is not None:
            refused[node["metadata"]["name"]] = found
    left = [node for node in cluster.nodes if node["metadata"]["name"] not in refused]
    names = [node["metadata"]["name"] for node in left]
    if len(left) < 2:
        return Answer(refused, names, {}, set(names))
    scores = {
        plugin: dict(zip(names, each, strict=True))
        for plugin, each in _scores(pod, left, cluster, arguments).items()
    }
    totals = {name: sum(each[name] for each in scores.values()) for name in names}
    best = {name for name, total in totals.items() if total == max(totals.values())}
    return Answer(refused, names, scores, best)


def _scores(pod: Tree, left: list[Tree], cluster: Cluster, arguments: Arguments) -> dict[str, list[int]]:
    """Each plugin's normalized scores times its weight."""
    preferred = [nodes.preferred(pod, node, arguments.added_affinity) for node in left]
    found: dict[str, tuple[list[int] | None, int]] = {
        "TaintToleration": (reversed_share([nodes.intolerable(pod, node) for node in left]), 3),
        "NodeAffinity": (share(preferred), 2),
        "NodeResourcesFit": (
            [resources.resource_score(pod, node, cluster.on(node), arguments.fit) for node in left],
            1,
        ),
        "PodTopologySpread": (
            pods.spread_scores(pod, left, cluster, arguments.spread, system=arguments.system),
            2,
        ),
        "InterPodAffinity": (pods.affinity_scores(pod, left, cluster, arguments.affinity), 2),
        "ImageLocality": ([nodes.image_locality(pod, node, cluster.nodes) for node in left], 1),
    }
    balanced = [resources.balanced(pod, node, cluster.on(node), arguments.balanced) for node in left]
    if None not in balanced:
        found["NodeResourcesBalancedAllocation"] = ([each or 0 for each in balanced], 1)
    return {name: [score * weight for score in each] for name, (each, weight) in found.items() if each}


def share(raw: list[int]) -> list[int]:
    """The highest becomes 100."""
    return [100 * score // max(raw) if max(raw) else 0 for score in raw]


def reversed_share(raw: list[int]) -> list[int]:
    """The highest becomes 0, zero 100."""
    return [100 - each for each in share(raw)]
