"""InterPodAffinity: near some pods, far from others; the terms of the pod and of those already placed."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Literal

import numpy as np

from pybernetes.api.meta import labels_of

from ..framework import MAX_SCORE, Change, Plugin, Rejection, World, on
from ..kept import put, shelf, text_of
from ..nodetable import Ints, Mask
from ..placements import RowCounts
from ..podfacts import AffinityTerm, PodFacts
from ..tally import Classes, Tally, Weights, places_of

EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"


def covers(term: AffinityTerm, namespace: str, namespace_labels: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a term is about pods of this namespace."""
    if namespace in term.namespaces:
        return True
    selector = term.namespace_selector
    return selector is not None and selector.matches(namespace_labels.get(namespace, {}))


def about(term: AffinityTerm, other: PodFacts, world: World) -> bool:
    """Whether a term is about these pods."""
    return term.selector.matches(other.labels) and covers(term, other.namespace, world.namespace_labels)


# The tallies: how many placed pods of each domain a rule is about.


def _by_key(weighted: Iterable[tuple[AffinityTerm, int]]) -> Weights:
    """The weights of these terms by their topology key."""
    found: dict[str, int] = {}
    for term, weight in weighted:
        found[term.topology_key] = found.get(term.topology_key, 0) + weight
    return found


def _selected(terms: Iterable[AffinityTerm], world: World) -> Classes:
    """The classes that any of the terms may be about, each once."""
    found: dict[PodFacts, RowCounts] = {}
    for term in terms:
        namespaces = term.namespaces if term.namespace_selector is None else None
        found.update(world.table.placements.selected(term.selector, namespaces))
    return found.items()


def _selects_namespaces(terms: Iterable[AffinityTerm]) -> bool:
    return any(term.namespace_selector is not None for term in terms)


def _all_required(pod: PodFacts) -> Tally:
    """The pods that all the required terms are about."""
    keys = {term.topology_key: 1 for term in pod.affinity}

    def weigh(other: PodFacts, world: World) -> Weights:
        return keys if all(about(term, other, world) for term in pod.affinity) else {}

    return Tally(
        weigh,
        lambda world: _selected(pod.affinity[:1], world),
        selects_namespaces=_selects_namespaces(pod.affinity),
    )


def _unwanted(pod: PodFacts) -> Tally:
    """The pods that the required anti-affinity is about."""

    def weigh(other: PodFacts, world: World) -> Weights:
        return _by_key((term, 1) for term in pod.anti_affinity if about(term, other, world))

    return Tally(
        weigh,
        lambda world: _selected(pod.anti_affinity, world),
        selects_namespaces=_selects_namespaces(pod.anti_affinity),
    )


def _unwanting(pod: PodFacts) -> Tally:
    """The pods whose required anti-affinity is about this one."""

    def weigh(other: PodFacts, world: World) -> Weights:
        return _by_key((term, 1) for term in other.anti_affinity if about(term, pod, world))

    return Tally(weigh, lambda world: world.table.placements.with_terms_about(pod.labels).items())


def _preferred_terms(pod: PodFacts) -> list[tuple[AffinityTerm, int]]:
    """With what they are worth."""
    return [
        *((term, term.weight) for term in pod.preferred_affinity),
        *((term, -term.weight) for term in pod.preferred_anti_affinity),
    ]


def _wishes(pod: PodFacts) -> Tally:
    """The weights of the pod's preferred terms about placed pods."""
    own = _preferred_terms(pod)

    def weigh(other: PodFacts, world: World) -> Weights:
        return _by_key(each for each in own if about(each[0], other, world))

    return Tally(
        weigh,
        lambda world: _selected((term for term, _ in own), world),
        selects_namespaces=_selects_namespaces(term for term, _ in own),
    )


def _wished_for(pod: PodFacts, hard_weight: int) -> Tally:
    """The weights of placed pods' terms about the pod."""

    def terms_of(other: PodFacts) -> Iterable[tuple[AffinityTerm, int]]:
        yield from _preferred_terms(other)
        if hard_weight:
            yield from ((term, hard_weight) for term in other.affinity)

    def weigh(other: PodFacts, world: World) -> Weights:
        if not other.has_affinity:
            return {}
        return _by_key(each for each in terms_of(other) if about(each[0], pod, world))

    return Tally(weigh, lambda world: world.table.placements.with_terms_about(pod.labels).items())


