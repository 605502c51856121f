"""persistentvolumeclaim-protection-controller: a claim that a pod uses is not removed, and one that is bound says since
when no pod uses it (condition `Unused`, KEP-5541).

The two ask different questions: a pod that has ended still holds a claim on its node but does not use it, a pod without a
node uses it but does not hold it yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Plan, Update
from pybernetes.controllers.pods import condition, is_finished
from pybernetes.controllers.volumes import (
    PODS_BY_CLAIM,
    claims_of_pod,
    ephemeral_claim,
    has_finalizer,
    is_made_for,
    with_finalizer,
    without_finalizer,
)
from pybernetes.lang.timestamps import rfc3339

FINALIZER = "kubernetes.io/pvc-protection"
UNUSED = "Unused"
FREE = ("True", "NoPodsUsingPVC", "No pods are currently referencing this PVC")
USED = ("False", "PodUsingPVC", "A pod is currently referencing this PVC")
"""Status, reason and message of the condition."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A claim and the pods that name it."""

    claim: Obj
    pods: Sequence[Obj]


def observe(key: str, caches: Caches) -> Seen | None:
    claim = caches.get(kinds.PERSISTENTVOLUMECLAIM, key)
    return None if claim is None else Seen(claim, caches.by_index(kinds.POD, PODS_BY_CLAIM, key))


async def ask(seen: Seen, client: Client) -> Seen:
    """A pod may have been created that the cache does not know yet: before the claim is let go the server is asked."""
    claim = seen.claim
    if not is_deleting(claim) or not has_finalizer(claim, FINALIZER) or _users(seen):
        return seen
    pods = (await client.list(kinds.POD, namespace_of(claim))).items
    return replace(seen, pods=[pod for pod in pods if key_of(claim) in claims_of_pod(pod)])


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    claim = seen.claim
    held = has_finalizer(claim, FINALIZER)
    if not is_deleting(claim):
        if held:
            return _say_whether_used(seen, now)
        step = Update(kinds.PERSISTENTVOLUMECLAIM, with_finalizer(claim, FINALIZER), "a pod may use it")
        return Plan((step,), None, "protecting it")
    users = _users(seen)
    if not held or users:
        return Plan.nothing(f"used by {', '.join(map(name_of, users))}" if held else "not held")
    step = Update(kinds.PERSISTENTVOLUMECLAIM, without_finalizer(claim, FINALIZER), "no pod uses it")
    return Plan((step,), None, "letting it go")


def _say_whether_used(seen: Seen, now: float) -> Plan:
    claim = seen.claim
    if (claim.get("status") or {}).get("phase") != "Bound":
        return Plan.nothing("protected; while it is being bound its status is the binder's")
    used = any(_names(pod, claim) and not is_terminated(pod) for pod in seen.pods)
    status, reason, message = USED if used else FREE
    before = condition(claim, UNUSED)
    if before is not None and before.get("status") == status:
        return Plan.nothing("protected")
    entry = {
        "type": UNUSED,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": message,
    }
    others = [each for each in claim["status"].get("conditions") or () if each["type"] != UNUSED]
    changed = {**claim, "status": {**claim["status"], "conditions": [*others, entry]}}
    return Plan((Update(kinds.PERSISTENTVOLUMECLAIM, changed, message, "status"),), None, message)


def is_terminated(pod: Obj) -> bool:
    """Whether nothing of a pod runs any more: it has ended, or it is going and no container runs."""
    if is_finished(pod):
        return True
    status = pod.get("status") or {}
    fields = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    return is_deleting(pod) and not any(
        (each.get("state") or {}).get("running") for field in fields for each in status.get(field) or ()
    )


def _users(seen: Seen) -> list[Obj]:
    return [pod for pod in seen.pods if uses(pod, seen.claim)]


def uses(pod: Obj, claim: Obj) -> bool:
    """Whether a pod's node may have the claim's volume in use: it is scheduled, and not ended while being deleted."""
    return bool(pod["spec"].get("nodeName")) and _names(pod, claim)


def _names(pod: Obj, claim: Obj) -> bool:
    """Whether a pod names the claim, or the claim was made for an ephemeral volume of it."""
    for volume in pod["spec"].get("volumes") or ():
        source = volume.get("persistentVolumeClaim")
        if source and source["claimName"] == name_of(claim):
            return True
        if (
            volume.get("ephemeral")
            and ephemeral_claim(pod, volume) == name_of(claim)
            and is_made_for(claim, pod)
        ):
            return True
    return False


def _claims(pod: Obj, _caches: Caches) -> Iterable[str]:
    return claims_of_pod(pod)


def pod_matters(old: Obj | None, new: Obj | None) -> bool:
    """Whether a pod begins or ends to use its claims, or to hold them."""
    if old is None or new is None or uid_of(old) != uid_of(new):
        return True
    if is_terminated(old) != is_terminated(new):
        return True
    return bool(old["spec"].get("nodeName")) != bool(new["spec"].get("nodeName"))


CONTROLLER = ControllerDef(
    "persistentvolumeclaim-protection-controller",
    watches=(
        itself(kinds.PERSISTENTVOLUMECLAIM),
        Watch(kinds.POD, _claims, {PODS_BY_CLAIM: claims_of_pod}, matters=pod_matters),
    ),
    observe=observe,
    plan=plan,
    account="pvc-protection-controller",
    ask=ask,
)
