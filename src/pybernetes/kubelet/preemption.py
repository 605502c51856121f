"""Whom a critical pod sends away from a node that is full (upstream's CriticalPodAdmissionHandler). Pure.

As few pods as possible, rather those without guarantees: first it is seen which Guaranteed pods would have to go if all
others went, then which Burstable ones if those and all BestEffort ones went, then which BestEffort ones. Within a class the
pod goes first that comes nearest to what is missing, of two such the one that asked for less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pybernetes.api.meta import Obj
from pybernetes.lang.timestamps import rfc3339

from .resources import CRITICAL_PRIORITY

REASON, MESSAGE = "Preempting", "Preempted in order to admit critical pod"

Amounts = Mapping[str, int]
"""By resource, in 10^-9."""


class Candidate(NamedTuple):
    """A pod that may be sent away, and what it takes."""

    uid: str
    qos: str
    amounts: Amounts


def priority_of(pod: Obj) -> int:
    return int(pod["spec"].get("priority") or 0)


def is_critical(pod: Obj) -> bool:
    return priority_of(pod) >= CRITICAL_PRIORITY


def yields_to(priority: int, critical: int) -> bool:
    """Whether a pod of this priority may be sent away for a critical one."""
    return priority < CRITICAL_PRIORITY or priority < critical


def victims(candidates: Iterable[Candidate], missing: Amounts) -> list[str] | None:
    """The uids of the pods that have to go; None where all together would not be enough."""
    by_class: dict[str, list[Candidate]] = {"BestEffort": [], "Burstable": [], "Guaranteed": []}
    for each in candidates:
        by_class[each.qos].append(each)
    best_effort, burstable, guaranteed = by_class.values()
    if _without(missing, (*best_effort, *burstable, *guaranteed)):
        return None
    third = _nearest(guaranteed, _without(missing, (*best_effort, *burstable)))
    second = _nearest(burstable, _without(missing, (*best_effort, *third)))
    first = _nearest(best_effort, _without(missing, (*second, *third)))
    return [each.uid for each in (*first, *second, *third)]


def _without(missing: Amounts, leaving: Sequence[Candidate]) -> Amounts:
    """What is still missing once these have gone."""
    left = {name: amount - sum(c.amounts.get(name, 0) for c in leaving) for name, amount in missing.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _nearest(candidates: Sequence[Candidate], missing: Amounts) -> list[Candidate]:
    """Those of one class that have to go; there are enough of them."""
    left, chosen = [*candidates], []
    while missing:
        best = min(
            left, key=lambda c: (_distance(c, missing), c.amounts.get("memory", 0), c.amounts.get("cpu", 0))
        )
        left.remove(best)
        chosen.append(best)
        missing = _without(missing, (best,))
    return chosen


def _distance(candidate: Candidate, missing: Amounts) -> float:
    """How much of what is missing a pod leaves missing; each resource counts the same."""
    parts = ((amount - candidate.amounts.get(name, 0)) / amount for name, amount in missing.items())
    return sum(part**2 for part in parts if part > 0)


def disruption(pod: Obj, now: float) -> dict[str, Any]:
    """The condition of a pod that was sent away. `now` is Unix time."""
    generation = pod["metadata"].get("generation")
    return {
        "type": "DisruptionTarget",
        "status": "True",
        **({"observedGeneration": generation} if generation else {}),
        "lastProbeTime": None,
        "lastTransitionTime": rfc3339(now),
        "reason": "TerminationByKubelet",
        "message": "Pod was preempted by Kubelet to accommodate a critical pod.",
    }
