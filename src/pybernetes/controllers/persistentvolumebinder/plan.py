"""persistentvolume-binder-controller: the keys are claims (`namespace/name`) and volumes (`name`).

The binding has two ends, `claimRef` of the volume and `volumeName` of the claim. The volume's is written first and
decides; each end may have been written by somebody else before. One worker, so that no two claims reach for one volume.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj, annotations_of, key_of, name_of, split_key
from pybernetes.api.storage.storageclass import is_default
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Plan
from pybernetes.controllers.volumes import (
    BIND_COMPLETED,
    PODS_BY_CLAIM,
    VOLUMES_BY_CLAIM,
    claim_key,
    claims_of_pod,
    class_of,
)

from .claims import SeenClaim, default_of, plan_claim, waits_for
from .volumes import SeenVolume, must_be_sure, plan_volume

FREE = "free"
"""Index over volumes that no claim has: the class."""
UNBOUND = "unbound"
"""Index over claims that are not bound and name no volume: the class."""
ASKING = "asking"
"""Index over claims: the volume they name."""


def observe(key: str, caches: Caches) -> SeenClaim | SeenVolume | None:
    if "/" not in key:
        volume = caches.get(kinds.PERSISTENTVOLUME, key)
        if volume is None:
            return None
        claim = next((caches.get(kinds.PERSISTENTVOLUMECLAIM, each) for each in claim_key(volume)), None)
        return SeenVolume(volume, claim)
    claim = caches.get(kinds.PERSISTENTVOLUMECLAIM, key)
    if claim is None:
        return None
    named = claim["spec"].get("volumeName")
    free = caches.by_index(kinds.PERSISTENTVOLUME, FREE, class_of(claim))
    reserved = caches.by_index(kinds.PERSISTENTVOLUME, VOLUMES_BY_CLAIM, key)
    pods = caches.by_index(kinds.POD, PODS_BY_CLAIM, key)
    return SeenClaim(
        claim,
        caches.get(kinds.PERSISTENTVOLUME, named) if named else None,
        [*reserved, *free],
        caches.get(kinds.STORAGECLASS, class_of(claim)) if class_of(claim) else None,
        default_of(each for each in caches.list(kinds.STORAGECLASS) if is_default(each)),
        [pod for pod in pods if waits_for(pod, claim)],
    )


async def ask(seen: SeenClaim | SeenVolume, client: Client) -> SeenClaim | SeenVolume:
    """Caches of two kinds may be of two moments: before a volume is released, the server is asked for its claim."""
    if not isinstance(seen, SeenVolume) or not must_be_sure(seen):
        return seen
    namespace, name = split_key(claim_key(seen.volume)[0])
    try:
        claim = await client.get(kinds.PERSISTENTVOLUMECLAIM, name, namespace)
    except NotFound:
        return replace(seen, claim=None)
    return replace(seen, claim=claim)


def plan(seen: SeenClaim | SeenVolume, _now: float, _settings: Settings) -> Plan:
    return plan_claim(seen) if isinstance(seen, SeenClaim) else plan_volume(seen)


def _free(volume: Obj) -> Iterable[str]:
    return () if volume["spec"].get("claimRef") else (class_of(volume),)


def _is_open(claim: Obj) -> bool:
    return not claim["spec"].get("volumeName") and BIND_COMPLETED not in annotations_of(claim)


def _unbound(claim: Obj) -> Iterable[str]:
    return (class_of(claim),) if _is_open(claim) else ()


def _asking(claim: Obj) -> Iterable[str]:
    named = claim["spec"].get("volumeName")
    return (named,) if named else ()


def _about_claim(claim: Obj, caches: Caches) -> Iterable[str]:
    """The claim, the volume it names, and those that name it."""
    key = key_of(claim)
    volumes = caches.by_index(kinds.PERSISTENTVOLUME, VOLUMES_BY_CLAIM, key)
    return (key, *_asking(claim), *map(name_of, volumes))


def _about_volume(volume: Obj, caches: Caches) -> Iterable[str]:
    """The volume, the claim it names, those that name it, and while it is free all that may want it."""
    name = name_of(volume)
    asking = caches.by_index(kinds.PERSISTENTVOLUMECLAIM, ASKING, name)
    wanting = [
        key_of(claim)
        for storage_class in _free(volume)
        for claim in caches.by_index(kinds.PERSISTENTVOLUMECLAIM, UNBOUND, storage_class)
    ]
    return (name, *claim_key(volume), *map(key_of, asking), *wanting)


def _about_class(storage_class: Obj, caches: Caches) -> Iterable[str]:
    names = [name_of(storage_class), *([""] if is_default(storage_class) else [])]
    return [
        key_of(claim)
        for name in names
        for claim in caches.by_index(kinds.PERSISTENTVOLUMECLAIM, UNBOUND, name)
    ]


def _about_pod(pod: Obj, caches: Caches) -> Iterable[str]:
    """Claims that wait for a consumer say so by its name."""
    if pod["spec"].get("nodeName"):
        return ()
    claims = (caches.get(kinds.PERSISTENTVOLUMECLAIM, key) for key in claims_of_pod(pod))
    return [key_of(claim) for claim in claims if claim is not None and _is_open(claim)]


CONTROLLER = ControllerDef(
    "persistentvolume-binder-controller",
    watches=(
        Watch(kinds.PERSISTENTVOLUMECLAIM, _about_claim, {UNBOUND: _unbound, ASKING: _asking}),
        Watch(kinds.PERSISTENTVOLUME, _about_volume, {FREE: _free, VOLUMES_BY_CLAIM: claim_key}),
        Watch(kinds.STORAGECLASS, _about_class),
        Watch(kinds.POD, _about_pod, {PODS_BY_CLAIM: claims_of_pod}),
    ),
    observe=observe,
    plan=plan,
    account="persistent-volume-binder",
    workers=1,
    ask=ask,
    source="persistentvolume-controller",
)
