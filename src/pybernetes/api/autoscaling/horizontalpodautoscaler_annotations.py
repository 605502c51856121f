"""Metrics, statuses and behaviour as the annotations of version 1 write them: flat, with names of their own."""

from __future__ import annotations

from typing import Any

from ..cells import dig
from ..meta import Obj

Paths = tuple[tuple[str, tuple[str, ...]], ...]

_TARGETS: dict[str, Paths] = {
    "object": (
        ("target", ("describedObject",)),
        ("metricName", ("metric", "name")),
        ("targetValue", ("target", "value")),
        ("selector", ("metric", "selector")),
        ("averageValue", ("target", "averageValue")),
    ),
    "pods": (
        ("metricName", ("metric", "name")),
        ("targetAverageValue", ("target", "averageValue")),
        ("selector", ("metric", "selector")),
    ),
    "resource": (
        ("name", ("name",)),
        ("targetAverageUtilization", ("target", "averageUtilization")),
        ("targetAverageValue", ("target", "averageValue")),
    ),
    "containerResource": (
        ("name", ("name",)),
        ("targetAverageUtilization", ("target", "averageUtilization")),
        ("targetAverageValue", ("target", "averageValue")),
        ("container", ("container",)),
    ),
    "external": (
        ("metricName", ("metric", "name")),
        ("metricSelector", ("metric", "selector")),
        ("targetValue", ("target", "value")),
        ("targetAverageValue", ("target", "averageValue")),
    ),
}
"""By source: the flat name and where version 2 keeps it."""


def _of_status(flat: str, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """`targetValue` of a target is `currentValue` of a status; `target` alone is the object, in both."""
    name = f"current{flat.removeprefix('target')}" if flat.startswith("target") and flat != "target" else flat
    return name, tuple("current" if step == "target" else step for step in path)


_CURRENT: dict[str, Paths] = {
    source: tuple(_of_status(*each) for each in paths) for source, paths in _TARGETS.items()
}
"""The same for statuses."""

_ALWAYS = {"targetValue": "object", "currentValue": "object"}
"""A quantity that is written even where there is none, as 0."""


def metric_to_v1(metric: Obj) -> dict[str, Any]:
    """A metric of version 2 in the flat form."""
    return _flat(metric, _TARGETS)


def metric_from_v1(flat: Obj) -> dict[str, Any]:
    """A metric in the flat form, as version 2 has it; the type of its target follows from what is given."""
    metric = _nested(flat, _TARGETS)
    for source in _TARGETS:
        if source in metric:
            target = metric[source].setdefault("target", {})
            if source == "object" and target.get("averageValue") is not None:
                target.pop("value", None)
            target["type"] = _target_type(target)
    return metric


def current_to_v1(status: Obj) -> dict[str, Any]:
    return _flat(status, _CURRENT)


def current_from_v1(flat: Obj) -> dict[str, Any]:
    status = _nested(flat, _CURRENT)
    for source in _CURRENT:
        if source in status:
            status[source].setdefault("current", {})
    return status


def _target_type(target: Obj) -> str:
    if target.get("averageUtilization") is not None:
        return "Utilization"
    return "AverageValue" if target.get("averageValue") is not None else "Value"


def _flat(metric: Obj, table: dict[str, Paths]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": metric.get("type", "")}
    for source, paths in table.items():
        if metric.get(source) is None:
            continue
        values = {name: dig(metric[source], *path) for name, path in paths}
        for name, owner in _ALWAYS.items():
            if source == owner and name in values and values[name] is None:
                values[name] = "0"
        found[source] = {name: value for name, value in values.items() if value is not None}
    return found


def _nested(flat: Obj, table: dict[str, Paths]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": flat.get("type", "")}
    for source, paths in table.items():
        given = flat.get(source)
        if not isinstance(given, dict):
            continue
        tree: dict[str, Any] = {}
        for name, path in paths:
            if given.get(name) is not None:
                _put(tree, path, given[name])
        found[source] = tree
    return found


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


_RULES = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
_POLICY = ("type", "value", "periodSeconds")


def capitals(behavior: Obj) -> dict[str, Any]:
    """The behaviour with Go's names of fields, null where nothing is set: how upstream writes this annotation."""

    def rules(tree: Any) -> Any:
        if tree is None:
            return None
        policies = tree.get("policies")
        values = {
            **tree,
            "policies": None if policies is None else [_upper(each, _POLICY) for each in policies],
        }
        return _upper(values, _RULES)

    return {"ScaleUp": rules(behavior.get("scaleUp")), "ScaleDown": rules(behavior.get("scaleDown"))}


def _upper(tree: Obj, fields: tuple[str, ...]) -> dict[str, Any]:
    return {field[0].upper() + field[1:]: tree.get(field) for field in fields}


def lower(tree: Any) -> Any:
    """The reverse: names of fields as in JSON, what is null left out."""
    if isinstance(tree, list):
        return [lower(each) for each in tree]
    if isinstance(tree, dict):
        return {key[:1].lower() + key[1:]: lower(value) for key, value in tree.items() if value is not None}
    return tree
