"""Which pods' leaving would break a PodDisruptionBudget, as upstream counts before a preemption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.lang import labelselector
from pybernetes.lang.labelselector import Selector

from .candidate import Victim


class Budgets:
    """The budgets of a moment, their selectors read once."""

    def __init__(self, budgets: Sequence[Obj]) -> None:
        self._by_namespace: dict[str, list[tuple[str, Selector, int, frozenset[str]]]] = {}
        for each in budgets:
            status = each.get("status") or {}
            selector = labelselector.from_label_selector((each.get("spec") or {}).get("selector"))
            if selector.everything or selector.nothing:
                continue
            self._by_namespace.setdefault(namespace_of(each), []).append(
                (
                    name_of(each),
                    selector,
                    int(status.get("disruptionsAllowed") or 0),
                    frozenset(status.get("disruptedPods") or ()),
                )
            )

    def __bool__(self) -> bool:
        return bool(self._by_namespace)

    def split(self, victims: Iterable[Victim], names: dict[str, str]) -> tuple[list[Victim], list[Victim]]:
        """(those whose leaving breaks a budget, the others), each in the order given; every pod uses its budgets up.

        `names` are the victims' names by uid: one that a budget counts as disrupted already costs nothing.
        """
        left: dict[tuple[str, str], int] = {}
        breaking: list[Victim] = []
        keeping: list[Victim] = []
        for victim in victims:
            labels, namespace = victim.facts.labels, victim.facts.namespace
            broken = False
            for name, selector, allowed, disrupted in self._by_namespace.get(namespace, ()) if labels else ():
                if selector.matches(labels) and names.get(victim.uid) not in disrupted:
                    left[namespace, name] = left.get((namespace, name), allowed) - 1
                    broken = broken or left[namespace, name] < 0
            (breaking if broken else keeping).append(victim)
        return breaking, keeping
