"""Disruptions that were announced on a pod (the condition DisruptionTarget) and did not come: after two minutes the
condition is taken back. What a kubelet announces may take any time, and on a pod that has ended nothing is stale."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Patch, Plan
from pybernetes.controllers.pods import condition, is_finished
from pybernetes.lang.timestamps import parse, rfc3339

TARGET = "DisruptionTarget"
BY_KUBELET = "TerminationByKubelet"
STALE_SECONDS = 120.0


def announced(pod: Obj) -> Obj | None:
    """The condition by which the pod waits to be disrupted."""
    entry = condition(pod, TARGET)
    if entry is None or entry.get("status") != "True" or entry.get("reason") == BY_KUBELET:
        return None
    return None if is_deleting(pod) or is_finished(pod) else entry


def observe(key: str, caches: Caches) -> Obj | None:
    pod = caches.get(kinds.POD, key)
    return pod if pod is not None and announced(pod) is not None else None


def plan(pod: Obj, now: float, _settings: Settings) -> Plan:
    entry = announced(pod)
    if entry is None:
        return Plan.nothing("nothing is announced")
    left = (
        parse(entry["lastTransitionTime"]) + STALE_SECONDS - now if entry.get("lastTransitionTime") else 0.0
    )
    if left > 0:
        return Plan.nothing("the disruption may still come", left)
    taken_back = {**entry, "status": "False", "lastTransitionTime": rfc3339(now)}
    conditions = [taken_back if each is entry else each for each in pod["status"]["conditions"]]
    metadata = {"uid": uid_of(pod), "resourceVersion": pod["metadata"]["resourceVersion"]}
    patch = {"metadata": metadata, "status": {"conditions": conditions}}
    why = "the disruption that was announced did not come"
    return Plan((Patch(kinds.POD, namespace_of(pod), name_of(pod), patch, why, "status"),), None, why)


def _waiting(pod: Obj, _caches: Caches) -> tuple[str, ...]:
    return (key_of(pod),) if announced(pod) is not None else ()


CONTROLLER = ControllerDef(
    "disruption-controller",
    watches=(Watch(kinds.POD, _waiting),),
    observe=observe,
    plan=plan,
    account="disruption-controller",
    workers=1,
)
