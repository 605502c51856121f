"""Who would have to leave each node so that a pod fits there.

Two ways to the same answer. Where resources are all that leaving can change for the pod, every node is looked at with
arithmetic alone, and what was found for a row is kept until the row changes. Otherwise (ports, affinity, spreading,
volumes, plugins of one's own) the victims are taken off the table and the filters asked again; that is dear, so as many
nodes are looked at as upstream does (a tenth, at least a hundred), from a random one on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pybernetes.api.meta import name_of

from ..framework import Failure, World
from ..nodetable import Ints, Mask, NodeTable
from ..nominations import WithPromised
from ..podfacts import PodFacts
from .budgets import Budgets
from .candidate import KEY, Candidate, Victim, best, best_row, started_at

NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
LEAST_LOOKED_AT, SHARE_LOOKED_AT = 100, 0.1
PODS_KEPT = 64


@dataclass(slots=True)
class Found:
    """`best` and `all` are there where a node was found; `reasons` counts nodes where none was."""

    best: Candidate | None = None
    all: tuple[Candidate, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Kept:
    """What was found for pods of one priority that ask for the same: per row the version it was found at, the candidate and its key."""

    budgets: object
    versions: Ints
    keys: npt.NDArray[np.float64]
    candidates: list[Candidate | None]


@dataclass(slots=True)
class DryRun:
    """`least` and `share`: how many nodes the dear way looks at; `every`: all candidates are wanted (an extender)."""

    least: int = LEAST_LOOKED_AT
    share: float = SHARE_LOOKED_AT
    every: bool = False

    def run(self, pod: PodFacts, world: World, failure: Failure) -> Found:
        """The best node for the pod among those that filters refused only for what other pods' leaving may change."""
        table = world.table
        victims = table.requested_below(pod.priority)
        has_victims = victims["pods"] > 0 if victims else np.zeros(table.size, np.bool_)
        possible = failure.resolvable & has_victims
        reasons: dict[str, int] = {}
        _add(reasons, NOT_HELPFUL, int((table.alive & ~failure.resolvable).sum()))
        _add(reasons, NO_VICTIMS, int((failure.resolvable & ~has_victims).sum()))
        fitting = possible.copy()
        promised = _promised(pod, world)
        for each in failure.by_numbers(_without(table, victims, promised if failure.simple else {})):
            _add(reasons, each.reason, int((possible & each.nodes).sum()))
            fitting &= ~each.nodes
        if not fitting.any():
            return Found(reasons=reasons)
        if failure.simple:
            found = self._by_arithmetic(pod, world, fitting, promised)
        else:
            found = self._by_filters(pod, world, failure, fitting, reasons)
        return found if found.best is not None else Found(reasons=reasons)

    def _by_arithmetic(
        self, pod: PodFacts, world: World, fitting: Mask, promised: Mapping[str, Ints]
    ) -> Found:
        """`fitting`: the rows on which the pod fits when every pod of lower priority has left."""
        table = world.table
        kept = _kept(pod, world)
        own = world.nominations.own_row(world) if world.nominations is not None else None
        if own is not None:
            kept.versions[own] = -1
        stale = fitting & (kept.versions[: table.size] != table.row_version)
        budgets, needed = _budgets(world), _needed(pod, table, promised)
        for number in np.flatnonzero(stale):
            row = int(number)
            candidate = kept.candidates[row] = _reprieve(pod, world, row, needed, budgets)
            kept.versions[row] = -1 if row == own else table.row_version[row]
            kept.keys[row] = candidate.key()
        rows = np.flatnonzero(fitting)
        chosen = kept.candidates[best_row(kept.keys, rows)]
        every = tuple(c for row in rows if (c := kept.candidates[row]) is not None) if self.every else ()
        return Found(chosen, every)

    def _by_filters(
        self, pod: PodFacts, world: World, failure: Failure, fitting: Mask, reasons: dict[str, int]
    ) -> Found:
        rows = np.flatnonzero(fitting)
        enough = min(len(rows), max(int(len(rows) * self.share), self.least))
        start = failure.offset % len(rows)
        found: list[Candidate] = []
        budgets = _budgets(world)
        for number in (*rows[start:], *rows[:start]):
            row = int(number)
            candidate, why = _simulate(pod, world, failure, row, budgets)
            if candidate is not None:
                found.append(candidate)
            for reason in why:
                _add(reasons, reason, 1)
            if len(found) >= enough and any(not each.violations for each in found):
                break
        return Found(best(found), tuple(found)) if found else Found()


def _add(reasons: dict[str, int], reason: str, count: int) -> None:
    if count:
        reasons[reason] = reasons.get(reason, 0) + count


def _without(table: NodeTable, victims: Mapping[str, Ints], promised: Mapping[str, Ints]) -> WithPromised:
    """The numbers when every pod of lower priority has left."""
    names = {*victims, *promised}
    zero = np.zeros(table.size, np.int64)
    return WithPromised(table, {name: promised.get(name, zero) - victims.get(name, zero) for name in names})


