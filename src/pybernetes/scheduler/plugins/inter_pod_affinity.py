"""InterPodAffinity: near some pods, far from others; the terms of the pod and of those already placed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from ..framework import MAX_SCORE, Plugin, Rejection, World, on
from ..nodetable import Ints, Mask
from ..podfacts import AffinityTerm, PodFacts
from ..topology import add_rows, count_pods, per_domain

EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
HARD_AFFINITY_WEIGHT = 1


def selects(term: AffinityTerm, other: PodFacts, namespace_labels: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a term is about this pod."""
    if other.namespace not in term.namespaces:
        selector = term.namespace_selector
        if selector is None or not selector.matches(namespace_labels.get(other.namespace, {})):
            return False
    return term.selector.matches(other.labels)


def _namespaces(term: AffinityTerm) -> Iterable[str] | None:
    return term.namespaces if term.namespace_selector is None else None


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    found: list[Rejection] = []
    refused = np.zeros(world.table.size, np.bool_)
    for reason, nodes, resolvable in (
        (AFFINITY, _misses_affinity(pod, world), False),
        (ANTI_AFFINITY, _near_unwanted(pod, world), True),
        (EXISTING, _unwanted_by_placed(pod, world), True),
    ):
        found.append(Rejection(reason, nodes & ~refused, resolvable=resolvable))
        refused |= nodes
    return tuple(each for each in found if each.nodes.any())


def _misses_affinity(pod: PodFacts, world: World) -> Mask:
    """Nodes that lack a label of a required term, or in whose domain no pod is that matches all terms.

    The first pod of a group may go anywhere: no pod matches yet, and it matches its own terms.
    """
    table = world.table
    missed = np.zeros(table.size, np.bool_)
    if not pod.affinity:
        return missed

    def matches_all(other: PodFacts) -> bool:
        return all(selects(term, other, world.namespace_labels) for term in pod.affinity)

    counts = count_pods(table, matches_all, _common_namespaces(pod.affinity))
    lacking = np.zeros(table.size, np.bool_)
    placed_somewhere = False
    for term in pod.affinity:
        domain = per_domain(table, term.topology_key, counts)
        lacking |= table.codes(term.topology_key) < 0
        missed |= domain == 0
        placed_somewhere = placed_somewhere or bool(domain.any())
    if not placed_somewhere and matches_all(pod):
        return lacking
    return missed | lacking


def _common_namespaces(terms: tuple[AffinityTerm, ...]) -> Iterable[str] | None:
    """The namespaces of the first term that names them: pods elsewhere cannot match all terms."""
    return next((term.namespaces for term in terms if term.namespace_selector is None), None)


def _near_unwanted(pod: PodFacts, world: World) -> Mask:
    refused = np.zeros(world.table.size, np.bool_)
    for term in pod.anti_affinity:

        def about(other: PodFacts, term: AffinityTerm = term) -> bool:
            return selects(term, other, world.namespace_labels)

        counts = count_pods(world.table, about, _namespaces(term))
        refused |= per_domain(world.table, term.topology_key, counts) > 0
    return refused


def _unwanted_by_placed(pod: PodFacts, world: World) -> Mask:
    refused = np.zeros(world.table.size, np.bool_)
    for key, counts in _reverse(
        pod, world, lambda facts: [(term, 1) for term in facts.anti_affinity]
    ).items():
        refused |= per_domain(world.table, key, counts) > 0
    return refused


def _reverse(
    pod: PodFacts, world: World, terms_of: Callable[[PodFacts], list[tuple[AffinityTerm, int]]]
) -> dict[str, Ints]:
    """By topology key: for each row, the weights of placed pods' terms that are about this pod."""
    found: dict[str, Ints] = {}
    for facts, rows in world.table.placements.with_affinity():
        for term, weight in terms_of(facts):
            if selects(term, pod, world.namespace_labels):
                counts = found.get(term.topology_key)
                if counts is None:
                    counts = found[term.topology_key] = np.zeros(world.table.size, np.int64)
                add_rows(counts, rows, weight)
    return found


def _weighted(facts: PodFacts) -> list[tuple[AffinityTerm, int]]:
    """What a placed pod's terms are worth to a pod they are about."""
    return [
        *((term, HARD_AFFINITY_WEIGHT) for term in facts.affinity),
        *((term, term.weight) for term in facts.preferred_affinity),
        *((term, -term.weight) for term in facts.preferred_anti_affinity),
    ]


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
    """Preferred terms of the pod and of the placed ones, spread between 0 and 100."""
    table = world.table
    total = np.zeros(table.size, np.int64)
    own = [
        *((term, term.weight) for term in pod.preferred_affinity),
        *((term, -term.weight) for term in pod.preferred_anti_affinity),
    ]
    for term, weight in own:

        def about(other: PodFacts, term: AffinityTerm = term) -> bool:
            return selects(term, other, world.namespace_labels)

        total += weight * per_domain(table, term.topology_key, count_pods(table, about, _namespaces(term)))
    for key, counts in _reverse(pod, world, _weighted).items():
        total += per_domain(table, key, counts)
    lowest, highest = int(total[feasible].min()), int(total[feasible].max())
    if highest == lowest:
        return None
    spread = float(highest - lowest)
    return (float(MAX_SCORE) * ((total - lowest) / spread)).astype(np.int64)


PLUGIN = Plugin(
    "InterPodAffinity",
    filter=fits,
    score=score,
    weight=2,
    unblocked_by=(on("AssignedPod", "add", "labels", "delete"), on("Node", "add", "labels")),
)
