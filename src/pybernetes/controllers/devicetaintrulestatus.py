"""device-taint-eviction-controller, the part of DeviceTaintRules: the condition `EvictionInProgress` says how many pods a
rule has yet to evict, or (effect None) would evict if it were allowed to (KEP-5055).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import those
from pybernetes.control.plan import Patch, Plan
from pybernetes.controllers.devicetainteviction import (
    NO_EXECUTE,
    claim_of,
    newest_slices,
    results,
    selects,
    tolerated,
)
from pybernetes.controllers.pods import condition
from pybernetes.controllers.resourceclaim.podclaims import entries
from pybernetes.lang.timestamps import parse, rfc3339

CONDITION = "EvictionInProgress"
PERIOD = 10.0
"""Seconds between two changes of the condition while the rule stays as it is."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The pods that were to be evicted when this was looked at last, by uid, and how many have been evicted since the
    controller began."""

    pending: frozenset[str] = frozenset()
    evicted: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule, the pods (by uid) that it evicts or, with effect None, would evict, which pods are going, and how many
    published and allocated devices it selects."""

    rule: Obj
    pods: Mapping[str, Obj]
    published: int = 0
    allocated: int = 0
    memory: Memory | None = None


def observe(key: str, caches: Caches) -> Seen | None:
    rule = caches.get(kinds.DEVICETAINTRULE, key)
    if rule is None:
        return None
    effect = rule["spec"]["taint"].get("effect")
    if effect not in (NO_EXECUTE, "None"):
        return Seen(rule, {})
    taint = {**rule["spec"]["taint"], "effect": NO_EXECUTE}
    claims = those(caches.list(kinds.RESOURCECLAIM), lambda claim: bool(results(claim)))
    chosen = [claim for claim in claims if any(selects(rule, result) for result in results(claim))]
    pods: dict[str, Obj] = {}
    for claim in chosen:
        for holder in (claim.get("status") or {}).get("reservedFor") or ():
            pod = caches.get(kinds.POD, f"{namespace_of(claim)}/{holder['name']}")
            if pod is not None and not is_deleting(pod) and _evicts(rule, taint, pod, caches):
                pods[uid_of(pod)] = pod
    if effect == NO_EXECUTE:
        return Seen(rule, pods)
    allocated = sum(selects(rule, result) for claim in chosen for result in results(claim))
    return Seen(rule, pods, _published(rule, caches), allocated)


def _evicts(rule: Obj, taint: Obj, pod: Obj, caches: Caches) -> bool:
    """Whether a device of the pod has the taint of the rule and the pod does not tolerate it for ever."""
    if not pod["spec"].get("nodeName"):
        return False
    claims = (claim_of(pod, entry, caches) for entry in entries(pod))
    return any(
        selects(rule, result) and tolerated(result.get("tolerations") or (), taint) is not None
        for claim in claims
        if claim is not None
        for result in results(claim)
    )


def _published(rule: Obj, caches: Caches) -> int:
    pools: dict[tuple[str, str], list[Obj]] = {}
    for each in those(caches.list(kinds.RESOURCESLICE), lambda each: bool(each["spec"].get("devices"))):
        pools.setdefault((each["spec"]["driver"], each["spec"]["pool"]["name"]), []).append(each)
    return sum(
        selects(rule, {"driver": driver, "pool": pool, "device": device["name"]})
        for (driver, pool), slices in pools.items()
        for each in newest_slices(slices)
        for device in each["spec"]["devices"]
    )


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    rule, before = seen.rule, condition(seen.rule, CONDITION)
    memory = _counted(seen, seen.memory or Memory())
    generation = rule["metadata"].get("generation", 0)
    same = before is not None and before.get("observedGeneration") == generation
    if same and before is not None:
        if rule["spec"]["taint"].get("effect") == "None":
            return Plan((), None, "simulated already", memory)
        left = parse(before["lastTransitionTime"]) + PERIOD - now
        if left > 0:
            return Plan((), left, "told a moment ago", memory)
    status, reason, message = told(rule, seen, memory.evicted)
    new: dict[str, Any] = {
        "type": CONDITION,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
    }
    if before is not None and all(before.get(field, "") == value for field, value in new.items()):
        return Plan((), None, message, memory)
    others = [c for c in (rule.get("status") or {}).get("conditions") or () if c["type"] != CONDITION]
    conditions = [*others, {**new, "lastTransitionTime": rfc3339(now)}]
    patch = {"metadata": {"uid": uid_of(rule)}, "status": {"conditions": conditions}}
    step = Patch(kinds.DEVICETAINTRULE, "", name_of(rule), patch, "what it evicts has changed", "status")
    return Plan((step,), None, message, memory)


