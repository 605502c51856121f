"""PodGroups: pods that are scheduled by one policy, such as all together or not at all. Served with GenericWorkload."""

from __future__ import annotations

from typing import Any

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..validation.conditions import validate_conditions
from ..validation.metadata import without_status
from .policies import validate_group, validate_subdomain

SCHEDULED = "PodGroupInitiallyScheduled"


def prepare_create(group: MutableObj) -> None:
    without_status(group)


def validate(group: Obj, errors: FieldErrors) -> None:
    spec, at = group.get("spec") or {}, errors.at("spec")
    validate_group(spec, at)
    reference = spec.get("workloadRef")
    if reference is not None:
        validate_subdomain(reference.get("workloadName") or "", at.at("workloadRef"), "workloadName")
        validate_subdomain(reference.get("templateName") or "", at.at("workloadRef"), "templateName")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Only how many pods a gang needs may change."""
    if _fixed(new) != _fixed(old):
        errors.at("spec").forbidden("only `schedulingPolicy.gang.minCount` may be changed", "")


def _fixed(group: Obj) -> Any:
    spec = dict(group.get("spec") or {})
    policy = dict(spec.get("schedulingPolicy") or {})
    if policy.get("gang") is not None:
        policy["gang"] = {}
    return {**spec, "schedulingPolicy": policy}


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    validate_conditions(dig(new, "status", "conditions") or (), errors.at("status", "conditions"))
    claims = {claim.get("name") for claim in dig(new, "spec", "resourceClaims") or ()}
    for index, status in enumerate(dig(new, "status", "resourceClaimStatuses") or ()):
        if (name := status.get("name") or "") not in claims:
            errors.at("status", "resourceClaimStatuses", index).invalid(
                name, "must match the name of an entry in `spec.resourceClaims`", "name"
            )


def _policy(group: Obj, _now: float) -> str:
    policy = dig(group, "spec", "schedulingPolicy") or {}
    return "Gang" if policy.get("gang") is not None else "Basic" if policy.get("basic") is not None else ""


def _workload(group: Obj, _now: float) -> str:
    return str(dig(group, "spec", "workloadRef", "workloadName") or "<none>")


def _status(group: Obj, _now: float) -> str:
    conditions = dig(group, "status", "conditions") or ()
    found = next((each for each in conditions if each["type"] == SCHEDULED), None)
    return str(found["reason"]) if found is not None else "Pending"


PODGROUP = Kind(
    group="scheduling.k8s.io",
    version="v1beta1",
    kind="PodGroup",
    plural="podgroups",
    namespaced=True,
    singular="podgroup",
    subresources=("status",),
    schema="io.k8s.api.scheduling.v1beta1.PodGroup",
    generation=True,
    prepare_create=prepare_create,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(
        NAME,
        Column("Policy", _policy),
        Column("Workload", _workload, priority=1),
        Column("Status", _status),
        AGE,
    ),
)
