"""Which nodes can take a pod, and why the others cannot: PreFilter and Filter over all nodes at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import timings
from .asked import asked
from .columns import Mask, Rows
from .fiterror import contradiction, left_out
from .framework import Only, Plugin, Rejection, World
from .nominations import WithPromised
from .podfacts import PodFacts
from .profile import Profile


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


def filter_nodes(pod: PodFacts, world: World, profile: Profile, masks: StaticMasks | None = None) -> Filtered:
    """The nodes that every filter lets pass, also beside the pods that are nominated there. Raises PluginError."""
    feasible = world.table.alive.copy()
    times = profile.timings
    times.begin()
    began = timings.now()
    limits, whole = _pre_filter(pod, world, profile)
    told = timings.now()
    times.point("PreFilter", told - began, "UnschedulableAndUnresolvable" if whole is not None else "Success")
    if whole is not None:
        return Filtered(np.zeros(world.table.size, np.bool_), (whole,), whole.rejections[0].reason)
    verdicts = _limit(world, limits, feasible) if limits else ()
    verdicts += filter_by(pod, world, profile, profile.filter, masks, feasible)
    verdicts += beside_nominated(pod, world, profile, feasible)
    times.point("Filter", timings.now() - told)
    return Filtered(feasible, verdicts)


def _pre_filter(
    pod: PodFacts, world: World, profile: Profile
) -> tuple[Mapping[str, frozenset[str]], Verdict | None]:
    """(the nodes that plugins limit the pod to, by plugin; why no node at all can do)."""
    limits: dict[str, frozenset[str]] = {}
    for number, plugin in enumerate(profile.pre_filter, 1):
        assert plugin.pre_filter is not None
        said = asked(profile, plugin, "PreFilter", plugin.pre_filter, pod, world)
        if isinstance(said, Only):
            limits[plugin.name] = said.nodes
            said = "" if frozenset.intersection(*limits.values()) else contradiction(limits)
        if said:
            profile.timings.asked["PreFilter", number] += 1
            return {}, Verdict(plugin.name, (Rejection(said, world.table.alive.copy()),))
    profile.timings.asked["PreFilter", len(profile.pre_filter)] += 1
    return limits, None


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


def filter_by(
    pod: PodFacts,
    world: World,
    profile: Profile,
    plugins: tuple[Plugin, ...],
    masks: StaticMasks | None,
    feasible: Mask,
) -> tuple[Verdict, ...]:
    """Takes the nodes that these plugins refuse out of `feasible`, in place. Raises PluginError."""
    verdicts: list[Verdict] = []
    number = 0
    for number, plugin in enumerate(plugins, 1):  # noqa: B007  (how many were asked)
        assert plugin.filter is not None
        if plugin.static and masks is not None:
            found = asked(profile, plugin, "Filter", masks.rejections, plugin, pod, world)
        else:
            found = asked(profile, plugin, "Filter", plugin.filter, pod, world)
        seen = _seen(found, feasible) if found else ()
        if seen:
            verdicts.append(Verdict(plugin.name, seen))
            for each in seen:
                feasible &= ~each.nodes
            if not feasible.any():
                break
    profile.timings.asked["Filter", number] += 1
    return tuple(verdicts)


def _seen(found: tuple[Rejection, ...], among: Mask) -> tuple[Rejection, ...]:
    """The rejections of nodes that are still asked about."""
    return tuple(
        Rejection(each.reason, nodes, each.resolvable & nodes)
        for each in found
        if (nodes := each.nodes & among).any()
    )


def beside_nominated(pod: PodFacts, world: World, profile: Profile, feasible: Mask) -> tuple[Verdict, ...]:
    """Asks the filters once more, for the nodes on which pods of at least this priority are nominated, with the pods of
    that node counted there: they must fit too. Takes the nodes out of `feasible` on which they do not."""
    if world.nominations is None or not len(world.nominations) or not feasible.any():
        return ()
    if not world.nominations.any_apart and only_resources(pod, world, profile):
        return _beside_promised(pod, world, profile, feasible)
    by_row: dict[int, list[tuple[str, PodFacts]]] = {}
    for row, uid, facts in world.nominations.before(pod, world):
        if feasible[row]:
            by_row.setdefault(row, []).append((uid, facts))
    spread = bool(pod.spread) or world.default_selector(pod) is not None
    if world.nominations.any_apart or pod.has_affinity or spread:
        # What is counted on one node changes what is said of others.
        parts = [{row: pods} for row, pods in by_row.items()]
    else:
        parts = [by_row] if by_row else []
    verdicts: list[Verdict] = []
    for part in parts:
        verdicts += _beside(pod, world, profile, part, feasible)
    return tuple(verdicts)


def _beside(
    pod: PodFacts,
    world: World,
    profile: Profile,
    nominated: Mapping[int, list[tuple[str, PodFacts]]],
    feasible: Mask,
) -> tuple[Verdict, ...]:
    """With the nominated pods of these rows counted there."""
    table = world.table
    rows = np.zeros(table.size, np.bool_)
    rows[[*nominated]] = True
    counted = [
        (uid, row, facts)
        for row, pods in nominated.items()
        for uid, facts in pods
        if table.node_of(uid) is None
    ]
    versions = table.row_version[rows].copy()
    for uid, row, facts in counted:
        table.place(uid, table.name(row), facts)
    try:
        dynamic = tuple(plugin for plugin in profile.filter if not plugin.static)
        left = rows.copy()
        verdicts = filter_by(pod, world, profile, dynamic, None, left)
    finally:
        for uid, *_ in counted:
            table.unplace(uid)
        table.row_version[rows] = versions
    feasible &= left | ~rows
    return verdicts


def _beside_promised(pod: PodFacts, world: World, profile: Profile, feasible: Mask) -> tuple[Verdict, ...]:
    """As `beside_nominated`, where nothing but numbers is at stake."""
    assert world.nominations is not None
    promised = world.nominations.promised(pod, world)
    if not promised or not (concerned := feasible & (promised["pods"] > 0)).any():
        return ()
    rows = np.flatnonzero(concerned)
    numbers = WithPromised(world.table, promised, rows)
    verdicts = []
    for plugin in profile.filter:
        if plugin.filter_numbers is not None:
            found = asked(profile, plugin, "Filter", plugin.filter_numbers, pod, numbers)
            seen = _seen(tuple(_spread_out(each, rows, world.table.size) for each in found), concerned)
            if seen:
                verdicts.append(Verdict(plugin.name, seen))
                for each in seen:
                    concerned &= ~each.nodes
                    feasible &= ~each.nodes
    return tuple(verdicts)


def _spread_out(rejection: Rejection, rows: Rows, size: int) -> Rejection:
    """A rejection of some rows as one of all."""
    nodes, resolvable = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    nodes[rows] = rejection.nodes
    resolvable[rows] = rejection.resolvable
    return Rejection(rejection.reason, nodes, resolvable)


def only_resources(pod: PodFacts, world: World, profile: Profile) -> bool:
    """Whether other pods' leaving can change nothing for this pod but resources."""
    return profile.only_known and not any(
        plugin.minds_others is not None and plugin.minds_others(pod, world) for plugin in profile.filter
    )
