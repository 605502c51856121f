"""PodDisruptionBudgets: how many pods of a set must stay up while others are evicted."""

from __future__ import annotations

from typing import Any

from ..apps.rolling import at_most_all, int_or_percent
from ..apps.workload import validate_counts
from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..validation.conditions import validate_conditions
from ..validation.selectors import validate_label_selector

EVICTION_POLICIES = ["AlwaysAllow", "IfHealthyBudget"]
REQUIRED_COUNTS = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")


def prepare_create(budget: MutableObj) -> None:
    budget["status"] = dict.fromkeys(REQUIRED_COUNTS, 0)


def validate(budget: Obj, errors: FieldErrors) -> None:
    spec, at = budget.get("spec") or {}, errors.at("spec")
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        at.invalid(_as_upstream_shows(spec), "minAvailable and maxUnavailable cannot be both set")
    for field in ("minAvailable", "maxUnavailable"):
        if spec.get(field) is not None:
            int_or_percent(spec[field], field, at)
            at_most_all(spec[field], field, at)
    validate_label_selector(spec.get("selector"), at.at("selector"))
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in EVICTION_POLICIES:
        at.not_supported(policy, EVICTION_POLICIES, "unhealthyPodEvictionPolicy")


def _as_upstream_shows(spec: Obj) -> dict[str, Any]:
    """The spec with the names that upstream's own types have: its message prints those."""
    fields = ("minAvailable", "selector", "maxUnavailable", "unhealthyPodEvictionPolicy")
    return {field[0].upper() + field[1:]: spec.get(field) for field in fields}


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    status, at = new.get("status") or {}, errors.at("status")
    validate_conditions(status.get("conditions") or (), at.at("conditions"))
    validate_counts(status, at, "disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def _limit(field: str) -> Any:
    def cell(budget: Obj, _now: float) -> Cell:
        value = dig(budget, "spec", field)
        return "N/A" if value is None else str(value)

    return cell


PODDISRUPTIONBUDGET = Kind(
    group="policy",
    version="v1",
    kind="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    namespaced=True,
    unconditional_update=False,
    singular="poddisruptionbudget",
    short_names=("pdb",),
    subresources=("status",),
    schema="io.k8s.api.policy.v1.PodDisruptionBudget",
    name_rule="path",
    generation=True,
    prepare_create=prepare_create,
    validate=validate,
    validate_status=validate_status,
    columns=(
        NAME,
        Column("Min Available", _limit("minAvailable")),
        Column("Max Unavailable", _limit("maxUnavailable")),
        Column(
            "Allowed Disruptions", lambda obj, _: dig(obj, "status", "disruptionsAllowed") or 0, "integer"
        ),
        AGE,
    ),
)
