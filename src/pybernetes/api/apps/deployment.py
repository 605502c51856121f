"""Deployments: pods kept running and updated by rolling replacement."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import intorstr

from ..cells import AGE, NAME, container_cells, dig, selector_column
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..podspec.defaults import default_template
from ..podspec.warnings import template_warnings
from ..validation.values import immutable
from .workload import (
    fresh_status,
    name_warnings,
    strategy_in_go,
    validate_always_running,
    validate_collisions,
    validate_counts,
    validate_selector,
    validate_status_counts,
    validate_template,
)

COUNTS = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "collisionCount",
)


def default(deployment: MutableObj) -> None:
    spec = deployment.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy["type"] = strategy.get("type") or "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate")
        rolling = strategy["rollingUpdate"] = {} if rolling is None else rolling
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    default_template(spec)


def validate(deployment: Obj, errors: FieldErrors) -> None:
    spec, at = deployment.get("spec") or {}, errors.at("spec")
    validate_counts(spec, at, "replicas")
    validate_selector(spec, at)
    template = spec.get("template") or {}
    validate_template(template, at.at("template"))
    validate_always_running(template, at.at("template"))
    _validate_strategy(spec.get("strategy") or {}, at.at("strategy"))
    validate_counts(spec, at, "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        at.invalid(deadline, "must be greater than minReadySeconds", "progressDeadlineSeconds")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new["spec"], old["spec"], "selector", errors.at("spec"))


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    status, at = new.get("status") or {}, errors.at("status")
    validate_status_counts(status, at, *COUNTS)
    validate_collisions(new, old, errors)


def _validate_strategy(strategy: Obj, errors: FieldErrors) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            errors.forbidden("may not be specified when strategy `type` is 'Recreate'", "rollingUpdate")
    elif kind == "RollingUpdate":
        _validate_rolling(rolling or {}, errors.at("rollingUpdate"))
    else:
        errors.not_supported(strategy_in_go(strategy), ["Recreate", "RollingUpdate"])


def _validate_rolling(rolling: Obj, errors: FieldErrors) -> None:
    for field in ("maxUnavailable", "maxSurge"):
        int_or_percent(rolling.get(field, 0), field, errors)
    if _amount(rolling.get("maxUnavailable")) == 0 and _amount(rolling.get("maxSurge")) == 0:
        errors.invalid(
            rolling.get("maxUnavailable", 0), "may not be 0 when `maxSurge` is 0", "maxUnavailable"
        )
    unavailable = rolling.get("maxUnavailable", 0)
    if (
        isinstance(unavailable, str)
        and intorstr.is_percent(unavailable)
        and intorstr.percent_of(unavailable) > 100
    ):
        errors.invalid(unavailable, "must not be greater than 100%", "maxUnavailable")


def int_or_percent(value: Any, field: str, errors: FieldErrors) -> None:
    """A number of 0 or more, or a percentage."""
    if isinstance(value, str):
        if not intorstr.is_percent(value):
            errors.invalid(
                value,
                "a valid percent string must be a numeric string followed by an ending '%' "
                "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
                field,
            )
    elif value < 0:
        errors.invalid(value, "must be greater than or equal to 0", field)


def _amount(value: Any) -> int:
    if isinstance(value, str):
        return intorstr.percent_of(value) if intorstr.is_percent(value) else 0
    return int(value or 0)


def _ready(deployment: Obj, _now: float) -> Cell:
    ready = dig(deployment, "status", "readyReplicas") or 0
    return f"{ready}/{dig(deployment, 'spec', 'replicas') or 0}"


def warnings(deployment: Obj, old: Obj | None) -> list[str]:
    named = name_warnings(deployment) if old is None else []
    return [*named, *template_warnings(deployment, old, "spec", "template")]


DEPLOYMENT = Kind(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    namespaced=True,
    status_metadata=("annotations", "finalizers", "ownerReferences"),
    singular="deployment",
    short_names=("deploy",),
    categories=("all",),
    subresources=("scale", "status"),
    schema="io.k8s.api.apps.v1.Deployment",
    generation=True,
    default=default,
    prepare_create=fresh_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Ready", _ready),
        Column("Up-to-date", lambda obj, _: dig(obj, "status", "updatedReplicas") or 0),
        Column("Available", lambda obj, _: dig(obj, "status", "availableReplicas") or 0),
        AGE,
        *container_cells("spec", "template", "spec"),
        selector_column("spec", "selector"),
    ),
    scale=("spec.replicas", "status.replicas", "spec.selector"),
)