def _needed(
    pod: PodFacts, table: NodeTable, promised: Mapping[str, Ints]
) -> tuple[tuple[str, int, Ints], ...]:
    """(resource, what the pod wants of it, what is free on each row; below 0 where too much is taken)."""
    wanted = [(resource, amount) for resource, amount in pod.requests.items() if amount]
    return (
        ("pods", 1, table.allocatable("pods") - table.pod_count - promised.get("pods", 0)),
        *(
            (name, amount, table.allocatable(name) - table.requested(name) - promised.get(name, 0))
            for name, amount in wanted
        ),
    )


def _promised(pod: PodFacts, world: World) -> Mapping[str, Ints]:
    """What nominated pods of at least this priority will take, by resource and row."""
    if world.nominations is None or not len(world.nominations):
        return {}
    return world.nominations.promised(pod, world)


def victims_on(pod: PodFacts, world: World, row: int) -> list[Victim]:
    """The pods of a row with a lower priority, the most important first."""
    lower = [
        Victim(uid, facts, started_at(world.placed.get(uid), world.now))
        for uid, facts in world.table.placements.on(row).items()
        if facts.priority < pod.priority
    ]
    lower.sort(key=lambda victim: victim.importance)
    return lower


def _reprieve(
    pod: PodFacts,
    world: World,
    row: int,
    needed: tuple[tuple[str, int, Ints], ...],
    budgets: Budgets,
) -> Candidate:
    """Takes all victims away and gives back one after another, those first whose budget would break, then the more
    important; who cannot be given back is the victim."""
    lower = victims_on(pod, world, row)
    spare: dict[str, int] = {}
    for name, amount, free in needed:
        held = sum(1 if name == "pods" else victim.facts.requests.get(name, 0) for victim in lower)
        spare[name] = int(free[row]) + held - amount
    breaking, keeping = _split(budgets, lower, world)
    violations = 0
    chosen: list[Victim] = []
    for victims, breaks in ((breaking, 1), (keeping, 0)):
        for victim in victims:
            asked = victim.facts.requests
            if all(left >= (1 if name == "pods" else asked.get(name, 0)) for name, left in spare.items()):
                for name in spare:
                    spare[name] -= 1 if name == "pods" else asked.get(name, 0)
            else:
                chosen.append(victim)
                violations += breaks
    chosen.sort(key=lambda victim: victim.importance)
    return Candidate(world.table.name(row), tuple(chosen), violations)


def _split(budgets: Budgets, lower: list[Victim], world: World) -> tuple[list[Victim], list[Victim]]:
    if not budgets:
        return [], lower
    names = {victim.uid: name_of(pod) for victim in lower if (pod := world.placed.get(victim.uid))}
    return budgets.split(lower, names)


def _simulate(
    pod: PodFacts, world: World, failure: Failure, row: int, budgets: Budgets
) -> tuple[Candidate | None, tuple[str, ...]]:
    """As `_reprieve`, with every filter asked over the table without the victims; it is as before afterwards."""
    table, node = world.table, world.table.name(row)
    lower = victims_on(pod, world, row)
    version = int(table.row_version[row])
    gone = {victim.uid: victim for victim in lower}
    for uid in gone:
        table.unplace(uid)
    try:
        if why := failure.refusal(row):
            return None, why
        breaking, keeping = _split(budgets, lower, world)
        violations = 0
        for victims, breaks in ((breaking, 1), (keeping, 0)):
            for victim in victims:
                table.place(victim.uid, node, victim.facts)
                if failure.refusal(row):
                    table.unplace(victim.uid)
                    violations += breaks
                else:
                    del gone[victim.uid]
        return Candidate(node, tuple(gone.values()), violations), ()
    finally:
        for victim in gone.values():
            table.place(victim.uid, node, victim.facts)
        table.row_version[row] = version


def _kept(pod: PodFacts, world: World) -> _Kept:
    table = world.table
    memo: OrderedDict[object, _Kept] = table.memo.setdefault("preemption", OrderedDict())
    about = (pod.priority, pod.asks)
    kept = memo.get(about)
    if kept is None or kept.budgets is not world.budgets or len(kept.versions) < table.size:
        size = max(table.size, 16) * 5 // 4
        kept = memo[about] = _Kept(
            world.budgets, np.full(size, -1, np.int64), np.zeros((size, KEY)), [None] * size
        )
    memo.move_to_end(about)
    while len(memo) > PODS_KEPT:
        memo.popitem(last=False)
    return kept


def _budgets(world: World) -> Budgets:
    """The budgets of this world, read once while they stand."""
    memo = world.table.memo
    if memo.get("budgets read") is not world.budgets:
        memo["budgets read"], memo["budgets"] = world.budgets, Budgets(world.budgets)
    found: Budgets = memo["budgets"]
    return found
