"""HorizontalPodAutoscalers as `autoscaling/v1`: one target, the use of CPU. Stored as version 2.

What version 2 knows besides travels in annotations (`autoscaling.alpha.kubernetes.io/…`), so that a client of version 1
can read an object and write it back without a loss.
"""

from __future__ import annotations

from typing import Any

import orjson

from ..cells import dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from .horizontalpodautoscaler import (
    ANNOTATIONS,
    BEHAVIOR,
    COLUMNS,
    CONDITIONS,
    CPU_UTILIZATION,
    CURRENT_METRICS,
    HORIZONTALPODAUTOSCALER,
    METRICS,
    cpu_metric,
)
from .horizontalpodautoscaler_annotations import (
    capitals,
    current_from_v1,
    current_to_v1,
    lower,
    metric_from_v1,
    metric_to_v1,
)
from .horizontalpodautoscaler_validation import validate, validate_create, validate_status, validate_update


def to_stored(served: Obj) -> MutableObj:
    """Version 1 as version 2. An annotation that cannot be read is dropped."""
    annotations = served["metadata"].get("annotations") or {}
    spec, status = dict(served.get("spec") or {}), dict(served.get("status") or {})
    share, used = (
        spec.pop("targetCPUUtilizationPercentage", None),
        status.pop("currentCPUUtilizationPercentage", None),
    )
    metrics = [metric_from_v1(each) for each in _list(annotations.get(METRICS))]
    metrics += [cpu_metric(share)] if share is not None else []
    if metrics:
        spec["metrics"] = metrics
    behavior = _read(annotations.get(BEHAVIOR))
    if isinstance(behavior, dict):
        spec["behavior"] = lower(behavior)
    status["currentMetrics"] = [
        current_from_v1(each) for each in _list(annotations.get(CURRENT_METRICS))
    ] or ([_cpu_status(used)] if used is not None else None)
    conditions = _list(annotations.get(CONDITIONS))
    if conditions:
        status["conditions"] = conditions
    return _rebuilt(served, "autoscaling/v2", spec, status, {})


def from_stored(stored: Obj) -> MutableObj:
    """Version 2 as version 1. The first target for the use of CPU is the field; the rest are annotations."""
    spec, status = dict(stored.get("spec") or {}), dict(stored.get("status") or {})
    metrics, current = spec.pop("metrics", None) or (), status.pop("currentMetrics", None) or ()
    behavior, conditions = spec.pop("behavior", None), status.pop("conditions", None)
    shares = [_cpu_share(each, "target") for each in metrics]
    others = [metric_to_v1(each) for each, share in zip(metrics, shares, strict=True) if share is None]
    known = [share for share in shares if share is not None]
    if known:
        spec["targetCPUUtilizationPercentage"] = known[0]
    used = [share for each in current if (share := _cpu_share(each, "current")) is not None]
    if used:
        status["currentCPUUtilizationPercentage"] = used[-1]
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)
    texts = {
        METRICS: others,
        CURRENT_METRICS: [current_to_v1(each) for each in current],
        CONDITIONS: conditions,
        BEHAVIOR: behavior and capitals(behavior),
    }
    written = {key: orjson.dumps(value).decode() for key, value in texts.items() if value}
    return _rebuilt(stored, "autoscaling/v1", spec, status, written)


def _rebuilt(obj: Obj, version: str, spec: Obj, status: Obj, annotations: dict[str, str]) -> MutableObj:
    metadata = dict(obj["metadata"])
    kept = {
        key: value
        for key, value in (metadata.pop("annotations", None) or {}).items()
        if key not in ANNOTATIONS
    }
    if kept or annotations:
        metadata["annotations"] = {**kept, **annotations}
    return {**obj, "apiVersion": version, "metadata": metadata, "spec": spec, "status": status}


def _cpu_share(metric: Obj, side: str) -> Any:
    """The percentage of a metric about the use of CPU; None of any other."""
    if metric.get("type") != "Resource" or dig(metric, "resource", "name") != "cpu":
        return None
    return dig(metric, "resource", side, "averageUtilization")


def _cpu_status(used: int) -> MutableObj:
    return {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": used}}}


def _read(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return None


def _list(text: str | None) -> list[Any]:
    value = _read(text)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def default(autoscaler: MutableObj) -> None:
    spec = autoscaler.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not to_stored(autoscaler)["spec"].get("metrics"):
        spec["targetCPUUtilizationPercentage"] = CPU_UTILIZATION


def prepare_create(autoscaler: MutableObj) -> None:
    autoscaler["status"] = {"currentReplicas": 0, "desiredReplicas": 0}
    for key in (CURRENT_METRICS, CONDITIONS):
        (autoscaler["metadata"].get("annotations") or {}).pop(key, None)


def _validate(autoscaler: Obj, errors: FieldErrors) -> None:
    validate(to_stored(autoscaler), errors)


def _validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_status(to_stored(new), to_stored(old), errors)


def _column(column: Column) -> Column:
    def cell(autoscaler: Obj, now: float) -> Cell:
        return column.cell(to_stored(autoscaler), now)

    return Column(column.name, cell, column.type, column.format, column.description, column.priority)


HORIZONTALPODAUTOSCALER_V1 = Kind(
    group="autoscaling",
    version="v1",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    namespaced=True,
    singular="horizontalpodautoscaler",
    short_names=HORIZONTALPODAUTOSCALER.short_names,
    categories=HORIZONTALPODAUTOSCALER.categories,
    subresources=("status",),
    schema="io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler",
    storage_version="autoscaling/v2",
    to_stored=to_stored,
    from_stored=from_stored,
    generation=True,
    default=default,
    prepare_create=prepare_create,
    validate=_validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=_validate_status,
    columns=tuple(_column(each) for each in COLUMNS),
)
