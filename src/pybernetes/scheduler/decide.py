"""One scheduling decision: pure, from (pod, world, randomness) to a node, or to why there is none.

All nodes are looked at, never a sample. Among the best, chance decides, as upstream's `selectHost`. `decide` is the
whole of it; `filter_nodes` (`filtering.py`) and `choose` are its halves, between which extenders are asked.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import timings
from .asked import asked
from .columns import Columns
from .filtering import (
    Filtered,
    StaticMasks,
    Verdict,
    beside_nominated,
    filter_by,
    filter_nodes,
    only_resources,
)
from .fiterror import NO_NODES, fit_error, refused_whole
from .framework import Failure, Rejection, World
from .nodetable import Ints, Mask
from .plugins.table import DEFAULT_PROFILE
from .podfacts import PodFacts
from .preemption.candidate import Candidate
from .profile import Profile

if TYPE_CHECKING:
    from pybernetes.client.interface import Client

LOWEST = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Decision:
    """`node` is None where no node is feasible; `message` then says why in upstream's words.

    `names` maps rows of the masks and scores to nodes.
    """

    node: str | None
    feasible: int
    message: str
    rejected_by: frozenset[str]
    verdicts: tuple[Verdict, ...]
    scores: Mapping[str, Ints]
    """Weighted, by plugin; empty where one node or none was feasible."""
    names: tuple[str, ...] = field(repr=False)
    candidate: Candidate | None = None
    """The node that is to be made free for the pod, and the pods that have to leave it."""
    candidates: tuple[Candidate, ...] = field(default=(), repr=False)
    """All such nodes, where extenders have a say."""
    then: Callable[[Client], Awaitable[None]] | None = field(default=None, repr=False)
    """What a PostFilter wants written, so that a later attempt may find a node."""
    clear_nomination: bool = False
    """Whether the node that the pod was nominated for is of no use any more."""


def decide(
    pod: PodFacts,
    world: World,
    rng: random.Random,
    *,
    profile: Profile = DEFAULT_PROFILE,
    masks: StaticMasks | None = None,
) -> Decision:
    """Where the pod goes. `world` is as before afterwards; `masks` may be kept between decisions over the same table.
    Raises PluginError."""
    filtered = filter_nodes(pod, world, profile, masks)
    return choose(pod, world, rng, profile, filtered)


def choose(
    pod: PodFacts,
    world: World,
    rng: random.Random,
    profile: Profile,
    filtered: Filtered,
    extra: Mapping[str, Ints] | None = None,
    *,
    alone: bool = True,
) -> Decision:
    """The decision over the nodes that are left. `extra`: scores from outside (extenders); `alone`: the PostFilters are
    asked where no node is left (a group of pods has its own). Raises PluginError."""
    table, verdicts = world.table, filtered.verdicts
    rejected_by = frozenset(verdict.plugin for verdict in verdicts)
    feasible = filtered.feasible
    count = int(np.count_nonzero(feasible))
    if count == 0:
        decision = _without_node(world, filtered, rejected_by)
        return _post_filter(pod, world, rng, profile, decision) if alone and decision.names else decision
    nominated = ((world.pod or {}).get("status") or {}).get("nominatedNodeName")
    row = table.rows.get(nominated) if nominated else None
    if row is None and count == 1:
        row = int(feasible.argmax())
    if row is not None and feasible[row]:
        return Decision(table.name(row), count, "", rejected_by, verdicts, {}, table.names())
    scores = _score(pod, world, feasible, profile)
    scores.update(extra or {})
    best = best_of(total_of(scores, feasible))
    chosen = int(best[rng.randrange(len(best))]) if len(best) > 1 else int(best[0])
    return Decision(table.name(chosen), count, "", rejected_by, verdicts, scores, table.names())


def total_of(scores: Mapping[str, Ints], feasible: Mask) -> Ints:
    """The sum of all scores by row; LOWEST where the pod cannot be."""
    total: Ints | None = None
    for weighted in scores.values():
        if total is None:
            total = weighted.copy()
        else:
            total += weighted
    if total is None:
        total = np.zeros(len(feasible), np.int64)
    if np.count_nonzero(feasible) != len(feasible):
        total[~feasible] = LOWEST
    return total


def best_of(total: Ints) -> npt.NDArray[np.intp]:
    """The rows with the highest sum, in order."""
    return np.flatnonzero(total == total.max())


def _score(pod: PodFacts, world: World, feasible: Mask, profile: Profile) -> dict[str, Ints]:
    times = profile.timings
    began = timings.now()
    for plugin in profile.pre_score:
        assert plugin.pre_score is not None
        asked(profile, plugin, "PreScore", plugin.pre_score, pod, world, feasible)
    told = timings.now()
    times.point("PreScore", told - began)
    times.asked["PreScore", len(profile.pre_score)] += 1
    scores: dict[str, Ints] = {}
    for plugin, weight in profile.score:
        assert plugin.score is not None
        found = asked(profile, plugin, "Score", plugin.score, pod, world, feasible)
        if found is not None:
            scores[plugin.name] = found * weight
    times.point("Score", timings.now() - told)
    times.asked["Score", len(profile.score)] += 1
    return scores


def _without_node(world: World, filtered: Filtered, rejected_by: frozenset[str]) -> Decision:
    """There is no feasible node, and why."""
    table = world.table
    nodes = int(table.alive.sum())
    if nodes == 0:
        return Decision(None, 0, NO_NODES, rejected_by, filtered.verdicts, {}, ())
    reasons: dict[str, int] = {}
    for verdict in filtered.verdicts:
        for each in verdict.rejections:
            reasons[each.reason] = reasons.get(each.reason, 0) + int(each.nodes.sum())
    message = refused_whole(nodes, filtered.whole) if filtered.whole else fit_error(nodes, reasons)
    return Decision(None, 0, message, rejected_by, filtered.verdicts, {}, table.names())


def _post_filter(
    pod: PodFacts, world: World, rng: random.Random, profile: Profile, decision: Decision
) -> Decision:
    """The decision with what the PostFilters can do about it. Raises PluginError."""
    if not profile.post_filter:
        return decision
    table = world.table
    hopeless = np.zeros(table.size, np.bool_)
    for verdict in decision.verdicts:
        for each in verdict.rejections:
            hopeless |= each.nodes & ~np.asarray(each.resolvable)

    def refusal(row: int) -> tuple[str, ...]:
        again = table.alive.copy()
        verdicts = filter_by(pod, world, profile, profile.filter, None, again)
        verdicts += beside_nominated(pod, world, profile, again)
        if again[row]:
            return ()
        return tuple(each.reason for verdict in verdicts for each in verdict.rejections if each.nodes[row])

    nominations = world.nominations
    apart = nominations is not None and nominations.any_apart
    simple = not apart and only_resources(pod, world, profile)

    def by_numbers(columns: Columns) -> tuple[Rejection, ...]:
        readers = (plugin.filter_numbers for plugin in profile.filter)
        return tuple(each for read in readers if read is not None for each in read(pod, columns))

    failure = Failure(table.alive & ~hopeless, refusal, simple, rng.getrandbits(30), by_numbers)
    said: list[str] = []
    began = timings.now()
    for plugin in profile.post_filter:
        assert plugin.post_filter is not None
        result = asked(profile, plugin, "PostFilter", plugin.post_filter, pod, world, failure)
        if result.candidate is not None:
            profile.timings.point("PostFilter", timings.now() - began)
            return replace(decision, candidate=result.candidate, candidates=result.candidates)
        if result.message:
            said.append(result.message)
        if result.clear:
            decision = replace(decision, clear_nomination=True)
        if result.then is not None:
            decision = replace(decision, then=result.then)
    profile.timings.point("PostFilter", timings.now() - began, "Unschedulable")
    message = " ".join((decision.message, *((", ".join(said),) if said else ())))
    return replace(decision, message=message)
