"""What Deployments, ReplicaSets, StatefulSets and DaemonSets share: a selector over the pods of a template."""

from __future__ import annotations

from pybernetes.lang import labelselector, names

from ..fielderrors import FieldErrors
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
        return
    at = errors.at("selector")
    before = len(at.causes)
    validate_label_selector(selector, at)
    if is_empty(selector):
        at.invalid(selector, "empty selector is invalid for deployment")
    if len(at.causes) == before and spec.get("template") is not None:
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        if not labelselector.from_label_selector(selector).matches(labels):
            errors.at("template", "metadata").invalid(
                labels, "`selector` does not match template `labels`", "labels"
            )


def validate_template(template: Obj, errors: FieldErrors) -> None:
    """A pod template: its labels, annotations and pod spec."""
    metadata = template.get("metadata") or {}
    validate_labels(metadata.get("labels"), errors.at("metadata", "labels"))
    validate_annotations(metadata.get("annotations"), errors.at("metadata", "annotations"))
    spec = template.get("spec") or {}
    validate_pod_spec(spec, errors.at("spec"))
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
