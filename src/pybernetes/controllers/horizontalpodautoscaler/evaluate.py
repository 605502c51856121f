"""One metric of a HorizontalPodAutoscaler: how many replicas it asks for, what is told about it in the status, and under
which reason it fails. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, namespace_of
from pybernetes.controllers.selectortext import shown
from pybernetes.lang.quantity import format_quantity, milli

from .calculator import Proposal, Terms, by_average, by_utilization, by_value, by_value_per_pod
from .samples import Incalculable, Reading

NO_TARGET = "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"


@dataclass(frozen=True, slots=True)
class Scaled:
    """The target as its scale shows it: wanted replicas, those there are, and its pods."""

    wanted: int
    there: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class Evaluated:
    """`name` is how messages call the metric; `status` its entry in `currentMetrics`."""

    replicas: int
    name: str
    status: dict[str, Any]


class Failure(Exception):
    """A metric that gives no number. `reason` is that of the condition and the event, `cause` their message, and
    `summary` what the whole is told to have failed with."""

    def __init__(self, reason: str, cause: str, summary: str) -> None:
        super().__init__(summary)
        self.reason = reason
        self.cause = cause
        self.summary = summary


def evaluate(autoscaler: Obj, spec: Obj, reading: Reading, scaled: Scaled) -> Evaluated:
    """Raises Failure."""
    found = _EVALUATORS.get(spec["type"])
    if found is None:
        message = f'unknown metric source type "{spec["type"]}"'
        raise Failure("InvalidMetricSourceType", message, message)
    return found(autoscaler, spec, reading, scaled)


def _resource(_autoscaler: Obj, spec: Obj, reading: Reading, scaled: Scaled) -> Evaluated:
    of_container = spec["type"] == "ContainerResource"
    field = "containerResource" if of_container else "resource"
    source = spec[field]
    resource, container, target = source["name"], source.get("container", ""), source["target"]
    what = f"{resource} container resource" if of_container else f"{resource} resource"
    subject = f"{container} container" if of_container else what
    verb = "usage" if target.get("averageValue") is not None else "utilization"
    try:
        if reading.error:
            raise Incalculable(f"unable to get metrics for resource {resource}: {reading.error}")
        if target.get("averageValue") is not None:
            wanted = milli(target["averageValue"])
            proposal = by_average(scaled.terms, scaled.wanted, wanted, resource, reading.pods)
            name = f"{resource} resource"
        elif target.get("averageUtilization") is not None:
            share = int(target["averageUtilization"])
            proposal = by_utilization(scaled.terms, scaled.wanted, share, resource, container, reading.pods)
            name = f"{what} utilization (percentage of request)"
        else:
            raise Failure(*_failed(of_container, subject, NO_TARGET))
    except Incalculable as error:
        cause = f"failed to get {resource} {verb}: {error}"
        raise Failure(*_failed(of_container, subject, cause)) from error
    current: dict[str, Any] = {"averageValue": _text(proposal.average)}
    if proposal.utilization is not None:
        current = {"averageUtilization": proposal.utilization, **current}
    entry = {"name": resource, **({"container": container} if of_container else {}), "current": current}
    return Evaluated(proposal.replicas, name, {"type": spec["type"], field: entry})


def _failed(of_container: bool, subject: str, cause: str) -> tuple[str, str, str]:
    reason = "FailedGetContainerResourceMetric" if of_container else "FailedGetResourceMetric"
    return reason, cause, f"failed to get {subject} metric value: {cause}"


def _pods(_autoscaler: Obj, spec: Obj, reading: Reading, scaled: Scaled) -> Evaluated:
    source = spec["pods"]
    metric = source["metric"]
    try:
        if reading.error:
            raise Incalculable(f"unable to get metric {metric['name']}: {reading.error}")
        target = milli(source["target"]["averageValue"])
        proposal = by_average(scaled.terms, scaled.wanted, target, "", reading.pods)
    except Incalculable as error:
        raise Failure(
            "FailedGetPodsMetric", str(error), f"failed to get pods metric value: {error}"
        ) from error
    entry = {"metric": _identity(metric), "current": {"averageValue": _text(proposal.average)}}
    return Evaluated(proposal.replicas, f"pods metric {metric['name']}", {"type": "Pods", "pods": entry})


def _object(autoscaler: Obj, spec: Obj, reading: Reading, scaled: Scaled) -> Evaluated:
    source = spec["object"]
    about, metric = source["describedObject"], source["metric"]
    try:
        if reading.error:
            where = f"{about['kind']} on {namespace_of(autoscaler)} {about['name']}/{reading.error}"
            raise Incalculable(f"unable to get metric {metric['name']}: {where}")
        proposal, current = _against(source["target"], reading.value, scaled)
    except Incalculable as error:
        raise Failure(
            "FailedGetObjectMetric", str(error), f"failed to get object metric value: {error}"
        ) from error
    entry = {"describedObject": dict(about), "metric": _identity(metric), "current": current}
    name = f"{about['kind']} metric {metric['name']}"
    return Evaluated(proposal.replicas, name, {"type": "Object", "object": entry})


def _external(autoscaler: Obj, spec: Obj, reading: Reading, scaled: Scaled) -> Evaluated:
    source = spec["external"]
    metric = source["metric"]
    selector = shown(metric.get("selector"))
    try:
        if reading.error:
            where = f"{namespace_of(autoscaler)}/{metric['name']}/{selector}"
            raise Incalculable(f"unable to get external metric {where}: {reading.error}")
        proposal, current = _against(source["target"], reading.value, scaled)
    except Incalculable as error:
        cause = f"failed to get {metric['name']} external metric: {error}"
        summary = f"failed to get {metric['name']} external metric value: {cause}"
        raise Failure("FailedGetExternalMetric", cause, summary) from error
    entry = {"metric": _identity(metric), "current": current}
    name = f"external metric {metric['name']}({selector})"
    return Evaluated(proposal.replicas, name, {"type": "External", "external": entry})


def _against(target: Obj, value: int, scaled: Scaled) -> tuple[Proposal, dict[str, Any]]:
    """One value against a value for all, or for each pod. Raises Incalculable."""
    if target.get("averageValue") is not None:
        proposal = by_value_per_pod(scaled.terms, scaled.there, milli(target["averageValue"]), value)
        return proposal, {"averageValue": _text(proposal.average)}
    if target.get("value") is None:
        raise Incalculable(
            "invalid metric source: neither a value target nor an average value target was set"
        )
    proposal = by_value(scaled.terms, scaled.wanted, milli(target["value"]), value)
    return proposal, {"value": _text(value)}


def _identity(metric: Obj) -> dict[str, Any]:
    return {field: metric[field] for field in ("name", "selector") if metric.get(field) is not None}


def _text(thousandths: int) -> str:
    return format_quantity(thousandths * 1_000_000)


_EVALUATORS: dict[str, Callable[[Obj, Obj, Reading, Scaled], Evaluated]] = {
    "Resource": _resource,
    "ContainerResource": _resource,
    "Pods": _pods,
    "Object": _object,
    "External": _external,
}
