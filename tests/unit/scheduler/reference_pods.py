"""PodTopologySpread and InterPodAffinity of one pod on one node: slow and obvious.

Written from upstream's documentation, over plain objects; nothing of the engine is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .reference_nodes import PREFERRED, REQUIRED, Refusals, Tree, labels_of, repels, wants_node

HOSTNAME = "kubernetes.io/hostname"
SYSTEM = (
    {"topologyKey": HOSTNAME, "maxSkew": 3, "whenUnsatisfiable": "ScheduleAnyway"},
    {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 5, "whenUnsatisfiable": "ScheduleAnyway"},
)


@dataclass
class Cluster:
    """`placed`: the pods that have a node, by their `spec.nodeName`."""

    nodes: list[Tree]
    placed: list[Tree] = field(default_factory=list)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    services: list[Tree] = field(default_factory=list)

    def on(self, node: Tree) -> list[Tree]:
        return [pod for pod in self.placed if pod["spec"]["nodeName"] == node["metadata"]["name"]]


def matches(selector: Tree | None, labels: dict[str, str]) -> bool:
    """A LabelSelector: absent matches nothing, empty everything."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions") or []:
        value, values = labels.get(each["key"]), each.get("values") or []
        good = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not good[each["operator"]]:
            return False
    return True


def empty(selector: Tree | None) -> bool:
    return selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")


# Spreading.


def narrowed(tree: Tree, labels: dict[str, str]) -> Tree | None:
    """The label selector with `matchLabelKeys` and `mismatchLabelKeys`, as the pod's own labels have them."""
    selector = tree.get("labelSelector")
    more = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for which, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in tree.get(which) or []
        if key in labels
    ]
    if selector is None or not more:
        return selector
    return {**selector, "matchExpressions": [*(selector.get("matchExpressions") or []), *more]}


def constraints(pod: Tree, cluster: Cluster, when: str, defaults: Sequence[Tree]) -> list[Tree]:
    """The pod's own constraints of a kind, or, where it has none at all, the default ones over the pods of its
    Services."""
    own = pod["spec"].get("topologySpreadConstraints") or []
    if own:
        found = [{**each, "labelSelector": narrowed(each, labels_of(pod))} for each in own]
    else:
        pairs: dict[str, str] = {}
        for service in cluster.services:
            wanted = service["spec"]["selector"]
            if service["metadata"]["namespace"] == pod["metadata"]["namespace"] and all(
                labels_of(pod).get(key) == value for key, value in wanted.items()
            ):
                pairs |= wanted
        if not pairs:
            return []
        found = [{**each, "labelSelector": {"matchLabels": pairs}} for each in defaults]
        found = [{**each, "labelSelector": narrowed(each, labels_of(pod))} for each in found]
    return [each for each in found if each["whenUnsatisfiable"] == when]


def has_keys(node: Tree, of: Sequence[Tree]) -> bool:
    return all(each["topologyKey"] in labels_of(node) for each in of)


def included(pod: Tree, node: Tree, constraint: Tree) -> bool:
    if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" and not wants_node(pod, node):
        return False
    return not (constraint.get("nodeTaintsPolicy", "Ignore") == "Honor" and repels(pod, node))


