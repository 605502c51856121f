"""clusterrole-aggregation-controller: a ClusterRole with an `aggregationRule` has the rules of the roles it selects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Plan, Update
from pybernetes.lang import labelselector


@dataclass(frozen=True, slots=True)
class Seen:
    """A role that aggregates, and the others."""

    role: Obj
    others: tuple[Obj, ...]


def _aggregates(role: Obj) -> bool:
    return role.get("aggregationRule") is not None


def observe(key: str, caches: Caches) -> Seen | None:
    role = caches.get(kinds.CLUSTERROLE, key)
    if role is None or not _aggregates(role):
        return None
    others = (other for other in caches.list(kinds.CLUSTERROLE) if name_of(other) != key)
    return Seen(role, tuple(others))


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    if is_deleting(seen.role):
        return Plan.nothing("it is being deleted")
    rules = gathered(seen.role, seen.others)
    if rules == list(seen.role.get("rules") or ()):
        return Plan.nothing("the rules are as gathered")
    step = Update(kinds.CLUSTERROLE, {**seen.role, "rules": rules}, "the roles that it selects changed")
    return Plan((step,), None, "gathering rules")


def gathered(role: Obj, others: Iterable[Obj]) -> list[Obj]:
    """The rules of what each selector selects, selector after selector, role after role by name, each rule once."""
    by_name = sorted(others, key=name_of)
    rules: list[Obj] = []
    for tree in role["aggregationRule"].get("clusterRoleSelectors") or ():
        selector = labelselector.from_label_selector(tree)
        for other in by_name:
            if selector.matches(other["metadata"].get("labels") or {}):
                rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules


def _all_that_aggregate(_role: Obj, caches: Caches) -> tuple[str, ...]:
    """Whose selectors the changed role matches now, or did, is cheaper to recompute than to know."""
    return tuple(name_of(role) for role in caches.list(kinds.CLUSTERROLE) if _aggregates(role))


CONTROLLER = ControllerDef(
    "clusterrole-aggregation-controller",
    watches=(Watch(kinds.CLUSTERROLE, _all_that_aggregate),),
    observe=observe,
    plan=plan,
    account="clusterrole-aggregation-controller",
)
