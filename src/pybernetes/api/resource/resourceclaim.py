"""ResourceClaims: devices that pods ask for, and the ones they got."""

from __future__ import annotations

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, is_deleting
from ..validation.metadata import without_status
from ..validation.values import immutable
from .allocation import prepare_status, validate_status
from .deviceclaim import default_claim_spec, validate_claim_spec


def default(claim: MutableObj) -> None:
    default_claim_spec(claim.setdefault("spec", {}))


def validate_create(claim: Obj, errors: FieldErrors) -> None:
    validate_claim_spec(claim.get("spec") or {}, errors.at("spec"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "spec", errors)


def _state(claim: Obj, _now: float) -> Cell:
    """`pending`, or `allocated,reserved`; `deleted` before it where it is to go."""
    states = ["deleted"] if is_deleting(claim) else []
    if dig(claim, "status", "allocation") is not None:
        states.append("allocated")
        if dig(claim, "status", "reservedFor"):
            states.append("reserved")
    elif not states:
        states.append("pending")
    return ",".join(states)


RESOURCECLAIM = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaim",
    plural="resourceclaims",
    namespaced=True,
    status_metadata=(),
    singular="resourceclaim",
    subresources=("status",),
    schema="io.k8s.api.resource.v1.ResourceClaim",
    default=default,
    prepare_create=without_status,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(
        NAME,
        Column(
            "State",
            _state,
            description="A summary of the current state (allocated, pending, reserved, etc.).",
        ),
        AGE,
    ),
)
