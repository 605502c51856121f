"""persistentvolumeclaim-protection-controller: a claim that a pod uses is not removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Plan, Update
from pybernetes.controllers.volumes import (
    PODS_BY_CLAIM,
    claims_of_pod,
    ephemeral_claim,
    has_finalizer,
    is_made_for,
    with_finalizer,
    without_finalizer,
)

FINALIZER = "kubernetes.io/pvc-protection"


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


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    claim = seen.claim
    held = has_finalizer(claim, FINALIZER)
    if not is_deleting(claim):
        if held:
            return Plan.nothing("protected")
        step = Update(kinds.PERSISTENTVOLUMECLAIM, with_finalizer(claim, FINALIZER), "a pod may use it")
        return Plan((step,), None, "protecting it")
    users = _users(seen)
    if not held or users:
        return Plan.nothing(f"used by {', '.join(map(name_of, users))}" if held else "not held")
    step = Update(kinds.PERSISTENTVOLUMECLAIM, without_finalizer(claim, FINALIZER), "no pod uses it")
    return Plan((step,), None, "letting it go")


def _users(seen: Seen) -> list[Obj]:
    return [pod for pod in seen.pods if uses(pod, seen.claim)]


def uses(pod: Obj, claim: Obj) -> bool:
    """Whether a pod's node may have the claim's volume in use: it is scheduled, and not ended while being deleted."""
    if not pod["spec"].get("nodeName"):
        return False
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


def _claims(pod: Obj, caches: Caches) -> Iterable[str]:
    """Claims only wait for pods to go (or to be moved elsewhere under the same name)."""
    current = caches.get(kinds.POD, key_of(pod))
    gone = current is None or uid_of(current) != uid_of(pod)
    return claims_of_pod(pod) if gone or not pod["spec"].get("nodeName") else ()


CONTROLLER = ControllerDef(
    "persistentvolumeclaim-protection-controller",
    watches=(itself(kinds.PERSISTENTVOLUMECLAIM), Watch(kinds.POD, _claims, {PODS_BY_CLAIM: claims_of_pod})),
    observe=observe,
    plan=plan,
    account="pvc-protection-controller",
    ask=ask,
)
