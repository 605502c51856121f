"""One scheduling decision: pure, from (pod, world, randomness) to a node, or to why there is none.

All nodes are looked at, never a sample. Among the best, chance decides, as upstream's `selectHost`. `decide` is the
whole of it; `filter_nodes` and `choose` are its halves, between which extenders are asked.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from .fiterror import NO_NODES, contradiction, fit_error, left_out, refused_whole
from .framework import Failure, Only, Plugin, Rejection, World
from .nodetable import Ints, Mask
from .nominations import WithPromised
from .plugins.table import DEFAULT_PROFILE
from .podfacts import PodFacts
from .preemption.candidate import Candidate
from .profile import Profile

if TYPE_CHECKING:
    from pybernetes.client.interface import Client

T = TypeVar("T")

LOWEST = np.iinfo(np.int64).min


class PluginError(Exception):
    """A plugin raised: the pod cannot be decided on. The message names the plugin and the extension point."""

    def __init__(self, plugin: str, point: str, error: Exception) -> None:
        super().__init__(f'running {point} plugin "{plugin}": {error}')
        self.plugin = plugin


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter said, of the nodes that the filters before it had left."""

    plugin: str
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """`whole`: why no node at all can do, from a PreFilter."""

    feasible: Mask
    verdicts: tuple[Verdict, ...]
    whole: str = ""


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


class StaticMasks:
    """What filters that read node objects alone said, per facts, while the nodes stand."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._version = (-1, 0)
        self._kept: OrderedDict[tuple[Plugin, PodFacts], tuple[Rejection, ...]] = OrderedDict()

    def rejections(self, plugin: Plugin, pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        assert plugin.filter is not None
        table = world.table
        version = (table.nodes_version, table.size)
        if version != self._version:
            self._kept.clear()
            self._version = version
        key = (plugin, pod)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = plugin.filter(pod, world)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return kept


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


def filter_nodes(pod: PodFacts, world: World, profile: Profile, masks: StaticMasks | None = None) -> Filtered:
    """The nodes that every filter lets pass, also beside the pods that are nominated there. Raises PluginError."""
    feasible = world.table.alive.copy()
    limits: dict[str, frozenset[str]] = {}
    for plugin in profile.pre_filter:
        assert plugin.pre_filter is not None
        said = _asked(plugin, "PreFilter", plugin.pre_filter, pod, world)
        if isinstance(said, Only):
            limits[plugin.name] = said.nodes
            said = "" if frozenset.intersection(*limits.values()) else contradiction(limits)
        if said:
            verdict = Verdict(plugin.name, (Rejection(said, feasible),))
            return Filtered(np.zeros(world.table.size, np.bool_), (verdict,), said)
    verdicts = _limit(world, limits, feasible) if limits else ()
    verdicts += _filter(pod, world, profile.filter, masks, feasible)
    if world.nominations is not None and len(world.nominations) and feasible.any():
        verdicts += _beside_nominated(pod, world, profile, feasible)
    return Filtered(feasible, verdicts)


def _limit(world: World, limits: Mapping[str, frozenset[str]], feasible: Mask) -> tuple[Verdict, ...]:
    """Takes the nodes out of `feasible` that a PreFilter left out; they are not asked about any further."""
    allowed = np.zeros(world.table.size, np.bool_)
    for name in frozenset.intersection(*limits.values()):
        row = world.table.rows.get(name)
        if row is not None:
            allowed[row] = True
    outside = feasible & ~allowed
    feasible &= allowed
    first, *others = sorted(limits)
    why = Rejection(left_out(limits), outside)
    return (Verdict(first, (why,)), *(Verdict(name, ()) for name in others)) if outside.any() else ()


def choose(
    pod: PodFacts,
    world: World,
    rng: random.Random,
    profile: Profile,
    filtered: Filtered,
    extra: Mapping[str, Ints] | None = None,
) -> Decision:
    """The decision over the nodes that are left. `extra`: scores from outside (extenders). Raises PluginError."""
    table, verdicts = world.table, filtered.verdicts
    rejected_by = frozenset(verdict.plugin for verdict in verdicts)
    feasible = filtered.feasible
    count = int(np.count_nonzero(feasible))
    if count == 0:
        return _none(pod, world, rng, profile, filtered, rejected_by)
    nominated = ((world.pod or {}).get("status") or {}).get("nominatedNodeName")
    row = table.rows.get(nominated) if nominated else None
    if row is None and count == 1:
        row = int(feasible.argmax())
    if row is not None and feasible[row]:
        return Decision(table.name(row), count, "", rejected_by, verdicts, {}, table.names())
    scores = _score(pod, world, feasible, profile)
    scores.update(extra or {})
    best = _best(scores, feasible)
    chosen = int(best[rng.randrange(len(best))]) if len(best) > 1 else int(best[0])
    return Decision(table.name(chosen), count, "", rejected_by, verdicts, scores, table.names())


def _best(scores: Mapping[str, Ints], feasible: Mask) -> npt.NDArray[np.intp]:
    """The feasible rows with the highest sum of scores."""
    total: Ints | None = None
    for weighted in scores.values():
        if total is None:
            total = weighted.copy()
        else:
            total += weighted
    if total is None:
        return np.flatnonzero(feasible)
    total[~feasible] = LOWEST
    return np.flatnonzero(total == total.max())


def _asked(plugin: Plugin, point: str, function: Callable[..., T], *arguments: object) -> T:
    """Calls a plugin's function; what it raises becomes a PluginError that names it."""
    try:
        return function(*arguments)
    except Exception as error:
        raise PluginError(plugin.name, point, error) from error


