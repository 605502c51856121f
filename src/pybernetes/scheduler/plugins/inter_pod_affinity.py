"""InterPodAffinity: near some pods, far from others; the terms of the pod and of those already placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pybernetes.api.meta import labels_of

from ..framework import MAX_SCORE, Change, Plugin, Rejection, World, on
from ..nodetable import Ints, Mask
from ..podfacts import AffinityTerm, PodFacts
from ..topology import add_rows, count_pods, per_domain

EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"


def covers(term: AffinityTerm, namespace: str, namespace_labels: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a term is about pods of this namespace."""
    if namespace in term.namespaces:
        return True
    selector = term.namespace_selector
    return selector is not None and selector.matches(namespace_labels.get(namespace, {}))


def _selects(term: AffinityTerm, other: PodFacts, world: World) -> bool:
    return covers(term, other.namespace, world.namespace_labels) and term.selector.matches(other.labels)


def _count(term: AffinityTerm, world: World, others: tuple[AffinityTerm, ...] = ()) -> Ints:
    """For each row, the pods that a term, and all `others`, are about."""
    namespaces: Iterable[str] | None = term.namespaces if term.namespace_selector is None else None
    return count_pods(
        world.table,
        term.selector,
        namespaces,
        lambda facts: (
            covers(term, facts.namespace, world.namespace_labels)
            and all(_selects(other, facts, world) for other in others)
        ),
    )


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
    counts = _count(pod.affinity[0], world, pod.affinity[1:])
    lacking = np.zeros(table.size, np.bool_)
    placed_somewhere = False
    for term in pod.affinity:
        domain = per_domain(table, term.topology_key, counts)
        lacking |= table.codes(term.topology_key) < 0
        missed |= domain == 0
        placed_somewhere = placed_somewhere or bool(domain.any())
    if not placed_somewhere and all(_selects(term, pod, world) for term in pod.affinity):
        return lacking
    return missed | lacking


def _near_unwanted(pod: PodFacts, world: World) -> Mask:
    refused = np.zeros(world.table.size, np.bool_)
    for term in pod.anti_affinity:
        refused |= per_domain(world.table, term.topology_key, _count(term, world)) > 0
    return refused


def _unwanted_by_placed(pod: PodFacts, world: World) -> Mask:
    refused = np.zeros(world.table.size, np.bool_)
    for key, counts in _reverse(pod, world, forbids=True).items():
        refused |= per_domain(world.table, key, counts) > 0
    return refused


def _reverse(pod: PodFacts, world: World, *, forbids: bool, hard_weight: int = 0) -> dict[str, Ints]:
    """By topology key: for each row, the placed pods' terms about this pod (counted, or added up by weight)."""
    found: dict[str, Ints] = {}
    for each in world.table.placements.terms_about(pod.labels):
        if each.hard and not hard_weight:
            continue
        if each.forbids == forbids and covers(each.term, pod.namespace, world.namespace_labels):
            counts = found.get(each.term.topology_key)
            if counts is None:
                counts = found[each.term.topology_key] = np.zeros(world.table.size, np.int64)
            add_rows(counts, each.rows, 1 if forbids else hard_weight if each.hard else each.weight)
    return found


def make(*, hard_weight: int = 1, ignore_preferred: bool = False) -> Plugin:
    """`hard_weight`: what a required term of a placed pod is worth to the pods it is about (hardPodAffinityWeight);
    `ignore_preferred`: pods without preferences of their own are not scored (ignorePreferredTermsOfExistingPods)."""

    def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
        """Preferred terms of the pod and of the placed ones, spread between 0 and 100."""
        table = world.table
        own = [
            *((term, term.weight) for term in pod.preferred_affinity),
            *((term, -term.weight) for term in pod.preferred_anti_affinity),
        ]
        if not own and ignore_preferred:
            return None
        reverse = _reverse(pod, world, forbids=False, hard_weight=hard_weight)
        if not own and not reverse:
            return None
        total = np.zeros(table.size, np.int64)
        for term, weight in own:
            total += weight * per_domain(table, term.topology_key, _count(term, world))
        for key, counts in reverse.items():
            total += per_domain(table, key, counts)
        lowest, highest = int(total[feasible].min()), int(total[feasible].max())
        if highest == lowest:
            return None
        spread = float(highest - lowest)
        return (float(MAX_SCORE) * ((total - lowest) / spread)).astype(np.int64)

    return Plugin(
        "InterPodAffinity",
        filter=fits,
        score=score,
        weight=2,
        unblocked_by=(
            on("AssignedPod", "add", "labels", "delete", hint=_is_about),
            on("Node", "add", "labels", "delete"),
        ),
    )


def _is_about(pod: PodFacts, change: Change) -> bool:
    """Whether a placed pod's coming, going or new labels touch a term of the waiting pod, or one of its own does."""
    if pod.has_affinity:
        for obj in (change.old, change.new):
            if obj is not None and any(
                term.selector.matches(labels_of(obj)) for term in (*pod.affinity, *pod.anti_affinity)
            ):
                return True
    old = change.old
    if old is None:
        return False
    return bool((old["spec"].get("affinity") or {}).get("podAntiAffinity"))


PLUGIN = make()
