"""The ResourceClaims of a pod: which they are, and why it may have to wait for them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, key_of, name_of, uid_of

from ..podfacts import PodFacts
from . import binding
from .asked import missing_class
from .view import DeviceView

MOST_CONSUMERS = 256


@dataclass(frozen=True, slots=True)
class PodClaims:
    """`problem`: why the pod cannot be tried at all."""

    claims: tuple[Obj, ...] = ()
    problem: str = ""

    @property
    def unallocated(self) -> list[Obj]:
        return [claim for claim in self.claims if allocation_of(claim) is None]

    def unusable(self, now: float, seconds: float) -> list[Obj]:
        """Allocated claims whose devices did not become ready; `seconds` is the time that they have."""
        return [each for each in self.claims if binding.is_stuck(each, now, seconds)]


def claims_of(pod: PodFacts, view: DeviceView) -> PodClaims:
    """The claims that a pod uses, as far as they must exist before it is tried."""
    name, uid = pod.identity
    found = []
    for use in pod.device_claims:
        if not use.name:
            return PodClaims(problem=f'pod "{pod.namespace}/{name}": ResourceClaim not created yet')
        key = f"{pod.namespace}/{use.name}"
        claim = view.claim(key)
        if claim is None:
            return PodClaims(problem=f'could not find ResourceClaim "{key}": object not found')
        if is_deleting(claim):
            return PodClaims(problem=f'resourceclaim "{use.name}" is being deleted')
        owner = controller_ref_of(claim)
        if use.owned and (owner is None or owner["uid"] != uid):
            problem = f"was not created for Pod {pod.namespace}/{name} (Pod is not owner)"
            return PodClaims(problem=f"ResourceClaim {key} {problem}")
        found.append(claim)
    return PodClaims(tuple(found))


def whole_problem(pod: PodFacts, view: DeviceView) -> str:
    """Why no node at all can serve the pod's claims now."""
    found = claims_of(pod, view)
    if found.problem:
        return found.problem
    for claim in found.claims:
        if allocation_of(claim) is not None:
            if not is_reserved(claim, pod.identity[1]) and len(holders(claim)) >= MOST_CONSUMERS:
                return "resourceclaim in use"
        elif view.is_pending(key_of(claim)):
            return f"resource claim {key_of(claim)} is in the process of being allocated"
        elif missing := missing_class(claim, view.device_class):
            return missing
    return ""


def allocation_of(claim: Obj) -> Obj | None:
    found: Obj | None = (claim.get("status") or {}).get("allocation")
    return found


def holders(claim: Obj) -> Sequence[Obj]:
    """`status.reservedFor`."""
    return (claim.get("status") or {}).get("reservedFor") or ()


def is_reserved(claim: Obj, pod_uid: str) -> bool:
    return any(each.get("uid") == pod_uid for each in holders(claim))


def is_releasable(claim: Obj, pod_uid: str) -> bool:
    """Whether nobody else needs the claim's devices."""
    return all(each.get("uid") == pod_uid for each in holders(claim)) and len(holders(claim)) <= 1


def released(claim: Obj) -> dict[str, Any]:
    """The claim without its devices."""
    status = {
        field: value
        for field, value in (claim.get("status") or {}).items()
        if field not in ("allocation", "reservedFor", "devices")
    }
    return {**claim, "status": status}


def holder(pod: Obj) -> dict[str, str]:
    """The entry of `reservedFor` for a pod."""
    return {"resource": "pods", "name": name_of(pod), "uid": uid_of(pod)}