def _counted(seen: Seen, before: Memory) -> Memory:
    """Pods that were to be evicted and are not there any more (or are going) have been."""
    pending = frozenset(seen.pods)
    if seen.rule["spec"]["taint"].get("effect") != NO_EXECUTE:
        return Memory(evicted=before.evicted)
    return Memory(pending, before.evicted + len(before.pending - pending))


def told(rule: Obj, seen: Seen, evicted: int) -> tuple[str, str, str]:
    """(status, reason, message) of the condition, in upstream's words."""
    effect, count = rule["spec"]["taint"].get("effect"), len(seen.pods)
    namespaces = len({namespace_of(pod) for pod in seen.pods.values()})
    status, parts = "False", []
    if effect == NO_EXECUTE:
        reason = "Completed" if evicted else "NotStarted"
        if count:
            status, reason = "True", "PodsPendingEviction"
            needs = "1 pod needs" if count == 1 else f"{count} pods need"
            parts = [f"{needs} to be evicted in {_namespaces(namespaces)}."]
    elif effect == "None":
        reason = "NoEffect"
        parts = [
            f"{_number(seen.published, 'published device')} selected. "
            f"{_number(seen.allocated, 'allocated device')} selected. "
            f"{_number(count, 'pod')} would be evicted in {_namespaces(namespaces)} if the effect was NoExecute. "
            "This information will not be updated again. Recreate the DeviceTaintRule to trigger an update."
        ]
    else:
        reason, parts = "OtherEffect", ["Eviction only happens for the NoExecute effect."]
    if evicted:
        parts.append(f"{_number(evicted, 'pod')} evicted since starting the controller.")
    return status, reason, " ".join(parts)


def _number(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _namespaces(count: int) -> str:
    return "1 namespace" if count == 1 else f"{count} different namespaces"


def _itself(rule: Obj, _caches: Caches) -> tuple[str, ...]:
    return (name_of(rule),)


def _evicting(caches: Caches) -> Sequence[Obj]:
    return those(
        caches.list(kinds.DEVICETAINTRULE), lambda rule: rule["spec"]["taint"].get("effect") == NO_EXECUTE
    )


def _of_claim(claim: Obj, caches: Caches) -> Iterable[str]:
    found = results(claim)
    return [name_of(rule) for rule in _evicting(caches) if any(selects(rule, each) for each in found)]


def _of_pod(pod: Obj, caches: Caches) -> Iterable[str]:
    """The rules about devices of the pod's claims; of a pod that is gone, the claims may be gone too."""
    if not any(True for _ in entries(pod)):
        return ()
    if caches.get(kinds.POD, key_of(pod)) is None:
        return map(name_of, _evicting(caches))
    claims = (claim_of(pod, entry, caches) for entry in entries(pod))
    return {name for claim in claims if claim is not None for name in _of_claim(claim, caches)}


CONTROLLER = ControllerDef(
    "device-taint-eviction-controller",
    watches=(
        Watch(kinds.DEVICETAINTRULE, _itself),
        Watch(kinds.RESOURCECLAIM, _of_claim),
        Watch(kinds.POD, _of_pod),
    ),
    observe=observe,
    plan=plan,
    account="device-taint-eviction-controller",
    reads=(kinds.RESOURCESLICE,),
    workers=1,
    remembers=True,
)
