"""device-taint-eviction-controller: deletes pods that use a device with a NoExecute taint which their claim does not
tolerate, or not for ever. Taints come from the ResourceSlice of the device and from DeviceTaintRules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import those
from pybernetes.control.plan import Delete, Patch, Plan, Report, Steps
from pybernetes.controllers.pods import condition
from pybernetes.controllers.resourceclaim.podclaims import claim_name, entries, is_reserved_for, made_for
from pybernetes.lang.timestamps import parse, rfc3339

NO_EXECUTE = "NoExecute"
EVENT = "DeviceTaintManagerEviction"
MESSAGE = "Device Taint manager: deleting due to NoExecute taint"


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod, and when (Unix seconds) a taint of a device of its claims evicts it; None: none does."""

    pod: Obj
    due: float | None
    memory: bool | None = None
    """Whether its eviction was only a matter of time when it was last looked at."""


def observe(key: str, caches: Caches) -> Seen | None:
    pod = caches.get(kinds.POD, key)
    if pod is None or is_deleting(pod) or not pod["spec"].get("nodeName") or not entries(pod):
        return None
    return Seen(pod, min(_times(pod, caches), default=None))


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    pod, steps = seen.pod, Steps()
    if seen.due is None:
        if seen.memory:
            steps.add(Report(pod, "Normal", EVENT, "Cancelling deletion"))
        return steps.plan("no taint of its devices evicts it")
    if seen.due > now:
        steps.memory = True
        steps.look_again(seen.due - now)
        return steps.plan("it tolerates the taints of its devices for a while")
    steps.add(Report(pod, "Normal", EVENT, "Marking for deletion"))
    if (patch := _announced(pod, now)) is not None:
        steps.add(Patch(kinds.POD, namespace_of(pod), name_of(pod), patch, MESSAGE, "status"))
    steps.add(Delete(kinds.POD, namespace_of(pod), name_of(pod), uid_of(pod), MESSAGE))
    return steps.plan(MESSAGE)


def _announced(pod: Obj, now: float) -> dict[str, Any] | None:
    """The patch that announces the disruption; None where it is announced already."""
    new = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByDeviceTaintManager",
        "message": MESSAGE,
    }
    before = condition(pod, "DisruptionTarget")
    if before is not None and all(before.get(name) == value for name, value in new.items()):
        return None
    is_true = before is not None and before.get("status") == "True"
    since = (before or {}).get("lastTransitionTime") if is_true else None
    others = [c for c in (pod.get("status") or {}).get("conditions") or () if c["type"] != "DisruptionTarget"]
    conditions = [*others, {**new, "lastTransitionTime": since or rfc3339(now)}]
    return {"metadata": {"uid": uid_of(pod)}, "status": {"conditions": conditions}}


# When pods have to go.


def _times(pod: Obj, caches: Caches) -> Iterator[float]:
    """For each taint that evicts the pod, when."""
    rules: list[Obj] | None = None
    for entry in entries(pod):
        claim = claim_of(pod, entry, caches)
        if claim is None:
            continue
        if rules is None:
            rules = those(caches.list(kinds.DEVICETAINTRULE), _evicts)
        for result in results(claim):
            for taint, since in _taints(result, rules, caches):
                seconds = tolerated(result.get("tolerations") or (), taint)
                if seconds is not None:
                    yield since + seconds


def claim_of(pod: Obj, entry: Obj, caches: Caches) -> Obj | None:
    """The allocated claim behind an entry, if it is there for this very pod."""
    name = claim_name(pod, entry)
    claim = caches.get(kinds.RESOURCECLAIM, f"{namespace_of(pod)}/{name}") if name else None
    if claim is None or not is_reserved_for(claim, pod):
        return None
    if not entry.get("resourceClaimName"):
        owner = made_for(claim)
        if owner is None or owner[1] != uid_of(pod):
            return None
    return claim


def _taints(result: Obj, rules: Iterable[Obj], caches: Caches) -> Iterator[tuple[Obj, float]]:
    """The NoExecute taints of an allocated device, each with the time since when it counts."""
    slices = those(
        caches.by_index(kinds.RESOURCESLICE, "pool", _pool_key(result["driver"], result["pool"])),
        lambda each: bool(each["spec"].get("devices")),
    )
    for each in newest_slices(slices):
        for device in each["spec"]["devices"]:
            if device["name"] == result["device"]:
                for taint in device.get("taints") or ():
                    if taint.get("effect") == NO_EXECUTE:
                        yield taint, _since(taint, each)
    for rule in rules:
        if selects(rule, result):
            yield rule["spec"]["taint"], _since(rule["spec"]["taint"], rule)


