"""HorizontalPodAutoscalers, as `autoscaling/v2`: the number of pods follows what they use."""

from __future__ import annotations

from typing import Any

from ..cells import AGE, NAME, dig
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from .horizontalpodautoscaler_metrics import format_metrics
from .horizontalpodautoscaler_validation import validate, validate_create, validate_status, validate_update

CPU_UTILIZATION = 80
"""Percent of the request that pods should use, where no metric is given."""
METRICS = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
ANNOTATIONS = (METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR)
"""What version 1 has no fields for; here they mean nothing and are dropped."""


def cpu_metric(utilization: int) -> MutableObj:
    """The metric that is the one target of version 1."""
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def default(autoscaler: MutableObj) -> None:
    spec = autoscaler.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [cpu_metric(CPU_UTILIZATION)]
    behavior = spec.get("behavior") or {}
    if behavior.get("scaleUp") is not None or behavior.get("scaleDown") is not None:
        behavior["scaleUp"] = {**_scale_up(), **(behavior.get("scaleUp") or {})}
        behavior["scaleDown"] = {**_scale_down(), **(behavior.get("scaleDown") or {})}
    annotations = autoscaler["metadata"].get("annotations") or {}
    if any(key in annotations for key in ANNOTATIONS):
        kept = {key: value for key, value in annotations.items() if key not in ANNOTATIONS}
        autoscaler["metadata"]["annotations"] = kept


def _scale_up() -> dict[str, Any]:
    """At once, by four pods or by all there are in 15 seconds, whichever is more."""
    return {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    }


def _scale_down() -> dict[str, Any]:
    """As fast as need be; how long to wait first is the controller's flag."""
    return {
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }


def prepare_create(autoscaler: MutableObj) -> None:
    autoscaler["status"] = {"desiredReplicas": 0, "currentMetrics": None}


def _reference(autoscaler: Obj, _now: float) -> Cell:
    target = dig(autoscaler, "spec", "scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(autoscaler: Obj, _now: float) -> Cell:
    return format_metrics(
        dig(autoscaler, "spec", "metrics") or (), dig(autoscaler, "status", "currentMetrics") or ()
    )


def _min_pods(autoscaler: Obj, _now: float) -> Cell:
    least = dig(autoscaler, "spec", "minReplicas")
    return "<unset>" if least is None else str(least)


COLUMNS = (
    NAME,
    Column("Reference", _reference),
    Column("Targets", _targets),
    Column("MinPods", _min_pods),
    Column("MaxPods", lambda obj, _: dig(obj, "spec", "maxReplicas") or 0),
    Column("Replicas", lambda obj, _: dig(obj, "status", "currentReplicas") or 0),
    AGE,
)

HORIZONTALPODAUTOSCALER = Kind(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    namespaced=True,
    singular="horizontalpodautoscaler",
    short_names=("hpa",),
    categories=("all",),
    subresources=("status",),
    schema="io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=COLUMNS,
)
