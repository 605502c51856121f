"""Who would have to leave which node for a pod, and what pods do that wait for room on one: slow and obvious.

Written from upstream's documentation of preemption, over plain objects; filters are asked again for every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import reference
from .reference import Arguments
from .reference_nodes import Refusals, Tree, labels_of
from .reference_pods import Cluster, matches

Nominated = Sequence[tuple[Tree, str]]
"""(pod, node)."""


@dataclass(frozen=True)
class Choice:
    """`key`: smaller is better."""

    node: str
    victims: frozenset[str]
    violations: int
    key: tuple[float, ...]


def priority(pod: Tree) -> int:
    return int(pod["spec"].get("priority") or 0)


def refusal(
    pod: Tree, node: Tree, cluster: Cluster, arguments: Arguments, nominated: Nominated
) -> tuple[str, Refusals] | None:
    """The first filter that refuses the node, beside the pods of at least this priority that wait for room there, or
    without them."""
    found = reference.refusal(pod, node, cluster, arguments)
    if found is not None:
        return found
    name = node["metadata"]["name"]
    first = [
        {**each, "spec": {**each["spec"], "nodeName": name}}
        for each, where in nominated
        if where == name
        and priority(each) >= priority(pod)
        and each["metadata"]["uid"] != pod["metadata"]["uid"]
    ]
    if not first:
        return None
    beside = replace(cluster, placed=[*cluster.placed, *first])
    return reference.refusal(pod, node, beside, arguments)


def refused(
    pod: Tree, cluster: Cluster, arguments: Arguments, nominated: Nominated
) -> dict[str, tuple[str, Refusals]]:
    found = {}
    for node in cluster.nodes:
        why = refusal(pod, node, cluster, arguments, nominated)
        if why is not None:
            found[node["metadata"]["name"]] = why
    return found


def choices(
    pod: Tree, cluster: Cluster, arguments: Arguments, nominated: Nominated, budgets: Sequence[Tree]
) -> list[Choice]:
    """Every node on which the pod would fit if some of lower priority left."""
    found = []
    whys = refused(pod, cluster, arguments, nominated)
    for node in cluster.nodes:
        _, refusals = whys[node["metadata"]["name"]]
        if all(can_help for _, can_help in refusals):
            choice = on_node(pod, node, cluster, arguments, nominated, budgets)
            if choice is not None:
                found.append(choice)
    return found


def started(pod: Tree) -> float:
    return float(pod["status"]["startTime"][14:16]) * 60 + float(pod["status"]["startTime"][17:19])


def on_node(
    pod: Tree,
    node: Tree,
    cluster: Cluster,
    arguments: Arguments,
    nominated: Nominated,
    budgets: Sequence[Tree],
) -> Choice | None:
    lower = [each for each in cluster.on(node) if priority(each) < priority(pod)]
    if not lower:
        return None
    lower.sort(key=lambda each: (-priority(each), started(each)))

    def fits(gone: list[Tree]) -> bool:
        left = [each for each in cluster.placed if each not in gone]
        return refusal(pod, node, replace(cluster, placed=left), arguments, nominated) is None

    if not fits(lower):
        return None
    breaking = breaks(lower, budgets)
    order = [each for each in lower if each in breaking] + [each for each in lower if each not in breaking]
    gone = list(lower)
    for each in order:
        without = [other for other in gone if other is not each]
        if fits(without):
            gone = without
    violations = sum(each in breaking for each in gone)
    highest = max((priority(each) for each in gone), default=-(2**31))
    earliest = min((started(each) for each in gone if priority(each) == highest), default=0.0)
    total = sum(priority(each) + 2**31 for each in gone)
    key = (violations, highest, total, len(gone), -earliest)
    return Choice(
        node["metadata"]["name"], frozenset(each["metadata"]["uid"] for each in gone), violations, key
    )


def breaks(victims: list[Tree], budgets: Sequence[Tree]) -> list[Tree]:
    """The victims whose leaving, after those before them, breaks a budget."""
    left = [each["status"]["disruptionsAllowed"] for each in budgets]
    found = []
    for victim in victims:
        broken = False
        for number, budget in enumerate(budgets):
            if budget["metadata"]["namespace"] != victim["metadata"]["namespace"] or not labels_of(victim):
                continue
            selector = budget["spec"]["selector"]
            if not matches(selector, labels_of(victim)):
                continue
            if victim["metadata"]["name"] in (budget["status"].get("disruptedPods") or {}):
                continue
            left[number] -= 1
            broken = broken or left[number] < 0
        if broken:
            found.append(victim)
    return found
