"""PodTopologySpread: like pods evenly over zones and nodes; hard constraints filter, soft ones score.

A pod without constraints of its own gets the two soft defaults (by node, skew 3; by zone, skew 5) over the pods of its
Services and its controller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pybernetes.api.meta import labels_of, namespace_of
from pybernetes.lang.labelselector import Selector

from ..framework import MAX_SCORE, Change, Plugin, Rejection, World, on
from ..kept import put, shelf
from ..nodetable import Ints, Mask
from ..podfacts import PodFacts, SpreadConstraint
from ..tally import EACH_NODE, Tally, Weights, places_of
from . import node_affinity, taint_toleration

REASON = "node(s) didn't match pod topology spread constraints"
NO_LABEL = f"{REASON} (missing required label)"
HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True)
class Default:
    """A constraint of pods that have none of their own."""

    topology_key: str
    max_skew: int
    hard: bool
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False

    def about(self, selector: Selector) -> SpreadConstraint:
        return SpreadConstraint(
            self.topology_key,
            self.max_skew,
            self.hard,
            selector,
            self.min_domains,
            honor_affinity=self.honor_affinity,
            honor_taints=self.honor_taints,
        )


Defaults = tuple[Default, ...]
SYSTEM = (Default(HOSTNAME, 3, hard=False), Default("topology.kubernetes.io/zone", 5, hard=False))


class Domains:
    """One constraint of a pod over the nodes as they stand: which of them are eligible, and the pods of each domain."""

    def __init__(
        self, pod: PodFacts, world: World, constraint: SpreadConstraint, labelled: Mask, key: str
    ) -> None:
        """`labelled`: the nodes that have the labels of all constraints; `key`: the topology key, or EACH_NODE, for
        which all pods count."""
        self.constraint = constraint
        self.key = key
        self.places: Ints = places_of(world.table, key)
        eligible = None if key == EACH_NODE else labelled & _included(pod, world, constraint)
        self.tally = _tally(pod.namespace, world, constraint.selector, key, eligible)
        self.own = int(constraint.selector.matches(pod.labels))
        self.different: npt.NDArray[np.intp] = np.zeros(0, np.intp)
        """The places of the domains of eligible nodes."""
        if eligible is not None:
            self.different = np.flatnonzero(np.bincount(self.places[eligible]))

    def counts(self, world: World) -> Ints | None:
        """The matching pods by domain; None for no pods at all."""
        self.tally.update(world)
        return self.tally.sums.get(self.key)

    def too_full(self, world: World) -> Mask | None:
        """The nodes in whose domain one pod more would be too many; None for none."""
        constraint, counts = self.constraint, self.counts(world)
        if counts is None:
            return None
        least = 0 if len(self.different) < constraint.min_domains else int(counts[self.different].min())
        full = counts > constraint.max_skew + least - self.own
        return full.take(self.places) if full.any() else None


def _tally(namespace: str, world: World, selector: Selector, key: str, eligible: Mask | None) -> Tally:
    """The pods of a namespace that a selector matches; constraints that count the same share it."""
    subject = (namespace, repr(selector), key, b"" if eligible is None else eligible.tobytes())
    kept = shelf(world.table, _tally)
    known: Tally | None = kept.get(subject)
    if known is not None:
        return known
    made = Tally(
        _weigher(namespace, selector, key),
        lambda now: now.table.placements.selected(selector, (namespace,)),
        eligible=eligible,
        selects_namespaces=False,
    )
    return put(world.table, kept, subject, made)


def _weigher(namespace: str, selector: Selector, key: str) -> Callable[[PodFacts, World], Weights]:
    """Pods of the namespace that match and are not leaving count; an empty selector counts none."""

    one: Weights = {key: 1}
    none: Weights = {}
    label, value = next(selector.exact(), ("", ""))

    def weigh(other: PodFacts, _world: World) -> Weights:
        if label and other.labels.get(label) != value:
            return none
        if other.terminating or other.namespace != namespace or selector.everything:
            return none
        return one if selector.matches(other.labels) else none

    return weigh


def _included(pod: PodFacts, world: World, constraint: SpreadConstraint) -> Mask:
    """The nodes whose pods count, by the constraint's inclusion policies."""
    included = world.table.alive.copy()
    if constraint.honor_affinity:
        included &= node_affinity.matches(pod, world.table)
    if constraint.honor_taints:
        included &= ~taint_toleration.untolerated(pod, world)
    return included


class Spreading:
    """The constraints of one kind of a pod over the nodes as they stand."""

    def __init__(
        self, pod: PodFacts, world: World, constraints: Sequence[SpreadConstraint], *, all_keys: bool
    ) -> None:
        """`all_keys`: nodes that lack a label of any constraint do not count."""
        table = world.table
        self.nodes = (table.nodes_version, table.size)
        self.missing = [places_of(table, each.topology_key) == 0 for each in constraints]
        self.labelled: Mask = table.alive.copy()
        if all_keys:
            for missing in self.missing:
                self.labelled &= ~missing
        keys = [
            EACH_NODE if not each.hard and each.topology_key == HOSTNAME else each.topology_key
            for each in constraints
        ]
        self.domains = [
            Domains(pod, world, each, self.labelled, key) for each, key in zip(constraints, keys, strict=True)
        ]


