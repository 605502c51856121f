"""PodDisruptionBudgets: how many more pods may be evicted now, told in the status by which the eviction API decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.ownership import those
from pybernetes.control.plan import Plan, Report, Steps, Update
from pybernetes.controllers.pods import is_ready
from pybernetes.controllers.selectortext import shown
from pybernetes.lang.labelselector import from_label_selector
from pybernetes.lang.timestamps import parse, rfc3339

from .expected import SCALED, Expected, Owners, Uncountable, ask, by_scale, expected, owners_of

DELETION_SECONDS = 120.0
"""How long an evicted pod counts as going before its deletion has been seen."""
RECOUNT_SECONDS = 30.0
CONDITION = "DisruptionAllowed"


@dataclass(frozen=True, slots=True)
class Seen:
    """A budget, the pods it selects, and who owns them."""

    budget: Obj
    pods: Sequence[Obj]
    owners: Owners
    contested: tuple[Obj, ...] = ()
    """Pods that other budgets select too, of which this one is the first by name."""
    memory: frozenset[str] | None = None
    """The uids of those that were told of."""


def observe(key: str, caches: Caches) -> Seen | None:
    budget = caches.get(kinds.PODDISRUPTIONBUDGET, key)
    if budget is None:
        return None
    selector = from_label_selector(budget["spec"].get("selector"))
    pods = [pod for pod in caches.list(kinds.POD, namespace_of(budget)) if selector.matches(labels_of(pod))]
    owners = owners_of(pods, caches) if by_scale(budget) else Owners({})
    return Seen(budget, pods, owners, tuple(_contested(key, pods, caches)))


def _contested(key: str, pods: Sequence[Obj], caches: Caches) -> Iterable[Obj]:
    namespace = key.partition("/")[0]
    if len(caches.list(kinds.PODDISRUPTIONBUDGET, namespace)) > 1:
        for pod in pods:
            found = sorted(_protecting(pod, caches))
            if len(found) > 1 and found[0] == key:
                yield pod


async def with_scales(seen: Seen, client: Client) -> Seen:
    return replace(seen, owners=await ask(seen.owners, client)) if seen.owners.foreign else seen


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    budget, steps = seen.budget, Steps()
    _tell_contested(steps, seen)
    if not seen.pods:
        steps.add(Report(budget, "Normal", "NoPods", "No matching pods found"))
    try:
        wanted = expected(budget, seen.pods, seen.owners)
    except Uncountable as error:
        message = f"Failed to calculate the number of expected pods: {error}"
        steps.add(Report(budget, "Warning", "CalculateExpectedPodCountFailed", message))
        _report(steps, budget, _failed(budget, str(error), now))
        steps.look_again(RECOUNT_SECONDS)
        return steps.plan(message)
    if seen.owners.unmanaged:
        steps.add(Report(budget, "Warning", "UnmanagedPods", _unmanaged(budget)))
    disrupted = _disrupted(steps, seen, now)
    healthy = sum(
        is_ready(pod) and not is_deleting(pod) and name_of(pod) not in disrupted for pod in seen.pods
    )
    _report(steps, budget, _status(budget, wanted, healthy, disrupted, now))
    return steps.plan(f"{healthy} healthy of {wanted.pods}, {wanted.healthy} needed")


def _tell_contested(steps: Steps, seen: Seen) -> None:
    """Says of each pod once that it has several budgets: nobody may evict it."""
    for pod in seen.contested:
        if uid_of(pod) not in (seen.memory or ()):
            message = (
                f'Pod "{namespace_of(pod)}"/"{name_of(pod)}" matches multiple PodDisruptionBudgets.  '
                f'Chose "{name_of(seen.budget)}" arbitrarily.'
            )
            steps.add(Report(pod, "Warning", "MultiplePodDisruptionBudgets", message))
    steps.memory = frozenset(map(uid_of, seen.contested)) or None


def _unmanaged(budget: Obj) -> str:
    return (
        f"Pods selected by this PodDisruptionBudget (selector: {shown(budget['spec'].get('selector'))}) were found to be unmanaged. As a "
        "result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To "
        'account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
    )


def _disrupted(steps: Steps, seen: Seen, now: float) -> dict[str, str]:
    """Pods that were evicted and are not seen to be deleted yet, each for two minutes at most."""
    budget, found = seen.budget, {}
    noted = (budget.get("status") or {}).get("disruptedPods") or {}
    for pod in seen.pods:
        since = noted.get(name_of(pod))
        if since is None or is_deleting(pod):
            continue
        left = parse(since) + DELETION_SECONDS - now
        if left < 0:
            where = f"{namespace_of(budget)}/{name_of(budget)}"
            message = f"Pod was expected by PDB {where} to be deleted but it wasn't"
            steps.add(Report(pod, "Warning", "NotDeleted", message))
            continue
        found[name_of(pod)] = since
        steps.look_again(left + 0.001)
    return found


def _status(
    budget: Obj, wanted: Expected, healthy: int, disrupted: dict[str, str], now: float
) -> dict[str, Any]:
    allowed = max(0, healthy - wanted.healthy) if wanted.pods > 0 else 0
    generation = budget["metadata"].get("generation", 0)
    reason = "SufficientPods" if allowed > 0 else "InsufficientPods"
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": wanted.healthy,
        "expectedPods": wanted.pods,
        "conditions": _conditions(budget, allowed > 0, reason, "", now),
    }
    return {**status, "disruptedPods": disrupted} if disrupted else status


def _failed(budget: Obj, message: str, now: float) -> dict[str, Any]:
    """Nothing is allowed while it is not known what should be there; the rest stays as it was."""
    before = budget.get("status") or {}
    status = {
        **before,
        "disruptionsAllowed": 0,
        "observedGeneration": budget["metadata"].get("generation", 0),
        "conditions": _conditions(budget, False, "SyncFailed", message, now),
    }
    return {**dict.fromkeys(("currentHealthy", "desiredHealthy", "expectedPods"), 0), **status}


def _conditions(budget: Obj, allowed: bool, reason: str, message: str, now: float) -> list[Any]:
    current = list((budget.get("status") or {}).get("conditions") or ())
    before = next((each for each in current if each["type"] == CONDITION), None)
    status = "True" if allowed else "False"
    since = (
        before["lastTransitionTime"] if before is not None and before["status"] == status else rfc3339(now)
    )
    mine = {
        "type": CONDITION,
        "status": status,
        "observedGeneration": budget["metadata"].get("generation", 0),
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }
    if before is None:
        return [*current, mine]
    return [mine if each is before else each for each in current]


def _report(steps: Steps, budget: Obj, status: dict[str, Any]) -> None:
    if status != budget.get("status"):
        steps.add(Update(kinds.PODDISRUPTIONBUDGET, {**budget, "status": status}, "pods changed", "status"))


def _protecting(pod: Obj, caches: Caches) -> Iterable[str]:
    """The budgets that select a pod."""
    namespace = namespace_of(pod)
    return (
        f"{namespace}/{name_of(budget)}"
        for budget in those(
            caches.list(kinds.PODDISRUPTIONBUDGET, namespace),
            lambda budget: from_label_selector(budget["spec"].get("selector")).matches(labels_of(pod)),
        )
    )


CONTROLLER = ControllerDef(
    "disruption-controller",
    watches=(itself(kinds.PODDISRUPTIONBUDGET), Watch(kinds.POD, _protecting)),
    observe=observe,
    plan=plan,
    account="disruption-controller",
    source="controllermanager",
    reads=(*SCALED, kinds.CUSTOMRESOURCEDEFINITION),
    ask=with_scales,
    remembers=True,
    workers=1,
)
