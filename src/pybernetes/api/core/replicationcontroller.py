"""ReplicationControllers: a number of equal pods, before there were ReplicaSets."""

from __future__ import annotations

from ..apps.workload import name_warnings, validate_counts, validate_status_counts, validate_template
from ..cells import AGE, NAME, container_cells, dig, format_labels
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..podspec.defaults import default_template
from ..podspec.warnings import template_warnings
from ..selectable import field_number

COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def default(controller: MutableObj) -> None:
    spec = controller.setdefault("spec", {})
    labels = dig(spec, "template", "metadata", "labels")
    if labels:
        spec["selector"] = spec.get("selector") or dict(labels)
        metadata = controller["metadata"]
        metadata["labels"] = metadata.get("labels") or dict(labels)
    spec.setdefault("replicas", 1)
    default_template(spec)


def prepare_create(controller: MutableObj) -> None:
    controller["status"] = {"replicas": 0}


def validate(controller: Obj, errors: FieldErrors) -> None:
    spec, at = controller.get("spec") or {}, errors.at("spec")
    validate_counts(spec, at, "minReadySeconds")
    selector = spec.get("selector")
    if not selector:
        at.required("selector")
    validate_counts(spec, at, "replicas")
    template = spec.get("template")
    if template is None:
        at.required("template")
        return
    labels = dig(template, "metadata", "labels") or {}
    if selector and any(labels.get(key) != value for key, value in selector.items()):
        at.at("template", "metadata").invalid(labels, "`selector` does not match template `labels`", "labels")
    validate_template(template, at.at("template"))
    pod, here = template.get("spec") or {}, at.at("template", "spec")
    if pod.get("restartPolicy") != "Always":
        here.not_supported(pod.get("restartPolicy", ""), ["Always"], "restartPolicy")
    if pod.get("activeDeadlineSeconds") is not None:
        here.forbidden(
            "activeDeadlineSeconds in ReplicationController is not Supported", "activeDeadlineSeconds"
        )


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    validate_status_counts(new.get("status") or {}, errors.at("status"), *COUNTS)


def warnings(controller: Obj, old: Obj | None) -> list[str]:
    named = name_warnings(controller) if old is None else []
    return [*named, *template_warnings(controller, old, "spec", "template")]


REPLICATIONCONTROLLER = Kind(
    group="",
    version="v1",
    kind="ReplicationController",
    plural="replicationcontrollers",
    namespaced=True,
    singular="replicationcontroller",
    short_names=("rc",),
    categories=("all",),
    subresources=("scale", "status"),
    schema="io.k8s.api.core.v1.ReplicationController",
    storage_prefix="controllers",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Desired", lambda obj, _: dig(obj, "spec", "replicas") or 0, "integer"),
        Column("Current", lambda obj, _: dig(obj, "status", "replicas") or 0, "integer"),
        Column("Ready", lambda obj, _: dig(obj, "status", "readyReplicas") or 0, "integer"),
        AGE,
        *container_cells("spec", "template", "spec"),
        Column("Selector", lambda obj, _: format_labels(dig(obj, "spec", "selector")), priority=1),
    ),
    selectable={"status.replicas": field_number("status", "replicas")},
    scale=("spec.replicas", "status.replicas", "spec.selector"),
)