def _spreading(
    rule: Hashable, pod: PodFacts, world: World, defaults: Defaults, *, hard: bool
) -> Spreading | None:
    """Of the pod's own constraints of a kind, or of the default ones over the pods that belong together with it."""
    kept = shelf(world.table, rule)
    selector: Selector | None = None
    if not pod.spread:
        selector = world.default_selector(pod) if defaults else None
        if selector is None:
            return None
    known: tuple[Selector | None, Spreading] | None = kept.get(pod)
    nodes = (world.table.nodes_version, world.table.size)
    if known is not None and known[0] is selector and known[1].nodes == nodes:
        return known[1]
    if selector is None:
        constraints = [each for each in pod.spread if each.hard == hard]
    else:
        constraints = [each.about(selector) for each in defaults if each.hard == hard]
    if not constraints:
        return None
    spreading = Spreading(
        pod, world, constraints, all_keys=hard or bool(pod.spread) or defaults is not SYSTEM
    )
    put(world.table, kept, pod, (selector, spreading))
    return spreading


def _filter(spreading: Spreading, world: World) -> tuple[Rejection, ...]:
    """The first constraint that a node misses is the reason for it."""
    missing = np.zeros(world.table.size, np.bool_)
    skewed = np.zeros(world.table.size, np.bool_)
    for lacking, domains in zip(spreading.missing, spreading.domains, strict=True):
        missing |= lacking & ~skewed
        full = domains.too_full(world)
        if full is not None:
            skewed |= full & ~missing
    return (Rejection(NO_LABEL, missing), Rejection(REASON, skewed, resolvable=True))


def _score(spreading: Spreading, world: World, feasible: Mask) -> Ints:
    """The fewer matching pods in a node's domains the better."""
    scored = feasible & spreading.labelled
    total: npt.NDArray[np.float64] = np.zeros(world.table.size)
    for domains in spreading.domains:
        counts, places = domains.counts(world), domains.places
        if domains.key == EACH_NODE:
            size = int(np.count_nonzero(scored))
        else:
            size = int(np.count_nonzero(np.bincount(places[scored])))
        weight = math.log(size + 2)
        length = world.table.size + 1 if domains.key == EACH_NODE else int(places.max(initial=0)) + 1
        values = np.zeros(length) if counts is None else counts * weight
        values = values + (domains.constraint.max_skew - 1)
        if domains.key == EACH_NODE:
            part = values[1:]
            part[_unlabelled(world)] = 0.0
        else:
            values[0] = 0.0
            part = values.take(places)
        total += part
    return _normalized(np.floor(total + 0.5).astype(np.int64), scored)


def _unlabelled(world: World) -> Mask:
    return world.table.codes(HOSTNAME) < 0


def _normalized(scores: Ints, scored: Mask) -> Ints:
    """The fewest pods get 100; nodes that lack a label of the pod's own constraints get 0."""
    told = scores[scored]
    if not len(told):
        return np.zeros_like(scores)
    lowest, highest = int(told.min()), int(told.max())
    if highest == 0:
        return np.where(scored, MAX_SCORE, 0)
    return np.where(scored, MAX_SCORE * (highest + lowest - scores) // highest, 0)


def make(defaults: Defaults = SYSTEM) -> Plugin:
    """`defaults`: the argument defaultConstraints; SYSTEM (defaultingType System) also scores nodes without the
    labels."""
    hard_defaults = tuple(each for each in defaults if each.hard)
    soft_defaults = defaults if len(hard_defaults) == 0 else tuple(each for each in defaults if not each.hard)
    hard_rule, soft_rule = object(), object()

    def filtering(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        spreading = _spreading(hard_rule, pod, world, hard_defaults, hard=True)
        return _filter(spreading, world) if spreading is not None else ()

    def scoring(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
        spreading = _spreading(soft_rule, pod, world, soft_defaults, hard=False)
        return _score(spreading, world, feasible) if spreading is not None else None

    def minds(pod: PodFacts, world: World) -> bool:
        if pod.spread:
            return any(constraint.hard for constraint in pod.spread)
        return bool(hard_defaults) and world.default_selector(pod) is not None

    def alike(pod: PodFacts, world: World) -> Literal["nothing"] | None:
        """Nothing is counted for a pod without constraints."""
        return None if pod.spread or (defaults and world.default_selector(pod) is not None) else "nothing"

    return Plugin(
        "PodTopologySpread",
        filter=filtering,
        score=scoring,
        weight=2,
        minds_others=minds,
        after_same=alike,
        unblocked_by=(
            on("AssignedPod", "add", "labels", "delete", hint=_is_counted),
            on("Node", "add", "delete", "labels", "taints"),
        ),
    )


def _is_counted(pod: PodFacts, change: Change) -> bool:
    """Whether a placed pod is, or was, one of those that the waiting pod's constraints count."""
    if not pod.spread:
        return True
    return any(
        obj is not None
        and namespace_of(obj) == pod.namespace
        and any(each.selector.matches(labels_of(obj)) for each in pod.spread)
        for obj in (change.old, change.new)
    )


PLUGIN = make()
