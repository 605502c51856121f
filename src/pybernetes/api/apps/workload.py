"""What Deployments, ReplicaSets, StatefulSets and DaemonSets share: a selector over the pods of a template."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.lang import labelselector, names

from ..core.pod_annotations import validate_annotations as validate_pod_annotations
from ..core.pod_annotations import validate_profiles
from ..fielderrors import NO_ITEMS, FieldErrors
from ..meta import MutableObj, Obj
from ..podspec.validate import validate_pod_spec
from ..validation.metadata import validate_annotations, validate_labels
from ..validation.selectors import is_empty, validate_label_selector
from ..validation.values import non_negative


def validate_selector(spec: Obj, errors: FieldErrors) -> None:
    """The selector is there, is not empty, and selects the template's pods. `errors` stands at the spec."""
    selector = spec.get("selector")
    if selector is None:
        errors.required("selector")
        validate_selected(selector, spec, errors)
        return
    at = errors.at("selector")
    before = len(at.causes)
    validate_label_selector(selector, at)
    if is_empty(selector):
        at.invalid(selector, "empty selector is invalid for deployment")
    if len(at.causes) == before and spec.get("template") is not None:
        validate_selected(selector, spec, errors)


def validate_selected(selector: Obj | None, spec: Obj, errors: FieldErrors) -> None:
    """The template's pods are what a good selector selects; no selector selects nothing. `errors` stands at the spec."""
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if selector is None or not labelselector.from_label_selector(selector).matches(labels or {}):
        at, why = errors.at("template", "metadata"), "`selector` does not match template `labels`"
        at.invalid(NO_ITEMS if labels is None else labels, why, "labels")


def validate_template(template: Obj, errors: FieldErrors) -> None:
    """A pod template: its labels, annotations and pod spec."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    validate_labels(
        metadata.get("labels"), errors.at("labels")
    )  # upstream leaves the metadata out of the path
    if annotations:
        validate_annotations(annotations, errors.at("annotations"))
        validate_pod_annotations(annotations, spec, errors.at("annotations"))
    validate_pod_spec(spec, errors.at("spec"), of_pod=False)
    if annotations:
        validate_profiles(annotations, spec, errors.at("spec"))
    if spec.get("ephemeralContainers"):
        errors.at("spec").forbidden("ephemeral containers not allowed in pod template", "ephemeralContainers")


def validate_always_running(template: Obj, errors: FieldErrors) -> None:
    """Pods of these workloads restart for ever. `errors` stands at the template."""
    spec = template.get("spec") or {}
    if spec.get("restartPolicy") != "Always":
        errors.at("spec").not_supported(spec.get("restartPolicy", ""), ["Always"], "restartPolicy")
    if spec.get("activeDeadlineSeconds") is not None:
        errors.at("spec").forbidden(
            "activeDeadlineSeconds in ReplicaSet is not Supported", "activeDeadlineSeconds"
        )


def validate_counts(spec: Obj, errors: FieldErrors, *fields: str) -> None:
    for field in fields:
        non_negative(spec, field, errors)


def validate_status_counts(status: Obj, errors: FieldErrors, *fields: str) -> None:
    """No number of pods is negative, and none is larger than `replicas`. `errors` stands at the status."""
    for field in fields:
        non_negative(status, field, errors)
    total = status.get("replicas", 0)
    for field in fields:
        if field in ("readyReplicas", "availableReplicas", "updatedReplicas", "fullyLabeledReplicas") and (
            status.get(field, 0) > total
        ):
            errors.invalid(status[field], "cannot be greater than status.replicas", field)
    if "readyReplicas" in fields and status.get("availableReplicas", 0) > status.get("readyReplicas", 0):
        errors.invalid(
            status["availableReplicas"], "cannot be greater than readyReplicas", "availableReplicas"
        )


def strategy_in_go(strategy: Obj) -> Obj:
    """An update strategy as upstream prints it."""
    rolling = strategy.get("rollingUpdate")
    return {
        "Type": strategy.get("type") or "",
        "RollingUpdate": None if rolling is None else rolling_in_go(rolling),
    }


def rolling_in_go(rolling: Obj) -> Obj:
    """The part about rolling of a strategy as upstream prints it."""
    return {f"{field[:1].upper()}{field[1:]}": value for field, value in rolling.items()}


def validate_collisions(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """`status.collisionCount` only rises. `errors` stands at the object's root."""
    after = (new.get("status") or {}).get("collisionCount")
    before = (old.get("status") or {}).get("collisionCount")
    if before is not None and (after or 0) < before:
        errors.at("status").invalid(after or 0, "cannot be decremented", "collisionCount")


def fresh_status(obj: MutableObj) -> None:
    """The strategy of creation: a status is the controller's to write."""
    obj["status"] = {}


def name_warnings(obj: Obj) -> list[str]:
    """A name that is no DNS label makes odd names of pods and hosts."""
    found = names.dns1123_label(obj["metadata"].get("name", ""))
    if not found:
        return []
    return [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
        f"a DNS label is recommended: [{' '.join(found)}]"
    ]
