"""DynamicResources: nodes that can serve the pod's ResourceClaims; the claims get their devices when the pod is bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, key_of

from ..dynamicresources import extended, reservation
from ..dynamicresources.binding import BINDING_SECONDS
from ..dynamicresources.podclaims import (
    allocation_of,
    claims_of,
    is_releasable,
    released,
    whole_problem,
)
from ..dynamicresources.verdicts import REFUSED, Remembered
from ..dynamicresources.view import DeviceView
from ..framework import Attempt, Change, Failure, Plugin, PostFilterResult, Rejection, World, on
from ..nodetable import Ints, Mask, NodeTable
from ..podfacts import PodFacts
from .node_affinity import matches_terms
from .normalize import by_highest

if TYPE_CHECKING:
    from pybernetes.client.interface import Client

NAME = "DynamicResources"
ELSEWHERE = "resourceclaim not available on the node"
RELEASED = "deallocation of ResourceClaim completed"
STILL = "still not schedulable"


def _is_asked_for(pod: PodFacts, world: World) -> bool:
    devices = world.devices
    return bool(pod.device_claims) or (devices is not None and any(map(devices.class_of, pod.requests)))


def _alike(pod: PodFacts, _world: World) -> Literal["nothing"] | None:
    """A pod that wants no device, nor what may be one."""
    return None if pod.device_claims or any("/" in resource for resource in pod.requests) else "nothing"


def waits_for(pod: PodFacts, world: World) -> str:
    """What must exist before the pod is tried."""
    if not pod.device_claims or world.devices is None:
        return ""
    return claims_of(pod, world.devices).problem


def problem(pod: PodFacts, world: World) -> str:
    if not pod.device_claims or world.devices is None:
        return ""
    return whole_problem(pod, world.devices)


def _remembered(table: NodeTable) -> Remembered:
    found: Remembered = table.memo.setdefault(NAME, Remembered())
    return found


def _unavailable(claim: Obj, table: NodeTable) -> Mask | None:
    """The nodes that do not reach the devices of an allocated claim; None where all do."""
    selector = (allocation_of(claim) or {}).get("nodeSelector")
    if selector is None:
        return None
    return ~matches_terms(tuple(selector.get("nodeSelectorTerms") or ()), table)


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
    """Nodes that can serve the better alternatives of `firstAvailable` are better."""
    if not pod.device_claims or world.devices is None:
        return None
    claims = claims_of(pod, world.devices).unallocated
    if not any(
        each.get("firstAvailable")
        for claim in claims
        for each in claim["spec"].get("devices", {}).get("requests") or ()
    ):
        return None
    verdicts = _remembered(world.table).of(claims, world.devices, world.table)
    return by_highest(np.where(verdicts.preference > 0, verdicts.preference, 0), feasible)


def make(*, seconds: float = BINDING_SECONDS) -> Plugin:
    """`seconds`: the argument bindingTimeout, the time that devices have to get ready."""

    def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        view, table = world.devices, world.table
        if view is None:
            return ()
        classes = extended.classes_of(pod, view)
        if not pod.device_claims and not classes:
            return ()
        found = claims_of(pod, view)
        rejections = _allocatable(found.unallocated, classes, world, view)
        refused = np.zeros(table.size, np.bool_)
        for each in rejections:
            refused |= each.nodes
        elsewhere = _elsewhere(found.claims, table)
        if found.unusable(world.now, seconds):
            elsewhere = np.ones(table.size, np.bool_)
        rejections.append(Rejection(ELSEWHERE, elsewhere & ~refused))
        return tuple(rejections)

    def release(pod: PodFacts, world: World, failure: Failure) -> PostFilterResult:
        """Gives back the devices of a claim that keeps the pod from nodes where it could run otherwise."""
        view = world.devices
        if not pod.device_claims or view is None:
            return PostFilterResult()
        found = claims_of(pod, view)
        stuck = found.unusable(world.now, seconds)
        for claim in found.claims:
            if not is_releasable(claim, pod.identity[1]) or allocation_of(claim) is None:
                continue
            away = _unavailable(claim, world.table)
            rows = np.flatnonzero(away & world.table.alive).tolist() if away is not None else []
            if claim in stuck or any(ELSEWHERE in failure.refusal(row) for row in rows):
                return PostFilterResult(message=RELEASED, then=_releasing(claim))
        return PostFilterResult(message=STILL)

    async def pre_bind(attempt: Attempt) -> None:
        await reservation.settle(attempt, seconds)

    return Plugin(
        NAME,
        waits_for=waits_for,
        pre_filter=problem,
        filter=fits,
        minds_others=_is_asked_for,
        after_same=_alike,
        post_filter=release,
        score=score,
        weight=2,
        reserve=reservation.reserve,
        unreserve=reservation.unreserve,
        give_back=reservation.give_back,
        pre_bind=pre_bind,
        pre_bind_pre_flight=reservation.is_needed,
        unblocked_by=(
            on("Node", "add", "labels", "taints"),
            on("ResourceClaim", "add", "update", "delete", hint=claim_may_help),
            on("DeviceClass", "add", "update"),
            on("ResourceSlice", "add", "update"),
            on("DeviceTaintRule", "add", "update", "delete"),
            on("UnscheduledPod", "update"),
            on("AssignedPod", "delete", hint=gave_devices_back),
        ),
    )


def _allocatable(
    claims: list[Obj], classes: dict[str, str], world: World, view: DeviceView
) -> list[Rejection]:
    """The nodes that cannot serve claims that have no devices yet. What a device plugin offers on a node is no device
    there: nodes that differ in this are asked different things."""
    table = world.table
    if not classes:
        return _refusals(claims, np.ones(table.size, np.bool_), view, table) if claims else []
    offered = np.array([table.allocatable(name) > 0 for name in classes])
    found: list[Rejection] = []
    for pattern in {tuple(column) for column in offered.T.tolist()}:
        rows: Mask = (offered == np.array(pattern)[:, None]).all(axis=0)
        resources = [name for name, has in zip(classes, pattern, strict=True) if not has]
        assert world.pod is not None
        own = [extended.claim_of(world.pod, classes, resources)] if resources else []
        if claims or own:
            found += _refusals([*claims, *own], rows, view, table)
    return found


def _refusals(claims: list[Obj], rows: Mask, view: DeviceView, table: NodeTable) -> list[Rejection]:
    verdicts = _remembered(table).of(claims, view, table)
    found = [Rejection(REFUSED, verdicts.refused & rows)]
    for reason in sorted(set(verdicts.failed.values())):
        failed = np.zeros(table.size, np.bool_)
        failed[[row for row, why in verdicts.failed.items() if why == reason]] = True
        found.append(Rejection(reason, failed & rows))
    return found


def _elsewhere(claims: tuple[Obj, ...], table: NodeTable) -> Mask:
    found = np.zeros(table.size, np.bool_)
    for claim in claims:
        away = _unavailable(claim, table)
        if away is not None:
            found |= away
    return found


def _releasing(claim: Obj) -> Callable[[Client], Awaitable[Any]]:
    async def write_released(client: Client) -> None:
        await client.update(kinds.RESOURCECLAIM, released(claim), subresource="status")

    return write_released


def gave_devices_back(_pod: PodFacts, change: Change) -> bool:
    """A pod was not bound to its node after all: what had been taken for it is free, and nothing is written of that."""
    old = change.old
    return old is not None and not old["spec"].get("nodeName") and bool(old["spec"].get("resourceClaims"))


def claim_may_help(pod: PodFacts, change: Change) -> bool:
    """Devices that come free help anyone; else only the pod's own claims do, where more than metadata changed."""
    old, new = change.old, change.new
    if old is not None and allocation_of(old) is not None and (new is None or allocation_of(new) is None):
        return True
    if new is None or key_of(new) not in {f"{pod.namespace}/{use.name}" for use in pod.device_claims}:
        return False
    return old is None or old.get("status") != new.get("status")


PLUGIN = make()
