"""What is refused in an autoscaler: facts of upstream's `pkg/apis/autoscaling/validation`, for every version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybernetes.lang import names, quantity

from ..cells import dig
from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_resources import validate_container_resource_name
from ..validation.values import named, non_negative

LEAST_REPLICAS = 0
"""HPAScaleToZero is on (beta in v1.37); what else 0 needs is checked with the metrics."""
LONGEST_PERIOD = 1800
LONGEST_STABILIZATION = 3600
SELECT_POLICIES = ["Disabled", "Max", "Min"]
POLICY_TYPES = ["Percent", "Pods"]
TARGET_TYPES = ("Utilization", "Value", "AverageValue")
METRIC_TYPES = ["ContainerResource", "External", "Object", "Pods", "Resource"]


def validate(autoscaler: Obj, errors: FieldErrors) -> None:
    spec, at = autoscaler.get("spec") or {}, errors.at("spec")
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if least is not None and least < LEAST_REPLICAS:
        at.invalid(least, f"must be greater than or equal to {LEAST_REPLICAS}", "minReplicas")
    if most == 0:
        at.required("maxReplicas", "must be set and greater than 0")
    elif most < 0:
        at.invalid(most, "must be greater than 0", "maxReplicas")
    if least is not None and most < least:
        at.invalid(most, "must be greater than or equal to `minReplicas`", "maxReplicas")
    _validate_reference(spec.get("scaleTargetRef") or {}, at.at("scaleTargetRef"))
    metrics = spec.get("metrics") or ()
    for index, metric in enumerate(metrics):
        _validate_metric(metric, at.at("metrics", index))
    if least == 0 and not any(each.get("type") in ("Object", "External") for each in metrics):
        at.forbidden(
            "must specify at least one Object or External metric to support scaling to zero replicas",
            "metrics",
        )
    for field in ("scaleUp", "scaleDown"):
        rules = dig(spec, "behavior", field)
        if rules is not None:
            _validate_rules(rules, at.at("behavior", field))


def validate_create(autoscaler: Obj, errors: FieldErrors) -> None:
    reference = dig(autoscaler, "spec", "scaleTargetRef") or {}
    in_core = reference.get("kind") == "ReplicationController"
    _validate_api_version(reference, errors.at("spec", "scaleTargetRef"), core=in_core)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What an older server took as the kind of the target may stay."""
    after, before = ((dig(each, "spec", "scaleTargetRef") or {}) for each in (new, old))
    if any(after.get(field) != before.get(field) for field in ("apiVersion", "kind")):
        validate_create(new, errors)


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    for field in ("currentReplicas", "desiredReplicas"):
        non_negative(new.get("status") or {}, field, errors.at("status"))


def _validate_reference(reference: Obj, errors: FieldErrors) -> None:
    for field in ("kind", "name"):
        named(reference, field, names.path_segment, errors, required=True)


def _validate_api_version(reference: Obj, errors: FieldErrors, *, core: bool) -> None:
    """`group/version`; a `version` alone, which is that of the core group, where `core` says so."""
    text = reference.get("apiVersion", "")
    group, slash, version = text.partition("/")
    if "/" in version:
        errors.invalid(text, f"unexpected GroupVersion string: {text}", "apiVersion")
    elif not core and not (slash and group):
        errors.invalid(text, "apiVersion must specify API group", "apiVersion")


def _validate_rules(rules: Obj, errors: FieldErrors) -> None:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        errors.invalid(window, "must be greater than or equal to zero", "stabilizationWindowSeconds")
    if window is not None and window > LONGEST_STABILIZATION:
        errors.invalid(
            window, f"must be less than or equal to {LONGEST_STABILIZATION}", "stabilizationWindowSeconds"
        )
    chosen = rules.get("selectPolicy")
    if chosen is not None and chosen not in SELECT_POLICIES:
        errors.not_supported(chosen, SELECT_POLICIES, "selectPolicy")
    policies = rules.get("policies") or ()
    if not policies:
        errors.required("policies", "must specify at least one Policy")
    for index, policy in enumerate(policies):
        _validate_policy(policy, errors.at("policies", index))
    tolerance = rules.get("tolerance")
    if tolerance is not None and quantity.parse(tolerance).nano < 0:
        errors.invalid(tolerance, "must be greater than or equal to 0", "tolerance")