def _filter(
    pod: PodFacts,
    world: World,
    plugins: tuple[Plugin, ...],
    masks: StaticMasks | None,
    feasible: Mask,
) -> tuple[Verdict, ...]:
    """Takes the refused nodes out of `feasible`, in place."""
    verdicts: list[Verdict] = []
    for plugin in plugins:
        assert plugin.filter is not None
        if plugin.static and masks is not None:
            found = _asked(plugin, "Filter", masks.rejections, plugin, pod, world)
        else:
            found = _asked(plugin, "Filter", plugin.filter, pod, world)
        seen = tuple(
            Rejection(each.reason, nodes, each.resolvable & nodes)
            for each in found
            if (nodes := each.nodes & feasible).any()
        )
        if seen:
            verdicts.append(Verdict(plugin.name, seen))
            for each in seen:
                feasible &= ~each.nodes
            if not feasible.any():
                break
    return tuple(verdicts)


def _beside_nominated(pod: PodFacts, world: World, profile: Profile, feasible: Mask) -> tuple[Verdict, ...]:
    """Asks the filters once more, for the nodes on which pods of at least this priority are nominated, with these pods
    counted there: they must fit too. (All of them are counted at once; upstream counts those of one node at a time.)"""
    assert world.nominations is not None
    if not world.nominations.any_apart and _simple(pod, world, profile):
        return _beside_promised(pod, world, profile, feasible)
    table = world.table
    first = [(r, uid, f) for r, uid, f in world.nominations.before(pod, world) if feasible[r]]
    if not first:
        return ()
    rows = np.zeros(table.size, np.bool_)
    rows[[row for row, *_ in first]] = True
    counted = [(uid, row, facts) for row, uid, facts in first if table.node_of(uid) is None]
    versions = table.row_version[rows].copy()
    for uid, row, facts in counted:
        table.place(uid, table.name(row), facts)
    try:
        dynamic = tuple(plugin for plugin in profile.filter if not plugin.static)
        left = rows.copy()
        verdicts = _filter(pod, world, dynamic, None, left)
    finally:
        for uid, *_ in counted:
            table.unplace(uid)
        table.row_version[rows] = versions
    feasible &= left | ~rows
    return verdicts


