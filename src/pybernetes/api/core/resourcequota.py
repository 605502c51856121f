"""ResourceQuotas: how much a namespace may ask for."""

from __future__ import annotations

from ..cells import AGE, NAME, dig
from ..fielderrors import NO_ITEMS, FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import Obj
from ..validation.metadata import IMMUTABLE, without_status
from .resourcequota_validation import validate_amounts, validate_spec


def validate(quota: Obj, errors: FieldErrors) -> None:
    validate_spec(quota.get("spec") or {}, errors.at("spec"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """The amounts may change, what they are of may not."""
    after, before = dig(new, "spec", "scopes") or [], dig(old, "spec", "scopes") or []
    if set(after) != set(before):
        errors.at("spec").invalid(after or NO_ITEMS, IMMUTABLE, "scopes")


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    for field in ("hard", "used"):
        validate_amounts(dig(new, "status", field) or {}, errors.at("status", field))


def _amounts(quota: Obj, limits: bool) -> Cell:
    """`cpu: 1/4, pods: 3/10`, of limits or of everything else."""
    hard, used = dig(quota, "status", "hard") or {}, dig(quota, "status", "used") or {}
    return ", ".join(
        f"{name}: {used.get(name, '0')}/{hard[name]}"
        for name in sorted(hard)
        if name.startswith("limits.") == limits
    )


RESOURCEQUOTA = Kind(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    namespaced=True,
    singular="resourcequota",
    short_names=("quota",),
    subresources=("status",),
    schema="io.k8s.api.core.v1.ResourceQuota",
    prepare_create=without_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(
        NAME,
        Column(
            "Request",
            lambda quota, _: _amounts(quota, limits=False),
            description="Request represents a minimum amount of cpu/memory that a container may consume.",
        ),
        Column(
            "Limit",
            lambda quota, _: _amounts(quota, limits=True),
            description="Limits control the maximum amount of cpu/memory that a container may use independent of "
            "contention on the node.",
        ),
        AGE,
    ),
)
