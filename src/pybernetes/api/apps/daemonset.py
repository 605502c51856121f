"""DaemonSets: a pod on every node that fits."""

from __future__ import annotations

from ..cells import AGE, NAME, container_cells, dig, format_labels, selector_column
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj, annotations_of
from ..podspec.defaults import default_template
from ..podspec.warnings import template_warnings
from ..validation.selectors import is_empty, validate_label_selector
from ..validation.values import immutable
from .rolling import at_most_all, int_or_percent, is_zero
from .workload import (
    strategy_in_go,
    validate_collisions,
    validate_counts,
    validate_selected,
    validate_template,
)

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""Where `spec.templateGeneration`, a field of versions before v1, is kept: it counts changes of the template."""
REQUIRED_COUNTS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
COUNTS = (
    *REQUIRED_COUNTS,
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
)


def default(daemonset: MutableObj) -> None:
    spec = daemonset.setdefault("spec", {})
    strategy = spec.setdefault("updateStrategy", {})
    strategy["type"] = strategy.get("type") or "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    default_template(spec)


def prepare_create(daemonset: MutableObj) -> None:
    daemonset["status"] = dict.fromkeys(REQUIRED_COUNTS, 0)
    _set_template_generation(daemonset, max(1, _template_generation(daemonset)))


def prepare_update(new: MutableObj, old: Obj) -> None:
    changed = new["spec"].get("template") != old["spec"].get("template")
    _set_template_generation(new, _template_generation(old) + changed)


def prepare_status(new: MutableObj, old: Obj, _now: float) -> None:
    """A status comes with annotations; this one is not its writer's to change."""
    _set_template_generation(new, _template_generation(old))


def _template_generation(daemonset: Obj) -> int:
    text = annotations_of(daemonset).get(TEMPLATE_GENERATION, "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _set_template_generation(daemonset: MutableObj, number: int) -> None:
    annotations = daemonset["metadata"].get("annotations") or {}
    daemonset["metadata"]["annotations"] = {**annotations, TEMPLATE_GENERATION: str(number)}


def validate(daemonset: Obj, errors: FieldErrors) -> None:
    spec, at = daemonset.get("spec") or {}, errors.at("spec")
    _validate_selector(spec, at)
    template = spec.get("template") or {}
    validate_template(template, at.at("template"))
    pod, here = template.get("spec") or {}, at.at("template", "spec")
    if pod.get("restartPolicy") != "Always":
        here.not_supported(pod.get("restartPolicy", ""), ["Always"], "restartPolicy")
    if pod.get("activeDeadlineSeconds") is not None:
        here.forbidden("activeDeadlineSeconds in DaemonSet is not Supported", "activeDeadlineSeconds")
    validate_counts(spec, at, "minReadySeconds")
    _validate_strategy(spec.get("updateStrategy") or {}, at.at("updateStrategy"))
    validate_counts(spec, at, "revisionHistoryLimit")


def _validate_selector(spec: Obj, errors: FieldErrors) -> None:
    selector = spec.get("selector")
    at = errors.at("selector")
    before = len(at.causes)
    validate_label_selector(selector, at)
    if len(at.causes) == before:
        validate_selected(selector, spec, errors)
    if selector is not None and is_empty(selector):
        at.invalid(selector, "empty selector is invalid for daemonset")


def _validate_strategy(strategy: Obj, errors: FieldErrors) -> None:
    rolling = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "OnDelete":
            pass
        case "RollingUpdate":
            if rolling is None:
                errors.required("rollingUpdate")
            else:
                _validate_rolling(rolling, errors.at("rollingUpdate"))
        case _:
            errors.not_supported(strategy_in_go(strategy), ["RollingUpdate", "OnDelete"])


def _validate_rolling(rolling: Obj, errors: FieldErrors) -> None:
    """One of the two is more than 0, the other 0."""
    fields = ("maxUnavailable", "maxSurge")
    for field in fields:
        int_or_percent(rolling.get(field, 0), field, errors)
    for field in fields:
        at_most_all(rolling.get(field, 0), field, errors)
    no_unavailable, no_surge = (is_zero(rolling.get(field)) for field in fields)
    if no_unavailable and no_surge:
        errors.required("maxUnavailable", "cannot be 0 when maxSurge is 0")
    elif not no_unavailable and not no_surge:
        errors.invalid(rolling["maxSurge"], "may not be set when maxUnavailable is non-zero", "maxSurge")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new["spec"], old["spec"], "selector", errors.at("spec"))


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_counts(new.get("status") or {}, errors.at("status"), *COUNTS)
    validate_collisions(new, old, errors)


def _count(name: str, field: str) -> Column:
    return Column(name, lambda obj, _: dig(obj, "status", field) or 0, "integer")


def warnings(daemonset: Obj, old: Obj | None) -> list[str]:
    return template_warnings(daemonset, old, "spec", "template")


DAEMONSET = Kind(
    group="apps",
    version="v1",
    kind="DaemonSet",
    plural="daemonsets",
    namespaced=True,
    singular="daemonset",
    short_names=("ds",),
    categories=("all",),
    subresources=("status",),
    schema="io.k8s.api.apps.v1.DaemonSet",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        _count("Desired", "desiredNumberScheduled"),
        _count("Current", "currentNumberScheduled"),
        _count("Ready", "numberReady"),
        _count("Up-to-date", "updatedNumberScheduled"),
        _count("Available", "numberAvailable"),
        Column(
            "Node Selector",
            lambda obj, _: format_labels(dig(obj, "spec", "template", "spec", "nodeSelector")),
        ),
        AGE,
        *container_cells("spec", "template", "spec"),
        selector_column("spec", "selector"),
    ),
)