def _since(taint: Obj, holder: Obj) -> float:
    return parse(taint.get("timeAdded") or holder["metadata"]["creationTimestamp"])


def newest_slices(slices: Iterable[Obj]) -> list[Obj]:
    """Of the slices of one pool those that count."""
    known = list(slices)
    newest = max((_generation(each) for each in known), default=0)
    return [each for each in known if _generation(each) == newest]


def _generation(slice_: Obj) -> int:
    return int(slice_["spec"]["pool"].get("generation") or 0)


def _evicts(rule: Obj) -> bool:
    return bool(rule["spec"]["taint"].get("effect") == NO_EXECUTE)


def selects(rule: Obj, result: Obj) -> bool:
    """Whether a DeviceTaintRule is about an allocated device; one without a selector is about none."""
    selector = rule["spec"].get("deviceSelector")
    return selector is not None and all(
        selector.get(field) is None or selector[field] == result[field]
        for field in ("driver", "pool", "device")
    )


def tolerated(tolerations: Iterable[Obj], taint: Obj) -> float | None:
    """For how many seconds a taint is tolerated (0: not at all); None: for ever. Only tolerations that name the
    effect NoExecute count."""
    seconds: list[float] = []
    for each in tolerations:
        if each.get("effect") != NO_EXECUTE or not _matches(each, taint):
            continue
        if each.get("tolerationSeconds") is None:
            return None
        seconds.append(max(0.0, float(each["tolerationSeconds"])))
    return min(seconds, default=0.0)


def _matches(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return (toleration.get("value") or "") == (taint.get("value") or "")


# What concerns which pods.


def results(claim: Obj) -> list[Obj]:
    """The devices that a claim has been given."""
    status = claim.get("status")
    allocation = status.get("allocation") if isinstance(status, dict) else None
    return list(((allocation or {}).get("devices") or {}).get("results") or ())


def _pool_key(driver: str, pool: str) -> str:
    return f"{driver}/{pool}"


def _pools_of_claim(claim: Obj) -> tuple[str, ...]:
    return tuple({_pool_key(each["driver"], each["pool"]) for each in results(claim)})


def _pool_of_slice(slice_: Obj) -> tuple[str, ...]:
    spec = slice_.get("spec") or {}
    pool = spec.get("pool")
    return (_pool_key(spec["driver"], pool["name"]),) if pool else ()


def _itself(pod: Obj, _caches: Caches) -> tuple[str, ...]:
    return (key_of(pod),) if pod["spec"].get("nodeName") and entries(pod) else ()


def _holders(claim: Obj, _caches: Caches) -> list[str]:
    return [
        f"{namespace_of(claim)}/{each['name']}"
        for each in (claim.get("status") or {}).get("reservedFor") or ()
        if not each.get("apiGroup") and each["resource"] == "pods"
    ]


def _of_pool(slice_: Obj, caches: Caches) -> list[str]:
    claims = (
        each for key in _pool_of_slice(slice_) for each in caches.by_index(kinds.RESOURCECLAIM, "pool", key)
    )
    return [key for claim in claims for key in _holders(claim, caches)]


def _of_rule(rule: Obj, caches: Caches) -> list[str]:
    """Rules change seldom: every claim is looked at."""
    if not _evicts(rule):
        return []
    selected = those(
        caches.list(kinds.RESOURCECLAIM),
        lambda claim: any(selects(rule, result) for result in results(claim)),
    )
    return [key for claim in selected for key in _holders(claim, caches)]


CONTROLLER = ControllerDef(
    "device-taint-eviction-controller",
    watches=(
        Watch(kinds.POD, _itself),
        Watch(kinds.RESOURCECLAIM, _holders, {"pool": _pools_of_claim}),
        Watch(kinds.RESOURCESLICE, _of_pool, {"pool": _pool_of_slice}),
        Watch(kinds.DEVICETAINTRULE, _of_rule),
    ),
    observe=observe,
    plan=plan,
    account="device-taint-eviction-controller",
    remembers=True,
)
