"""Many pods of one template in a row: decided on by what the last decision found, exactly as if each were decided on anew.

Where a pod's plugins say that another such pod on a node changes what they say of that node only, or nothing at all
(`Plugin.after_same`), the sum of the scores is brought up to date in one row instead of being worked out for all. It
ends with the first other pod, with anything else that changes, and where a node has become full.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from pybernetes.lang.labelselector import Selector

from . import timings
from .asked import asked
from .decide import Decision, best_of, total_of
from .framework import Plugin, World
from .nodetable import Ints
from .podfacts import PodFacts
from .profile import Profile
from .queuedpod import QueuedPod

MOST = 128
"""Decisions that refer to the scores of one."""

Moment = tuple[PodFacts, Profile, Selector | None, int, int, int, int]
"""What tells whether all that a decision about such a pod reads is as it was."""


def moment(queued: QueuedPod, world: World) -> Moment:
    table, facts = world.table, queued.facts
    nominated = len(world.nominations) if world.nominations is not None else 0
    selector = world.default_selector(facts)
    return (
        facts,
        queued.profile,
        selector,
        table.journal.end,
        table.nodes_version,
        table.size,
        nominated,
    )


def changing(queued: QueuedPod, world: World) -> tuple[Plugin, ...] | None:
    """The plugins whose answers change in one row with each such pod, as long as the moment says that nothing else does;
    None where more may change. Raises PluginError."""
    if world.nominations is not None and len(world.nominations):
        return None
    found = []
    for plugin in queued.profile.deciding:
        if plugin.after_same is None:
            return None
        what = asked(queued.profile, plugin, "Filter", plugin.after_same, queued.facts, world)
        if what is None:
            return None
        if what == "its row":
            found.append(plugin)
    return tuple(found)


class Scores(Mapping[str, Ints]):
    """The weighted scores by plugin at one decision of a row of them, worked out when somebody looks."""

    __slots__ = ("_changes", "_first", "_many", "_plugins")

    def __init__(
        self, first: Mapping[str, Ints], plugins: tuple[str, ...], changes: list[tuple[int, tuple[int, ...]]]
    ) -> None:
        """`changes`: of which row the scores of `plugins` became what, in order; those so far count."""
        self._first, self._plugins, self._changes, self._many = first, plugins, changes, len(changes)

    def __getitem__(self, plugin: str) -> Ints:
        found = self._first[plugin]
        if plugin in self._plugins:
            place, found = self._plugins.index(plugin), found.copy()
            for row, values in self._changes[: self._many]:
                found[row] = values[place]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)


class Repeated:
    """Further decisions like one that found a node among several. Each pod is counted on its node before the next."""

    def __init__(
        self, queued: QueuedPod, world: World, decision: Decision, moving: tuple[Plugin, ...]
    ) -> None:
        """`moving`: what `changing` gave."""
        assert decision.node is not None
        self._facts, self._timings, self._decision = queued.facts, queued.profile.timings, decision
        self._row = world.table.rows[decision.node]
        weights = dict(queued.profile.score)
        self._filters = tuple(each.fits_row for each in moving if each.fits_row is not None)
        scored = [each for each in moving if each.name in decision.scores]
        self._scores = tuple((each.score, weights[each]) for each in scored if each.score is not None)
        self._plugins = tuple(each.name for each in scored)
        self._changes: list[tuple[int, tuple[int, ...]]] = []
        self._feasible = world.table.alive.copy()
        for verdict in decision.verdicts:
            for each in verdict.rejections:
                self._feasible &= ~each.nodes
        self._total = total_of(decision.scores, self._feasible)
        self._now = [decision.scores[name].copy() for name in self._plugins]
        self._top, self._best = 0, [0]
        self._look()

    def next(self, world: World, rng: random.Random) -> Decision | None:
        """The decision about one pod more; None where all nodes have to be looked at again."""
        began = timings.now()
        row = self._row
        if len(self._changes) == MOST or not all(fits(self._facts, world, row) for fits in self._filters):
            return None
        told = timings.now()
        self._rescore(world, row)
        best, first, times = self._best, self._decision, self._timings
        row = self._row = best[rng.randrange(len(best))] if len(best) > 1 else best[0]
        times.begin()
        times.hinted += 1
        times.point("Filter", told - began)
        times.point("Score", timings.now() - told)
        scores = Scores(first.scores, self._plugins, self._changes)
        return Decision(
            first.names[row], first.feasible, "", first.rejected_by, first.verdicts, scores, first.names
        )

    def _look(self) -> None:
        """Looks for the best rows among all."""
        best = best_of(self._total)
        self._top, self._best = int(self._total[best[0]]), best.tolist()

    def _rescore(self, world: World, row: int) -> None:
        """Brings the sum of one row, which is one of the best, up to date."""
        values, more = [], 0
        for (score, weight), column in zip(self._scores, self._now, strict=True):
            scores = score(self._facts, world, self._feasible)
            value = scores.item(row) * weight if scores is not None else 0
            more += value - column.item(row)
            column[row] = value
            values.append(value)
        self._changes.append((row, tuple(values)))
        if more:
            total = self._top + more
            self._total[row] = total
            if more > 0:
                self._top, self._best = total, [row]
            else:
                best = self._best
                del best[bisect_left(best, row)]
                if not best:
                    self._look()
