"""Asking the three metrics APIs: resource metrics (`metrics.k8s.io`), custom metrics and external metrics. The server
answers for them through APIServices; where nobody has installed one, the answer is NotFound and the reason is told."""

from __future__ import annotations

from typing import Any

from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.client.interface import Client
from pybernetes.lang.durations import DurationError, parse_go_duration
from pybernetes.lang.labelselector import from_label_selector
from pybernetes.lang.quantity import milli
from pybernetes.lang.timestamps import parse

from .samples import Incalculable, Reading, Sample

POD_METRICS = Kind("metrics.k8s.io", "v1beta1", "PodMetrics", "pods", namespaced=True)
CUSTOM, CUSTOM_VERSION = "custom.metrics.k8s.io", "v1beta2"
EXTERNAL, EXTERNAL_VERSION = "external.metrics.k8s.io", "v1beta1"
DEFAULT_WINDOW = 60.0
SOURCES = {
    "Resource": ("resource", "resource metrics API"),
    "ContainerResource": ("containerResource", "resource metrics API"),
    "Pods": ("pods", "custom metrics API"),
    "Object": ("object", "custom metrics API"),
    "External": ("external", "external metrics API"),
}
"""Metric type -> (its field, how the API that answers is called)."""


UNSAID = (
    "the server could not find the requested resource",
    "the server is currently unable to handle the request",
)
"""What servers answer without saying for what; upstream's clients add it."""


async def read(client: Client, namespace: str, spec: Obj, selector: str, described: Kind | None) -> Reading:
    """One metric of `spec.metrics`. `selector` chooses the pods; `described` is the kind of an Object metric's object.
    What fails is in the answer, as text."""
    field, api = SOURCES.get(spec["type"], ("", ""))
    source = spec.get(field) or {}
    try:
        match spec["type"]:
            case "Resource":
                return await _resource(client, namespace, selector, source["name"], "")
            case "ContainerResource":
                return await _resource(client, namespace, selector, source["name"], source["container"])
            case "Pods":
                return await _pods(client, namespace, selector, source["metric"])
            case "Object":
                return await _object(client, namespace, source, described)
            case "External":
                return await _external(client, namespace, source["metric"])
    except Incalculable as error:
        return Reading(error=str(error))
    except ApiError as error:
        asked = _resource_of(spec["type"], source, described)
        told = f"{error.message} (get {asked})" if error.message in UNSAID else error.message
        return Reading(error=f"unable to fetch metrics from {api}: {told}")
    return Reading(error=f'unknown metric source type "{spec["type"]}"')


def _resource_of(kind: str, source: Obj, described: Kind | None) -> str:
    """What was asked for: plural and group."""
    match kind:
        case "External":
            return f"{source['metric']['name']}.{EXTERNAL}"
        case "Object":
            about = described.group_resource if described is not None else ""
            return f"{'metrics' if about == 'namespaces' else about}.{CUSTOM}"
        case "Pods":
            return f"pods.{CUSTOM}"
    return POD_METRICS.group_resource


async def _resource(client: Client, namespace: str, selector: str, resource: str, container: str) -> Reading:
    items = (await client.list(POD_METRICS, namespace, labels=selector)).items
    if not items:
        raise Incalculable("no metrics returned from resource metrics API")
    pods = {}
    for item in items:
        usage = _usage(item, resource, container)
        if usage is not None:
            pods[name_of(item)] = Sample(usage, parse(item["timestamp"]), _window(item.get("window")))
    return Reading(pods)


def _usage(item: Obj, resource: str, container: str) -> int | None:
    """A pod's (or one container's) usage in thousandths; None where a container does not tell it."""
    containers = item.get("containers") or ()
    if container:
        containers = [each for each in containers if each["name"] == container]
        if not containers:
            where = f"{namespace_of(item)}/{name_of(item)}"
            raise Incalculable(f"container {container} not present in metrics for pod {where}")
    values = [(each.get("usage") or {}).get(resource) for each in containers]
    return None if any(value is None for value in values) else sum(milli(value) for value in values if value)


def _window(text: Any) -> float:
    if not text:
        return DEFAULT_WINDOW
    try:
        return parse_go_duration(str(text))
    except DurationError as error:
        raise Incalculable(str(error)) from error


async def _pods(client: Client, namespace: str, selector: str, metric: Obj) -> Reading:
    kind = Kind(CUSTOM, CUSTOM_VERSION, "MetricValueList", "pods", namespaced=True)
    items = await _custom(client, kind, "*", namespace, metric, {"labelSelector": selector})
    found = {
        item["describedObject"]["name"]: Sample(
            milli(item["value"]), parse(item["timestamp"]), float(item.get("windowSeconds") or DEFAULT_WINDOW)
        )
        for item in items
    }
    if not found:
        raise Incalculable("no metrics returned from custom metrics API")
    return Reading(found)


async def _object(client: Client, namespace: str, source: Obj, described: Kind | None) -> Reading:
    reference = source["describedObject"]
    if described is None:
        group = reference.get("apiVersion", "").rpartition("/")[0]
        raise Incalculable(f'no matches for kind "{reference["kind"]}" in group "{group}"')
    kind = Kind(
        CUSTOM, CUSTOM_VERSION, "MetricValueList", described.group_resource, namespaced=described.namespaced
    )
    if described.plural == "namespaces" and not described.group:
        # A Namespace's own metrics lie below it, under the word `metrics`.
        inside = Kind(CUSTOM, CUSTOM_VERSION, "MetricValueList", "metrics", namespaced=True)
        metric = source["metric"]
        tree = await client.get(inside, metric["name"], reference["name"], parameters=_selection(metric))
        items = list(tree.get("items") or ())
    else:
        items = await _custom(client, kind, reference["name"], namespace, source["metric"], {})
    if not items:
        raise Incalculable("no metrics returned from custom metrics API")
    return Reading(value=milli(items[0]["value"]))


async def _custom(
    client: Client, kind: Kind, name: str, namespace: str, metric: Obj, more: dict[str, str]
) -> list[Obj]:
    where = namespace if kind.namespaced else ""
    parameters = {**more, **_selection(metric)}
    tree = await client.get(kind, name, where, subresource=metric["name"], parameters=parameters)
    return list(tree.get("items") or ())


def _selection(metric: Obj) -> dict[str, str]:
    selector = metric.get("selector")
    return {} if selector is None else {"metricLabelSelector": str(from_label_selector(selector))}


async def _external(client: Client, namespace: str, metric: Obj) -> Reading:
    kind = Kind(EXTERNAL, EXTERNAL_VERSION, "ExternalMetricValue", metric["name"], namespaced=True)
    selector = metric.get("selector")
    labels = "" if selector is None else str(from_label_selector(selector))
    items = (await client.list(kind, namespace, labels=labels)).items
    if not items:
        raise Incalculable("no metrics returned from external metrics API")
    return Reading(value=sum(milli(item["value"]) for item in items))
