"""Getting a pod's claims their volumes once its node is known: assumed at once, written before the pod is bound, and
waited for until the volume controllers (or a provisioner) have done their part."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pybernetes.api import kinds
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    evolve,
    name_of,
    namespace_of,
    resource_version_of,
    uid_of,
)
from pybernetes.client.interface import Client

from .claims import SELECTED_NODE, is_bound, key_of_claim
from .view import VolumeView

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
POLL_SECONDS = 0.25


class NotProvided(Exception):
    """A claim did not get its volume; the pod is tried again."""


def bound_volume(volume: Obj, claim: Obj) -> Obj:
    """The volume, bound to the claim."""
    reference = {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": namespace_of(claim),
        "name": name_of(claim),
        "uid": uid_of(claim),
        "resourceVersion": resource_version_of(claim),
    }
    given = volume["spec"].get("claimRef")
    annotations = dict(annotations_of(volume))
    if not given:
        annotations[BOUND_BY_CONTROLLER] = "yes"
    changed = evolve(volume, "spec", "claimRef", {**(given or {}), **reference})
    return evolve(changed, "metadata", "annotations", annotations)


def selected_claim(claim: Obj, node: str) -> Obj:
    """The claim, to be provisioned for a node."""
    return evolve(claim, "metadata", "annotations", {**annotations_of(claim), SELECTED_NODE: node})


async def write(client: Client, volumes: Sequence[Obj], claims: Sequence[Obj]) -> None:
    """Writes what was assumed. Raises ApiError; Conflict where somebody else was faster."""
    for volume in volumes:
        await client.update(kinds.PERSISTENTVOLUME, volume)
    for claim in claims:
        await client.update(kinds.PERSISTENTVOLUMECLAIM, claim)


async def wait(view: VolumeView, claims: Sequence[Obj], node: str, seconds: float) -> None:
    """Waits until every claim is bound. Raises NotProvided where one will not be, or not within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            for claim in claims:
                while not _is_done(view, claim, node):  # noqa: ASYNC110  (the cache is looked at, as upstream does)
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise NotProvided("binding volumes: context deadline exceeded") from None


def _is_done(view: VolumeView, claim: Obj, node: str) -> bool:
    key = key_of_claim(claim)
    current = view.written("PersistentVolumeClaim", key)
    if current is None:
        raise NotProvided(f'binding volumes: persistentvolumeclaim "{name_of(claim)}" not found')
    if is_bound(current):
        return True
    asked = annotations_of(claim).get(SELECTED_NODE)
    seen = resource_version_of(current) != resource_version_of(claim)
    if asked and seen and annotations_of(current).get(SELECTED_NODE) != node:
        raise NotProvided(f'binding volumes: provisioning failed for PVC "{name_of(claim)}"')
    return False
