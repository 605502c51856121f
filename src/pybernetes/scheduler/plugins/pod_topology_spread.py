"""PodTopologySpread: like pods evenly over zones and nodes; hard constraints filter, soft ones score.

A pod without constraints of its own gets the two soft defaults (by node, skew 3; by zone, skew 5) over the pods of its
Services and its controller.
"""

from __future__ import annotations

import math

import numpy as np

from pybernetes.api.meta import labels_of, namespace_of

from ..framework import MAX_SCORE, Change, Plugin, Rejection, World, on
from ..nodetable import Ints, Mask
from ..podfacts import PodFacts, SpreadConstraint
from ..topology import count_domains, count_pods, per_domain
from . import node_affinity, taint_toleration

REASON = "node(s) didn't match pod topology spread constraints"
NO_LABEL = f"{REASON} (missing required label)"
HOSTNAME = "kubernetes.io/hostname"
SYSTEM = ((HOSTNAME, 3, False), ("topology.kubernetes.io/zone", 5, False))
NO_DOMAIN = 2**31 - 1


Defaults = tuple[tuple[str, int, bool], ...]
"""(topology key, skew, whether it is hard) of the constraints of pods that have none."""


def fits(pod: PodFacts, world: World, defaults: Defaults = ()) -> tuple[Rejection, ...]:
    hard = _constraints(pod, world, defaults, hard=True)
    if not hard:
        return ()
    table = world.table
    labelled = _labelled(world, hard)
    missing = np.zeros(table.size, np.bool_)
    skewed = np.zeros(table.size, np.bool_)
    for constraint in hard:
        codes = table.codes(constraint.topology_key)
        lacking = (codes < 0) & ~skewed
        missing |= lacking
        eligible = labelled & _included(pod, world, constraint)
        counts = np.where(eligible, _matching(pod, world, constraint), 0)
        domain = per_domain(table, constraint.topology_key, counts)
        own = int(constraint.selector.matches(pod.labels))
        least = _least(domain[eligible], codes[eligible], constraint)
        skewed |= ~missing & (domain + own - least > constraint.max_skew)
    return (Rejection(NO_LABEL, missing), Rejection(REASON, skewed, resolvable=True))


def _least(domain: Ints, codes: Ints, constraint: SpreadConstraint) -> int:
    """The count of the emptiest eligible domain; 0 where there are fewer domains than wanted."""
    if len(codes) == 0:
        return NO_DOMAIN if constraint.min_domains <= 1 else 0
    if count_domains(codes) < constraint.min_domains:
        return 0
    return int(domain.min())


def _labelled(world: World, constraints: list[SpreadConstraint]) -> Mask:
    """The nodes that have the labels of all constraints."""
    labelled = world.table.alive.copy()
    for constraint in constraints:
        labelled &= world.table.codes(constraint.topology_key) >= 0
    return labelled


def _included(pod: PodFacts, world: World, constraint: SpreadConstraint) -> Mask:
    """The nodes whose pods count, by the constraint's inclusion policies."""
    included = world.table.alive.copy()
    if constraint.honor_affinity:
        included &= node_affinity.matches(pod, world.table)
    if constraint.honor_taints:
        included &= ~taint_toleration.untolerated(pod, world)
    return included


def _matching(pod: PodFacts, world: World, constraint: SpreadConstraint) -> Ints:
    """For each node, the pods of the namespace that match and are not leaving; an empty selector counts none."""
    selector = constraint.selector
    if selector.everything:
        return np.zeros(world.table.size, np.int64)
    return count_pods(world.table, selector, (pod.namespace,), lambda facts: not facts.terminating)


def score(pod: PodFacts, world: World, feasible: Mask, defaults: Defaults) -> Ints | None:
    """The fewer matching pods in a node's domains the better."""
    constraints = _constraints(pod, world, defaults, hard=False)
    if not constraints:
        return None
    table = world.table
    of_its_own = bool(pod.spread) or defaults is not SYSTEM
    labelled = _labelled(world, constraints) if of_its_own else table.alive
    scored = feasible & labelled
    total = np.zeros(table.size, np.float64)
    for constraint in constraints:
        codes = table.codes(constraint.topology_key)
        counts = _matching(pod, world, constraint)
        if constraint.topology_key == HOSTNAME:
            size = int(scored.sum())
        else:
            size = count_domains(codes[scored])
            included = labelled & _included(pod, world, constraint)
            counts = per_domain(table, constraint.topology_key, np.where(included, counts, 0))
        weight = math.log(size + 2)
        total += np.where(codes >= 0, counts * weight + (constraint.max_skew - 1), 0.0)
    return _normalized(np.floor(total + 0.5).astype(np.int64), scored)


def _constraints(pod: PodFacts, world: World, defaults: Defaults, *, hard: bool) -> list[SpreadConstraint]:
    """The pod's own constraints of this kind, or the default ones over the pods that belong together with it."""
    if pod.spread:
        return [constraint for constraint in pod.spread if constraint.hard == hard]
    wanted = [(key, skew) for key, skew, is_hard in defaults if is_hard == hard]
    selector = world.default_selector(pod) if wanted else None
    if selector is None:
        return []
    return [
        SpreadConstraint(key, skew, hard, selector, 1, honor_affinity=True, honor_taints=False)
        for key, skew in wanted
    ]


def _normalized(scores: Ints, scored: Mask) -> Ints:
    """The fewest pods get 100; nodes that lack a label of the pod's own constraints get 0."""
    if not scored.any():
        return np.zeros_like(scores)
    lowest, highest = int(scores[scored].min()), int(scores[scored].max())
    if highest == 0:
        return np.where(scored, MAX_SCORE, 0)
    return np.where(scored, MAX_SCORE * (highest + lowest - scores) // highest, 0)


def make(defaults: Defaults = SYSTEM) -> Plugin:
    """`defaults`: the argument defaultConstraints; SYSTEM (defaultingType System) also scores nodes without the
    labels."""
    hard = any(is_hard for *_, is_hard in defaults)

    def filtering(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        return fits(pod, world, defaults if hard else ())

    def scoring(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
        return score(pod, world, feasible, defaults)

    return Plugin(
        "PodTopologySpread",
        filter=filtering,
        score=scoring,
        weight=2,
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
