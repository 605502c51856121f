"""One scheduling decision: pure, from (pod, world, randomness) to a node, or to why there is none.

All nodes are looked at, never a sample. Among the best, chance decides, as upstream's `selectHost`.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .fiterror import NO_NODES, fit_error
from .framework import Plugin, Rejection, World
from .nodetable import Ints, Mask
from .placements import Placements
from .plugins.table import PLUGINS
from .podfacts import PodFacts


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one filter said, of the nodes that the filters before it had left."""

    plugin: str
    rejections: tuple[Rejection, ...]


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


class StaticMasks:
    """What filters that read node objects alone said, per facts, while the nodes stand."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._version = (-1, 0)
        self._kept: OrderedDict[tuple[str, PodFacts], tuple[Rejection, ...]] = OrderedDict()

    def rejections(self, plugin: Plugin, pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        assert plugin.filter is not None
        table = world.table
        version = (table.nodes_version, table.size)
        if version != self._version:
            self._kept.clear()
            self._version = version
        key = (plugin.name, pod)
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
    plugins: tuple[Plugin, ...] = PLUGINS,
    masks: StaticMasks | None = None,
) -> Decision:
    """Where the pod goes. Reads `world` only; `masks` may be kept between decisions over the same table."""
    table = world.table
    feasible, verdicts = _filter(pod, world, plugins, masks)
    rejected_by = frozenset(verdict.plugin for verdict in verdicts)
    rows = np.flatnonzero(feasible)
    if len(rows) == 0:
        message = _why_not(pod, world, verdicts)
        return Decision(None, 0, message, rejected_by, verdicts, {}, table.names())
    if len(rows) == 1:
        node = table.name(int(rows[0]))
        return Decision(node, 1, "", rejected_by, verdicts, {}, table.names())
    scores = _score(pod, world, feasible, plugins)
    total = np.zeros(table.size, np.int64)
    for weighted in scores.values():
        total += weighted
    best = rows[total[rows] == total[rows].max()]
    chosen = int(best[rng.randrange(len(best))]) if len(best) > 1 else int(best[0])
    return Decision(table.name(chosen), len(rows), "", rejected_by, verdicts, scores, table.names())


def _filter(
    pod: PodFacts, world: World, plugins: tuple[Plugin, ...], masks: StaticMasks | None
) -> tuple[Mask, tuple[Verdict, ...]]:
    feasible = world.table.alive.copy()
    verdicts: list[Verdict] = []
    for plugin in plugins:
        if plugin.filter is None:
            continue
        if plugin.static and masks is not None:
            found = masks.rejections(plugin, pod, world)
        else:
            found = plugin.filter(pod, world)
        seen = tuple(
            Rejection(each.reason, nodes, each.resolvable)
            for each in found
            if (nodes := each.nodes & feasible).any()
        )
        if seen:
            verdicts.append(Verdict(plugin.name, seen))
            for each in seen:
                feasible &= ~each.nodes
            if not feasible.any():
                break
    return feasible, tuple(verdicts)


def _score(pod: PodFacts, world: World, feasible: Mask, plugins: tuple[Plugin, ...]) -> dict[str, Ints]:
    scores: dict[str, Ints] = {}
    for plugin in plugins:
        if plugin.score is not None:
            found = plugin.score(pod, world, feasible)
            if found is not None:
                scores[plugin.name] = found * plugin.weight
    return scores


def _why_not(pod: PodFacts, world: World, verdicts: tuple[Verdict, ...]) -> str:
    nodes = int(world.table.alive.sum())
    if nodes == 0:
        return NO_NODES
    reasons: dict[str, int] = {}
    hopeless = np.zeros(world.table.size, np.bool_)
    for verdict in verdicts:
        for each in verdict.rejections:
            reasons[each.reason] = reasons.get(each.reason, 0) + int(each.nodes.sum())
            hopeless |= each.nodes & ~np.asarray(each.resolvable)
    message = fit_error(nodes, reasons)
    preemption = _preemption(pod, world.table.placements, world.table.alive & ~hopeless, nodes)
    return f"{message} {preemption}" if preemption else message


def _preemption(pod: PodFacts, placements: Placements, candidates: Mask, nodes: int) -> str:
    """What preemption has to say: "" where it has not looked (pods of lower priority are there)."""
    if not pod.preempts:
        return "preemption: not eligible due to preemptionPolicy=Never."
    for facts, rows in placements.classes():
        if facts.priority < pod.priority and any(candidates[row] for row in rows):
            return ""
    possible = int(candidates.sum())
    reasons = {"No preemption victims found for incoming pod": possible}
    reasons["Preemption is not helpful for scheduling"] = nodes - possible
    return f"preemption: {fit_error(nodes, {reason: count for reason, count in reasons.items() if count})}"