def _validate_policy(policy: Obj, errors: FieldErrors) -> None:
    if policy.get("type") not in POLICY_TYPES:
        errors.not_supported(policy.get("type", ""), POLICY_TYPES, "type")
    for field in ("value", "periodSeconds"):
        if policy.get(field, 0) <= 0:
            errors.invalid(policy.get(field, 0), "must be greater than zero", field)
    if policy.get("periodSeconds", 0) > LONGEST_PERIOD:
        errors.invalid(
            policy["periodSeconds"], f"must be less than or equal to {LONGEST_PERIOD}", "periodSeconds"
        )


def _validate_metric(metric: Obj, errors: FieldErrors) -> None:
    """One source is given, that of the type; only the first of several is looked into."""
    kind = metric.get("type", "")
    if not kind:
        errors.required("type", "must specify a metric source type")
    if kind not in METRIC_TYPES:
        # Upstream looks twice, and says it twice.
        errors.not_supported(kind, METRIC_TYPES, "type")
        errors.not_supported(kind, METRIC_TYPES, "type")
    present = [field for field in _SOURCES if metric.get(field) is not None]
    for field in present[:1]:
        _SOURCES[field](metric[field], errors.at(field))
    expected = kind[:1].lower() + kind[1:]
    if kind in METRIC_TYPES and expected not in present:
        errors.required(expected, "must populate information for the given metric source")
    if len(present) != 1:
        for field in present:
            if field != expected:
                errors.forbidden("must populate the given metric source only", field)


def _object(source: Obj, errors: FieldErrors) -> None:
    described: Obj = source.get("describedObject") or {}
    _validate_reference(described, errors.at("describedObject"))
    _validate_api_version(described, errors.at("describedObject"), core=True)
    _validate_identifier(source, errors)
    target = _validate_target(source, errors)
    if target.get("value") is None and target.get("averageValue") is None:
        errors.required("target.averageValue", "must set either a target value or averageValue")


def _external(source: Obj, errors: FieldErrors) -> None:
    _validate_identifier(source, errors)
    target = _validate_target(source, errors)
    value, average = target.get("value"), target.get("averageValue")
    if value is None and average is None:
        errors.required(
            "target.averageValue", "must set either a target value for metric or a per-pod target"
        )
    if value is not None and average is not None:
        errors.forbidden("may not set both a target value for metric and a per-pod target", "target.value")


def _pods(source: Obj, errors: FieldErrors) -> None:
    _validate_identifier(source, errors)
    if _validate_target(source, errors).get("averageValue") is None:
        errors.required("target.averageValue", "must specify a positive target averageValue")


def _resource(source: Obj, errors: FieldErrors) -> None:
    if not source.get("name"):
        errors.required("name", "must specify a resource name")
    _validate_amount(_validate_target(source, errors), errors)


def _container_resource(source: Obj, errors: FieldErrors) -> None:
    if not source.get("name"):
        errors.required("name", "must specify a resource name")
    else:
        validate_container_resource_name(source["name"], errors.at("name"))
    if not source.get("container"):
        errors.required("container", "must specify a container")
    else:
        named(source, "container", names.dns1123_label, errors)
    _validate_amount(_validate_target(source, errors), errors)


def _validate_amount(target: Obj, errors: FieldErrors) -> None:
    share, average = target.get("averageUtilization"), target.get("averageValue")
    if share is None and average is None:
        errors.required(
            "target.averageUtilization", "must set either a target raw value or a target utilization"
        )
    if share is not None and average is not None:
        errors.forbidden(
            "may not set both a target raw value and a target utilization", "target.averageValue"
        )


_SOURCES: dict[str, Callable[[Any, FieldErrors], None]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}
"""In the order in which upstream looks for them."""


def _validate_identifier(source: Obj, errors: FieldErrors) -> None:
    name, at = dig(source, "metric", "name"), errors.at("metric")
    if not name:
        at.required("name", "must specify a metric name")
        return
    for message in names.path_segment(name):
        at.invalid(name, message, "name")


def _validate_target(source: Obj, errors: FieldErrors) -> Obj:
    """The target of a metric, checked."""
    target: Obj = source.get("target") or {}
    at, kind = errors.at("target"), target.get("type", "")
    if not kind:
        at.required("type", "must specify a metric target type")
    if kind not in TARGET_TYPES:
        at.invalid(kind, "must be either Utilization, Value, or AverageValue", "type")
    for field in ("value", "averageValue"):
        amount = target.get(field)
        if amount is not None and quantity.parse(amount).nano <= 0:
            at.invalid(amount, "must be positive", field)
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        at.invalid(share, "must be greater than 0", "averageUtilization")
    return target