def _beside_promised(pod: PodFacts, world: World, profile: Profile, feasible: Mask) -> tuple[Verdict, ...]:
    """As `_beside_nominated`, where nothing but numbers is at stake."""
    assert world.nominations is not None
    promised = world.nominations.promised(pod, world)
    if not promised or not (rows := feasible & (promised["pods"] > 0)).any():
        return ()
    numbers = WithPromised(world.table, promised)
    verdicts = []
    for plugin in profile.filter:
        if plugin.filter_numbers is not None:
            found = _asked(plugin, "Filter", plugin.filter_numbers, pod, numbers)
            seen = tuple(
                Rejection(each.reason, nodes, each.resolvable & nodes)
                for each in found
                if (nodes := each.nodes & rows).any()
            )
            if seen:
                verdicts.append(Verdict(plugin.name, seen))
                for each in seen:
                    rows &= ~each.nodes
                    feasible &= ~each.nodes
    return tuple(verdicts)


def _score(pod: PodFacts, world: World, feasible: Mask, profile: Profile) -> dict[str, Ints]:
    for plugin in profile.pre_score:
        assert plugin.pre_score is not None
        _asked(plugin, "PreScore", plugin.pre_score, pod, world, feasible)
    scores: dict[str, Ints] = {}
    for plugin, weight in profile.score:
        assert plugin.score is not None
        found = _asked(plugin, "Score", plugin.score, pod, world, feasible)
        if found is not None:
            scores[plugin.name] = found * weight
    return scores


def _none(
    pod: PodFacts,
    world: World,
    rng: random.Random,
    profile: Profile,
    filtered: Filtered,
    rejected_by: frozenset[str],
) -> Decision:
    """There is no feasible node: why, and what the PostFilters can do about it."""
    table = world.table
    nodes = int(table.alive.sum())
    if nodes == 0:
        return Decision(None, 0, NO_NODES, rejected_by, filtered.verdicts, {}, table.names())
    reasons: dict[str, int] = {}
    hopeless = np.zeros(table.size, np.bool_)
    for verdict in filtered.verdicts:
        for each in verdict.rejections:
            reasons[each.reason] = reasons.get(each.reason, 0) + int(each.nodes.sum())
            hopeless |= each.nodes & ~np.asarray(each.resolvable)
    message = refused_whole(nodes, filtered.whole) if filtered.whole else fit_error(nodes, reasons)
    decision = Decision(None, 0, message, rejected_by, filtered.verdicts, {}, table.names())
    if not profile.post_filter:
        return decision

    def refusal(row: int) -> tuple[str, ...]:
        again = table.alive.copy()
        verdicts = _filter(pod, world, profile.filter, None, again)
        verdicts += _beside_nominated(pod, world, profile, again)
        if again[row]:
            return ()
        return tuple(each.reason for verdict in verdicts for each in verdict.rejections if each.nodes[row])

    failure = Failure(table.alive & ~hopeless, refusal, _simple(pod, world, profile), rng.getrandbits(30))
    said: list[str] = []
    for plugin in profile.post_filter:
        assert plugin.post_filter is not None
        result = _asked(plugin, "PostFilter", plugin.post_filter, pod, world, failure)
        if result.candidate is not None:
            return replace(decision, candidate=result.candidate, candidates=result.candidates)
        if result.message:
            said.append(result.message)
        if result.clear:
            decision = replace(decision, clear_nomination=True)
        if result.then is not None:
            decision = replace(decision, then=result.then)
    return replace(decision, message=" ".join((message, *((", ".join(said),) if said else ()))))


def _simple(pod: PodFacts, world: World, profile: Profile) -> bool:
    """Whether other pods' leaving can change nothing for this pod but resources."""
    return (
        profile.only_known
        and not pod.host_ports
        and not pod.affinity
        and not pod.anti_affinity
        and not pod.has_volumes
        and not pod.device_claims
        and not (world.devices is not None and any(map(world.devices.class_of, pod.requests)))
        and not any(constraint.hard for constraint in pod.spread)
        and not any(each.forbids for each in world.table.placements.terms_about(pod.labels))
    )
