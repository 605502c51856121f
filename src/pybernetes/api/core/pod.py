"""Pods: containers that share a node, an address and volumes."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import MutableObj, Obj, annotations_of, labels_of, name_of
from ..podspec.defaults import default_pod, default_pod_spec
from ..podspec.remembered import validate_remembered
from ..podspec.resources import qos_class
from ..podspec.validate import validate_pod_spec
from ..podspec.validate_labelkeys import merge_label_keys
from ..podspec.warnings import pod_warnings
from ..selectable import field_flag, field_text
from .pod_annotations import (
    move_app_armor,
    validate_annotations,
    validate_annotations_update,
    validate_profiles,
)
from .pod_columns import COLUMNS
from .pod_status import prepare_status, validate_pod_status
from .pod_update import validate_pod_update


def default(pod: MutableObj) -> None:
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    default_pod(spec)


def prepare_create(pod: MutableObj) -> None:
    """A new pod is Pending, whatever its creator says; one with scheduling gates says so at once."""
    spec = pod["spec"]
    status: MutableObj = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        status["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "lastProbeTime": None,
                "lastTransitionTime": None,
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]
    pod["status"] = status
    if spec.get("affinity") or spec.get("topologySpreadConstraints"):
        merge_label_keys(spec, labels_of(pod))
    if pod["metadata"].get("annotations"):
        move_app_armor(pod)


def validate(pod: Obj, errors: FieldErrors) -> None:
    spec = pod.get("spec") or {}
    if annotations := annotations_of(pod):
        validate_annotations(annotations, spec, errors.at("metadata", "annotations"))
    if any(volume.get("ephemeral") is not None for volume in spec.get("volumes") or ()):
        validate_pod_spec(
            spec, errors.at("spec"), pod_name=name_of(pod)
        )  # its claims are named after the pod
    else:
        validate_remembered(spec, errors.at("spec"))


def validate_create(pod: Obj, errors: FieldErrors) -> None:
    """What a pod may come to have, and not be made with."""
    spec, at = pod.get("spec") or {}, errors.at("spec")
    if spec.get("ephemeralContainers"):
        at.forbidden("cannot be set on create", "ephemeralContainers")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        at.forbidden("cannot be set until all schedulingGates have been cleared", "nodeName")
    if annotations := annotations_of(pod):
        validate_profiles(annotations, spec, at)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_pod_update(new, old, errors)


def warnings(pod: Obj, old: Obj | None) -> list[str]:
    """Settings that still work and should not be used."""
    return [] if old is not None else pod_warnings(pod)


SELECTABLE = {
    "spec.nodeName": field_text("spec", "nodeName"),
    "spec.host": field_text("spec", "nodeName"),  # its name of long ago
    "spec.restartPolicy": field_text("spec", "restartPolicy"),
    "spec.schedulerName": field_text("spec", "schedulerName"),
    "spec.serviceAccountName": field_text("spec", "serviceAccountName"),
    "spec.hostNetwork": field_flag("spec", "hostNetwork"),
    "status.phase": field_text("status", "phase"),
    "status.podIP": field_text("status", "podIP"),
    "status.nominatedNodeName": field_text("status", "nominatedNodeName"),
}

POD = Kind(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    namespaced=True,
    status_metadata=("labels", "annotations", "finalizers"),
    singular="pod",
    short_names=("po",),
    categories=("all",),
    subresources=(
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "log",
        "portforward",
        "proxy",
        "resize",
        "status",
    ),
    schema="io.k8s.api.core.v1.Pod",
    separable=True,
    generation=True,
    graceful=True,
    default=default,
    prepare_create=prepare_create,
    prepare_status=prepare_status,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_metadata=validate_annotations_update,
    validate_status=validate_pod_status,
    warnings=warnings,
    columns=COLUMNS,
    selectable=SELECTABLE,
)
