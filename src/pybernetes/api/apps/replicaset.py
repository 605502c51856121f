"""ReplicaSets: a number of equal pods."""

from __future__ import annotations

from ..cells import AGE, NAME, container_cells, dig, selector_column
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..podspec.defaults import default_template
from ..podspec.warnings import template_warnings
from ..selectable import field_number
from ..validation.values import immutable
from .workload import (
    fresh_status,
    name_warnings,
    validate_always_running,
    validate_counts,
    validate_selector,
    validate_status_counts,
    validate_template,
)

COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")


def default(replicaset: MutableObj) -> None:
    spec = replicaset.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    default_template(spec)


def prepare_create(replicaset: MutableObj) -> None:
    fresh_status(replicaset)
    replicaset["status"]["replicas"] = 0


def validate(replicaset: Obj, errors: FieldErrors) -> None:
    spec, at = replicaset.get("spec") or {}, errors.at("spec")
    validate_counts(spec, at, "replicas", "minReadySeconds")
    validate_selector(spec, at)
    template = spec.get("template")
    if template is None:
        at.required("template")
        return
    validate_template(template, at.at("template"))
    validate_always_running(template, at.at("template"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new["spec"], old["spec"], "selector", errors.at("spec"))


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    validate_status_counts(new.get("status") or {}, errors.at("status"), *COUNTS, "observedGeneration")


def warnings(replicaset: Obj, old: Obj | None) -> list[str]:
    named = name_warnings(replicaset) if old is None else []
    return [*named, *template_warnings(replicaset, old, "spec", "template")]


REPLICASET = Kind(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    namespaced=True,
    singular="replicaset",
    short_names=("rs",),
    categories=("all",),
    subresources=("scale", "status"),
    schema="io.k8s.api.apps.v1.ReplicaSet",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Desired", lambda obj, _: dig(obj, "spec", "replicas") or 0, "integer"),
        Column("Current", lambda obj, _: dig(obj, "status", "replicas") or 0, "integer"),
        Column("Ready", lambda obj, _: dig(obj, "status", "readyReplicas") or 0, "integer"),
        AGE,
        *container_cells("spec", "template", "spec"),
        selector_column("spec", "selector"),
    ),
    selectable={"status.replicas": field_number("status", "replicas")},
    scale=("spec.replicas", "status.replicas", "spec.selector"),
)
