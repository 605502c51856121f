"""Making room for a whole PodGroup (KEP-5710): which pods of lower priority have to leave, wherever they are.

All that may be sent away are taken off the table; if the group can be placed then, they are given back one after another,
those first whose leaving breaks a disruption budget, then the more important ones, as long as as many pods of the group
keep a node (which need not be looked at again where the group needs nothing but resources and goes elsewhere). Groups that are only disrupted as a whole leave, or stay, as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pybernetes.api.meta import Obj, is_deleting, name_of

from ..framework import GroupFailure, GroupPreemption, World
from ..podfacts import PodFacts
from ..preemption.budgets import Budgets
from ..preemption.candidate import Victim, started_at
from .view import priority_of

NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."
NOBODY = "No preemption victims found for incoming preemptor"


@dataclass(frozen=True, slots=True)
class Unit:
    """Pods that leave together: one, or all of a group."""

    victims: tuple[tuple[Victim, str], ...]
    """With their nodes."""
    priority: int
    whole: bool

    @property
    def importance(self) -> tuple[int, bool, int, float]:
        """What sorts the more important first: higher priority, then groups (the larger first), then the longer
        running."""
        started = min(victim.started for victim, _ in self.victims)
        return (-self.priority, not self.whole, -len(self.victims) if self.whole else 0, started)


def make_room(world: World, failure: GroupFailure, leaving: Callable[[Obj | None], bool]) -> GroupPreemption:
    """Whom to send away, and where the group's pods would be then; the world is as before. `leaving`: whether a pod is
    on its way out by an earlier preemption."""
    if any(not facts.preempts for _, facts in failure.pods):
        return GroupPreemption(message=NEVER)
    own = priority_of(failure.group)
    priority = max(facts.priority for _, facts in failure.pods) if own is None else own
    if _still_leaving(world, failure, priority, leaving):
        return GroupPreemption(message=TERMINATING)
    units = sorted(_units(world, priority), key=lambda unit: unit.importance)
    if not units:
        return GroupPreemption(message=NOBODY)
    removed = {id(unit): unit for unit in units}
    try:
        for unit in units:
            _take_off(world, unit)
        found = failure.attempt()
        if isinstance(found, str):
            return GroupPreemption(message=found)
        most = len(found)
        for unit in _breaking_first(world, units):
            _put_back(world, unit)
            if failure.simple and not any(node in found.values() for _, node in unit.victims):
                # The group can stay where it would be.
                del removed[id(unit)]
                continue
            again = failure.attempt()
            if isinstance(again, str) or len(again) < most:
                _take_off(world, unit)
            else:
                del removed[id(unit)]
                found, most = again, len(again)
        return GroupPreemption(
            victims=tuple(victim for unit in removed.values() for victim, _ in unit.victims), nodes=found
        )
    finally:
        for unit in removed.values():
            _put_back(world, unit)


def _still_leaving(
    world: World, failure: GroupFailure, priority: int, leaving: Callable[[Obj | None], bool]
) -> bool:
    """Whether room is being made already on a node for which one of the pods is nominated."""
    for pod, _ in failure.pods:
        row = world.table.rows.get((pod.get("status") or {}).get("nominatedNodeName") or "")
        if row is not None and any(
            is_deleting(other) and leaving(other) and facts.priority < priority
            for uid, facts in world.table.placements.on(row).items()
            if (other := world.placed.get(uid)) is not None
        ):
            return True
    return False


def _units(world: World, below: int) -> Iterator[Unit]:
    """What may be sent away for a group of this priority."""
    assert world.groups is not None
    together: dict[str, str] = {}
    for key, placed in world.groups.disrupted_together():
        together.update(dict.fromkeys(placed, key))
    wholes: dict[str, list[tuple[Victim, str]]] = {}
    for uid, row, facts in world.table.placements.all():
        at = (Victim(uid, facts, started_at(world.placed.get(uid), world.now)), world.table.name(row))
        if uid in together:
            wholes.setdefault(together[uid], []).append(at)
        elif (priority := _priority(world, facts)) < below:
            yield Unit((at,), priority, whole=False)
    for key, victims in wholes.items():
        own = priority_of(world.groups.group(key))
        priority = max(victim.facts.priority for victim, _ in victims) if own is None else own
        if priority < below:
            yield Unit(tuple(victims), priority, whole=True)


def _priority(world: World, facts: PodFacts) -> int:
    """That of the pod's group where it says one."""
    if facts.group and world.groups is not None:
        own = priority_of(world.groups.group(f"{facts.namespace}/{facts.group}"))
        return facts.priority if own is None else own
    return facts.priority


def _breaking_first(world: World, units: list[Unit]) -> list[Unit]:
    victims = [victim for unit in units for victim, _ in unit.victims]
    names = {v.uid: name_of(pod) for v in victims if (pod := world.placed.get(v.uid)) is not None}
    breaking = {victim.uid for victim in Budgets(world.budgets).split(victims, names)[0]}
    return sorted(units, key=lambda unit: not any(victim.uid in breaking for victim, _ in unit.victims))


def _take_off(world: World, unit: Unit) -> None:
    for victim, _ in unit.victims:
        world.table.unplace(victim.uid)


def _put_back(world: World, unit: Unit) -> None:
    for victim, node in unit.victims:
        world.table.place(victim.uid, node, victim.facts)
