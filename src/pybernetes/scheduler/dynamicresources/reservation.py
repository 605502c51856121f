"""What the scheduler does with claims from the moment a pod has a node: devices are taken at once, claims written before the
pod is bound, and all is given back where it is not."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, key_of, name_of, namespace_of, uid_of

from ..framework import Attempt
from . import asked as reading
from . import binding, extended, write
from .devices import FailedOnNode
from .podclaims import claims_of, is_reserved
from .result import allocation
from .search import allocate
from .verdicts import REFUSED
from .view import DeviceView

_CLAIMS = "DynamicResources"
"""Keys of `Attempt.state`: the pod's claims, …"""
_PENDING = "DynamicResources allocations"
"""… the allocations that are not written yet, by claim, …"""
_BOUND = "DynamicResources bound"
"""… the claims that are reserved for the pod, …"""
_EXTENDED, _MADE = "DynamicResources extended resources", "DynamicResources made"
"""… the claim for its extended resources, to be made, and made."""


def reserve(attempt: Attempt) -> str:
    """Takes the devices that the node has for the pod; nothing is written yet."""
    view, table = attempt.world.devices, attempt.world.table
    if view is None:
        return ""
    classes = extended.classes_of(attempt.facts, view)
    if not attempt.facts.device_claims and not classes:
        return ""
    row = table.rows[attempt.node]
    resources = [name for name in classes if not table.allocatable(name)[row]]
    if not attempt.facts.device_claims and not resources:
        return ""
    found = claims_of(attempt.facts, view)
    if found.problem:
        return found.problem
    attempt.state[_CLAIMS] = list(found.claims)
    wanted = found.unallocated
    if resources:
        attempt.state[_EXTENDED] = extended.claim_of(attempt.pod, classes, resources)
        wanted = [*wanted, attempt.state[_EXTENDED]]
    if not wanted:
        return ""
    reach = view.reach(attempt.node, table.labels_at(row), table.nodes_version)
    try:
        asked = [reading.read(claim, view.device_class) for claim in wanted]
        chosen = allocate(asked, reach, view.in_use)
    except FailedOnNode as error:
        return str(error)
    if chosen is None:
        return REFUSED
    for each, devices in zip(asked, chosen, strict=True):
        status = {**(each.tree.get("status") or {}), "allocation": allocation(each, devices, attempt.node)}
        view.begin({**each.tree, "status": status})
        attempt.state.setdefault(_PENDING, {})[each.key] = status["allocation"]
    return ""


def unreserve(attempt: Attempt) -> None:
    view = attempt.world.devices
    if view is not None:
        for key in attempt.state.pop(_PENDING, {}):
            view.end(key)


async def give_back(attempt: Attempt) -> None:
    """Claims that were reserved for the pod are so no more."""
    assert attempt.client is not None
    for claim in attempt.state.pop(_BOUND, ()):
        await write.unreserve(attempt.client, claim, attempt.pod)
    made = attempt.state.pop(_MADE, None)
    if made is not None:
        await write.remove(attempt.client, made)


async def _write_claims(attempt: Attempt, view: DeviceView) -> list[Obj]:
    """The claims as they are on the server afterwards, all reserved for the pod."""
    assert attempt.client is not None
    assert attempt.env is not None
    allocations: dict[str, Obj] = attempt.state.get(_PENDING, {})
    bound: list[Obj] = attempt.state.setdefault(_BOUND, [])
    for claim in attempt.state[_CLAIMS]:
        key = key_of(claim)
        if is_reserved(claim, uid_of(attempt.pod)):
            bound.append(claim)
            continue
        given = allocations.get(key)
        try:
            written = await write.bind(attempt.client, claim, attempt.pod, given, attempt.env.now())
        except ApiError as error:
            raise write.ClaimError(write.describe(error, claim, given is not None)) from error
        allocations.pop(key, None)
        view.end(key, written)
        bound.append(written)
    return bound


async def _make_claim(attempt: Attempt, view: DeviceView, claim: Obj) -> None:
    """Makes the claim for the pod's extended resources, with the devices that were reserved for it."""
    assert attempt.client is not None
    assert attempt.env is not None
    for other in view.claims_in(namespace_of(attempt.pod)):
        if extended.is_left_over(other, attempt.pod):
            await write.remove(attempt.client, other)
    pending: dict[str, Obj] = attempt.state[_PENDING]
    key = key_of(claim)
    try:
        made = await attempt.client.create(kinds.RESOURCECLAIM, extended.to_create(claim, attempt.pod))
        attempt.state[_MADE] = made
        written = await write.bind(attempt.client, made, attempt.pod, pending[key], attempt.env.now())
        status = {"extendedResourceClaimStatus": extended.status_of(attempt.pod, written)}
        patch = {"metadata": {"uid": uid_of(attempt.pod)}, "status": status}
        name, namespace = name_of(attempt.pod), namespace_of(attempt.pod)
        await attempt.client.patch(
            kinds.POD, name, namespace, patch, patch_type="strategic", subresource="status"
        )
    except ApiError as error:
        raise write.ClaimError(f"extended resource claim: {error}") from error
    view.end(key_of(written), written)
    del pending[key]
    view.end(key)


def is_needed(attempt: Attempt) -> bool:
    """Whether there is anything to write."""
    return _CLAIMS in attempt.state


async def settle(attempt: Attempt, seconds: float) -> None:
    """Writes what was taken, and waits until the devices are ready (`seconds` at most). Raises ClaimError."""
    view = attempt.world.devices
    if _CLAIMS not in attempt.state or view is None:
        return
    bound = await _write_claims(attempt, view)
    if _EXTENDED in attempt.state:
        await _make_claim(attempt, view, attempt.state[_EXTENDED])
    if any(binding.has_conditions(claim) for claim in bound):
        assert attempt.env is not None
        await write.ready(view, bound, attempt.env.now, seconds)
