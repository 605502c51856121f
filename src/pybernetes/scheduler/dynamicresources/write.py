"""Writing allocations and reservations to claims: in PreBind, when the pod's node is settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Conflict, NotFound
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.lang.timestamps import rfc3339

from . import binding
from .podclaims import allocation_of, holder, holders, is_reserved
from .view import DeviceView

FINALIZER = "resource.kubernetes.io/delete-protection"
TRIES = 5
RETRY_SECONDS = 0.01
POLL_SECONDS = 5.0


class ClaimError(Exception):
    """A claim is not to be had: the pod is tried again after its back-off."""


async def bind(client: Client, claim: Obj, pod: Obj, allocation: Obj | None, now: float) -> Obj:
    """The claim as written: reserved for the pod, with `allocation` where it had none. Another's change in between is
    taken into account. Raises ApiError, and ClaimError where the claim is not to be had any more."""
    for last in range(TRIES, 0, -1):
        try:
            return await _bind(client, claim, pod, allocation, now)
        except Conflict:
            if last == 1:
                raise
            await asyncio.sleep(RETRY_SECONDS)
            claim = await client.get(kinds.RESOURCECLAIM, name_of(claim), namespace_of(claim))
    raise AssertionError("the last try returns or raises")


async def _bind(client: Client, claim: Obj, pod: Obj, allocation: Obj | None, now: float) -> Obj:
    if is_deleting(claim):
        raise ClaimError(f"claim {key_of(claim)} got deleted in the meantime")
    if is_reserved(claim, uid_of(pod)) and allocation is None:
        return claim
    if allocation is not None:
        if allocation_of(claim) is not None:
            raise ClaimError(f"claim {key_of(claim)} got allocated elsewhere in the meantime")
        finalizers = claim["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            metadata = {**claim["metadata"], "finalizers": [*finalizers, FINALIZER]}
            claim = await client.update(kinds.RESOURCECLAIM, {**claim, "metadata": metadata})
    elif allocation_of(claim) is None:
        raise ClaimError(f"claim {key_of(claim)} got deallocated in the meantime")
    status: dict[str, Any] = {**(claim.get("status") or {})}
    status["allocation"] = {
        "allocationTimestamp": rfc3339(now),
        **(allocation if allocation is not None else allocation_of(claim) or {}),
    }
    status["reservedFor"] = [*holders(claim), holder(pod)]
    return await client.update(kinds.RESOURCECLAIM, {**claim, "status": status}, subresource="status")


async def unreserve(client: Client, claim: Obj, pod: Obj) -> None:
    """Takes the pod out of a claim's `reservedFor`, whatever else is there. The claim keeps its devices."""
    patch = {
        "metadata": {"uid": uid_of(claim)},
        "status": {"reservedFor": [{"$patch": "delete", "uid": uid_of(pod)}]},
    }
    try:
        await client.patch(
            kinds.RESOURCECLAIM,
            name_of(claim),
            namespace_of(claim),
            patch,
            patch_type="strategic",
            subresource="status",
        )
    except NotFound:
        return


async def remove(client: Client, claim: Obj) -> None:
    """Deletes a claim of the scheduler's own, with its devices."""
    name, namespace = name_of(claim), namespace_of(claim)
    try:
        current = await client.get(kinds.RESOURCECLAIM, name, namespace)
        if current.get("status"):
            current = await client.update(
                kinds.RESOURCECLAIM, {**current, "status": {}}, subresource="status"
            )
        finalizers = [each for each in current["metadata"].get("finalizers") or () if each != FINALIZER]
        metadata = {**current["metadata"], "finalizers": finalizers}
        await client.update(kinds.RESOURCECLAIM, {**current, "metadata": metadata})
        await client.delete(kinds.RESOURCECLAIM, name, namespace)
    except NotFound:
        return


async def ready(
    view: DeviceView, claims: list[Obj], now: Callable[[], float], seconds: float = binding.BINDING_SECONDS
) -> None:
    """Waits until the devices of all claims are ready. Raises ClaimError where one will not be, or not in time."""
    try:
        async with asyncio.timeout(seconds):
            while not _are_ready(view, claims, now(), seconds):  # noqa: ASYNC110  (the cache is looked at)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise ClaimError("device binding timeout") from None


def _are_ready(view: DeviceView, claims: list[Obj], now: float, seconds: float) -> bool:
    for each in claims:
        claim = view.claim(key_of(each))
        if claim is None:
            raise ClaimError(f'could not find ResourceClaim "{key_of(each)}": object not found')
        if failed := binding.failure(claim):
            raise ClaimError(failed)
        if not binding.is_ready(claim):
            if binding.is_overdue(claim, now, seconds):
                raise ClaimError(f"claim {name_of(claim)} binding timeout")
            return False
    return True


def describe(error: ApiError, claim: Obj, allocated: bool) -> str:
    """Upstream's words for a write that failed."""
    what = "add allocation and reservation to" if allocated else "add reservation to"
    return f"{what} claim {key_of(claim)}: {error}"
