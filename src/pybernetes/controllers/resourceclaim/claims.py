"""resourceclaim-controller, the part of claims: pods that are done no longer hold a claim; a claim that nobody holds gives
its devices back, and goes where it was made for a pod that is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Delete, Plan, Steps, Update
from pybernetes.controllers.volumes import has_finalizer, without_finalizer

from .podclaims import claims_of, is_done, made_for

FINALIZER = "resource.kubernetes.io/delete-protection"


@dataclass(frozen=True, slots=True)
class Seen:
    """A claim, and the pods of its namespace that it names (as holders or as owner), by name."""

    claim: Obj
    pods: Mapping[str, Obj]


def observe(key: str, caches: Caches) -> Seen | None:
    claim = caches.get(kinds.RESOURCECLAIM, key)
    if claim is None:
        return None
    namespace = namespace_of(claim)
    pods = ((name, caches.get(kinds.POD, f"{namespace}/{name}")) for name, _ in _named(claim))
    return Seen(claim, {name: pod for name, pod in pods if pod is not None})


def _named(claim: Obj) -> list[tuple[str, str]]:
    """(name, uid) of each pod that a claim names."""
    owner = made_for(claim)
    holders = [(each["name"], each["uid"]) for each in _holders(claim) if _is_pod(each)]
    return [*holders, *([owner] if owner is not None else [])]


def _holders(claim: Obj) -> list[Any]:
    return list(dig(claim, "status", "reservedFor") or ())


def _is_pod(holder: Obj) -> bool:
    return not holder.get("apiGroup") and holder["resource"] == "pods"


async def ask(seen: Seen, client: Client) -> Seen:
    """A pod may be newer than the cache: before it loses its claim, the server is asked for it."""
    pods = dict(seen.pods)
    for name, uid in _named(seen.claim):
        if name in pods and uid_of(pods[name]) == uid:
            continue
        try:
            pods[name] = await client.get(kinds.POD, name, namespace_of(seen.claim))
        except NotFound:
            pods.pop(name, None)
    return replace(seen, pods=pods)


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    claim, steps = seen.claim, Steps()
    holders = _holders(claim)
    left = [each for each in holders if not _is_pod(each) or _needs(seen, each["name"], each["uid"])]
    held = has_finalizer(claim, FINALIZER)
    allocated = dig(claim, "status", "allocation") is not None
    gives_back = not left and allocated and held and (bool(holders) or is_deleting(claim))
    if len(left) < len(holders) or gives_back:
        steps.add(_status(claim, left, gives_back=gives_back))
        steps.look_again(0.0)
        return steps.plan("its pods are done")
    if not left and not allocated and held:
        why = "it has no devices"
        steps.add(Update(kinds.RESOURCECLAIM, without_finalizer(claim, FINALIZER), why))
        return steps.plan(why)
    owner = made_for(claim)
    if not left and owner is not None and not is_deleting(claim) and not _needs(seen, *owner):
        why = "the pod it was made for is done"
        steps.add(Delete(kinds.RESOURCECLAIM, namespace_of(claim), name_of(claim), uid_of(claim), why))
    return steps.plan(f"held by {len(left)}")


def _needs(seen: Seen, name: str, uid: str) -> bool:
    pod = seen.pods.get(name)
    return pod is not None and uid_of(pod) == uid and not is_done(pod)


def _status(claim: Obj, left: list[Any], *, gives_back: bool) -> Update:
    status = {key: value for key, value in (claim.get("status") or {}).items() if key != "reservedFor"}
    if left:
        status["reservedFor"] = left
    if gives_back:
        status.pop("allocation", None)
    why = "nobody holds it" if not left else "a pod that held it is done"
    return Update(kinds.RESOURCECLAIM, {**claim, "status": status}, why, "status")


def _claims_of(pod: Obj, caches: Caches) -> Iterable[str]:
    """Claims that a pod names, while it lives and after."""
    owned = caches.owned(kinds.RESOURCECLAIM, pod)
    return {*claims_of(pod), *map(key_of, owned)}


CONTROLLER = ControllerDef(
    "resourceclaim-controller",
    watches=(itself(kinds.RESOURCECLAIM), Watch(kinds.POD, _claims_of)),
    observe=observe,
    plan=plan,
    account="resource-claim-controller",
    ask=ask,
    source="resource_claim",
)