def counted(pod: Tree, node: Tree, cluster: Cluster, constraint: Tree) -> int:
    """The pods of a node that the constraint is about. An empty selector counts none."""
    selector = constraint["labelSelector"]
    if empty(selector):
        return 0
    return sum(
        each["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and not each["metadata"].get("deletionTimestamp")
        and matches(selector, labels_of(each))
        for each in cluster.on(node)
    )


def spread_filter(pod: Tree, node: Tree, cluster: Cluster, defaults: Sequence[Tree]) -> Refusals:
    hard = constraints(pod, cluster, "DoNotSchedule", defaults)
    for each in hard:
        key = each["topologyKey"]
        if key not in labels_of(node):
            return [("node(s) didn't match pod topology spread constraints (missing required label)", False)]
        domains: dict[str, int] = {}
        for other in cluster.nodes:
            if has_keys(other, hard) and included(pod, other, each):
                domain = labels_of(other)[key]
                domains[domain] = domains.get(domain, 0) + counted(pod, other, cluster, each)
        least = 0 if len(domains) < (each.get("minDomains") or 1) else min(domains.values())
        own = int(matches(each["labelSelector"], labels_of(pod)))
        if domains.get(labels_of(node)[key], 0) + own - least > each["maxSkew"]:
            return [("node(s) didn't match pod topology spread constraints", True)]
    return []


def spread_scores(
    pod: Tree, feasible: Sequence[Tree], cluster: Cluster, defaults: Sequence[Tree], *, system: bool
) -> list[int] | None:
    """The normalized scores of the feasible nodes; None where the pod has no soft constraints."""
    soft = constraints(pod, cluster, "ScheduleAnyway", defaults)
    if not soft:
        return None
    all_keys = bool(pod["spec"].get("topologySpreadConstraints")) or not system
    ignored = [all_keys and not has_keys(node, soft) for node in feasible]
    scored = [node for node, out in zip(feasible, ignored, strict=True) if not out]
    raw = []
    for node, out in zip(feasible, ignored, strict=True):
        total = 0.0
        for each in soft:
            key = each["topologyKey"]
            if out or key not in labels_of(node):
                continue
            if key == HOSTNAME:
                size, count = len(scored), counted(pod, node, cluster, each)
            else:
                size = len({labels_of(other).get(key) for other in scored})
                count = sum(
                    counted(pod, other, cluster, each)
                    for other in cluster.nodes
                    if labels_of(other).get(key) == labels_of(node)[key]
                    and not (all_keys and not has_keys(other, soft))
                    and included(pod, other, each)
                )
            total += float(count) * math.log(float(size + 2)) + float(each["maxSkew"] - 1)
        raw.append(math.floor(total + 0.5))
    valid = [score for score, out in zip(raw, ignored, strict=True) if not out]
    if not valid:
        return [0] * len(raw)
    most, least = max(valid), min(valid)
    return [
        0 if out else 100 if most == 0 else 100 * (most + least - score) // most
        for score, out in zip(raw, ignored, strict=True)
    ]


# Affinity between pods.


def terms(pod: Tree, kind: str, strength: str) -> list[tuple[Tree, int]]:
    """(term, weight) of `podAffinity` or `podAntiAffinity`, required or preferred."""
    affinity = ((pod["spec"].get("affinity") or {}).get(kind)) or {}
    if strength == REQUIRED:
        return [(term, 0) for term in affinity.get(REQUIRED) or []]
    return [(each["podAffinityTerm"], each["weight"]) for each in affinity.get(PREFERRED) or []]


def about(term: Tree, owner: Tree, other: Tree, cluster: Cluster) -> bool:
    """Whether a term of `owner` is about the pod `other`."""
    namespace = other["metadata"]["namespace"]
    named, selector = term.get("namespaces") or [], term.get("namespaceSelector")
    if not named and selector is None:
        named = [owner["metadata"]["namespace"]]
    if namespace not in named and not matches(selector, cluster.namespaces.get(namespace, {})):
        return False
    return matches(narrowed(term, labels_of(owner)), labels_of(other))


def together(node: Tree, other: Tree, key: str) -> bool:
    """Whether two nodes are in the same domain of a label."""
    return key in labels_of(node) and labels_of(node)[key] == labels_of(other).get(key)


def neighbours(cluster: Cluster) -> Iterator[tuple[Tree, Tree]]:
    """(pod, its node) of the pods whose node is there."""
    nodes = {node["metadata"]["name"]: node for node in cluster.nodes}
    for pod in cluster.placed:
        if pod["spec"]["nodeName"] in nodes:
            yield pod, nodes[pod["spec"]["nodeName"]]


def affinity_filter(pod: Tree, node: Tree, cluster: Cluster) -> Refusals:
    required = [term for term, _ in terms(pod, "podAffinity", REQUIRED)]
    everyone = list(neighbours(cluster))
    good = [
        (each, where) for each, where in everyone if all(about(term, pod, each, cluster) for term in required)
    ]
    if required:
        first = all(about(term, pod, pod, cluster) for term in required) and not any(
            term["topologyKey"] in labels_of(where) for _, where in good for term in required
        )
        for term in required:
            key = term["topologyKey"]
            missing = key not in labels_of(node)
            if missing or (not first and not any(together(node, where, key) for _, where in good)):
                return [("node(s) didn't match pod affinity rules", False)]
    for term, _ in terms(pod, "podAntiAffinity", REQUIRED):
        for each, where in everyone:
            if about(term, pod, each, cluster) and together(node, where, term["topologyKey"]):
                return [("node(s) didn't match pod anti-affinity rules", True)]
    for each, where in everyone:
        for term, _ in terms(each, "podAntiAffinity", REQUIRED):
            if about(term, each, pod, cluster) and together(node, where, term["topologyKey"]):
                return [("node(s) didn't satisfy existing pods anti-affinity rules", True)]
    return []


def affinity_raw(pod: Tree, node: Tree, cluster: Cluster, hard_weight: int) -> int:
    total = 0
    for each, where in neighbours(cluster):
        for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
            for term, weight in terms(pod, kind, PREFERRED):
                if about(term, pod, each, cluster) and together(node, where, term["topologyKey"]):
                    total += sign * weight
            for term, weight in terms(each, kind, PREFERRED):
                if about(term, each, pod, cluster) and together(node, where, term["topologyKey"]):
                    total += sign * weight
        for term, _ in terms(each, "podAffinity", REQUIRED):
            if about(term, each, pod, cluster) and together(node, where, term["topologyKey"]):
                total += hard_weight
    return total


def affinity_scores(
    pod: Tree, feasible: Sequence[Tree], cluster: Cluster, arguments: dict[str, Any]
) -> list[int]:
    own = terms(pod, "podAffinity", PREFERRED) or terms(pod, "podAntiAffinity", PREFERRED)
    if arguments["ignorePreferred"] and not own:
        return [0] * len(feasible)
    raw = [affinity_raw(pod, node, cluster, arguments["hardWeight"]) for node in feasible]
    most, least = max(raw), min(raw)
    if most == least:
        return [0] * len(raw)
    return [int(100.0 * (float(score - least) / float(most - least))) for score in raw]