def _kept(world: World, rule: Hashable, subject: Hashable, make: Callable[[], Tally]) -> Tally:
    """The tally of a rule about a subject, up to date."""
    kept = shelf(world.table, rule)
    tally: Tally = kept.get(subject) or put(world.table, kept, subject, make())
    tally.update(world)
    return tally


def _of_terms(world: World, rule: Callable[[PodFacts], Tally], pod: PodFacts, terms: object) -> Tally:
    """The tally of a rule about a pod's own terms; pods with the same ones share it."""
    subject = text_of(world.table, rule, pod, lambda: terms)
    return _kept(world, rule, subject, lambda: rule(pod))


# Filter.


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    found: list[Rejection] = []
    if pod.affinity:
        found.append(Rejection(AFFINITY, _misses_affinity(pod, world)))
    if pod.anti_affinity:
        _refuse(found, ANTI_AFFINITY, world, _of_terms(world, _unwanted, pod, pod.anti_affinity))
    placements = world.table.placements
    if placements.any_terms:
        unwanting = _kept(world, _unwanting, placements.told_by(pod), lambda: _unwanting(pod))
        _refuse(found, EXISTING, world, unwanting)
    return tuple(found)


def _refuse(found: list[Rejection], reason: str, world: World, tally: Tally) -> None:
    """Refuses the nodes in whose domains something is counted, except for those that are refused already."""
    nodes: Mask | None = None
    for key in tally.sums:
        more = tally.above_zero(world.table, key)
        nodes = more if nodes is None else nodes | more
    if nodes is not None:
        for earlier in found:
            nodes &= ~earlier.nodes
        found.append(Rejection(reason, nodes, resolvable=True))


def _misses_affinity(pod: PodFacts, world: World) -> Mask:
    """Nodes that lack a label of a required term, or in whose domain no pod is that matches all terms.

    The first pod of a group may go anywhere: no pod matches yet, and it matches its own terms.
    """
    table = world.table
    tally = _of_terms(world, _all_required, pod, pod.affinity)
    if not any(sums.any() for sums in tally.sums.values()) and all(
        about(term, pod, world) for term in pod.affinity
    ):
        lacking = np.zeros(table.size, np.bool_)
        for term in pod.affinity:
            lacking |= places_of(table, term.topology_key) == 0
        return lacking
    near = np.ones(table.size, np.bool_)
    for key in {term.topology_key for term in pod.affinity}:
        if key not in tally.sums:
            return np.ones(table.size, np.bool_)
        near &= tally.above_zero(table, key)
    return ~near


# Score.


def make(*, hard_weight: int = 1, ignore_preferred: bool = False) -> Plugin:
    """`hard_weight`: what a required term of a placed pod is worth to the pods it is about (hardPodAffinityWeight);
    `ignore_preferred`: pods without preferences of their own are not scored (ignorePreferredTermsOfExistingPods)."""
    rule = object()

    def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
        """Preferred terms of the pod and of the placed ones, spread between 0 and 100."""
        own = (pod.preferred_affinity, pod.preferred_anti_affinity)
        tallies = [_of_terms(world, _wishes, pod, own)] if any(own) else []
        placements = world.table.placements
        if placements.any_terms and (tallies or not ignore_preferred):
            tallies.append(_kept(world, rule, placements.told_by(pod), lambda: _wished_for(pod, hard_weight)))
        parts = [tally.of_rows(world.table, key) for tally in tallies for key in tally.sums]
        return _spread(functools.reduce(operator.add, parts), feasible) if parts else None

    return Plugin(
        "InterPodAffinity",
        filter=fits,
        score=score,
        weight=2,
        minds_others=_minds,
        after_same=_alike,
        unblocked_by=(
            on("AssignedPod", "add", "labels", "delete", hint=_is_about),
            on("Node", "add", "labels", "delete"),
        ),
    )


def _minds(pod: PodFacts, world: World) -> bool:
    if pod.affinity or pod.anti_affinity:
        return True
    return any(each.forbids for each in world.table.placements.terms_about(pod.labels))


def _alike(pod: PodFacts, world: World) -> Literal["nothing"] | None:
    """Nobody has terms."""
    return None if pod.has_affinity or world.table.placements.any_terms else "nothing"


def _spread(total: Ints, feasible: Mask) -> Ints | None:
    """The lowest feasible becomes 0, the highest 100; None where all are the same."""
    told = total[feasible]
    lowest, highest = int(told.min()), int(told.max())
    if highest == lowest:
        return None
    spread = float(highest - lowest)
    return (float(MAX_SCORE) * ((total - lowest) / spread)).astype(np.int64)


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
