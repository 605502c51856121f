"""The TARGETS column of autoscalers: `cpu: 37%/80%, 12/10 + 1 more...`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..cells import dig

MOST_SHOWN = 2
UNKNOWN = "<unknown>"


def format_metrics(specs: Sequence[Any], statuses: Sequence[Any]) -> str:
    """Each metric as `current/target`, two at most. The statuses are in the order of the specs."""
    if not specs:
        return "<none>"
    shown = [
        _metric(spec, statuses[index] if index < len(statuses) else None)
        for index, spec in enumerate(specs[:MOST_SHOWN])
    ]
    text = ", ".join(shown)
    return f"{text} + {len(specs) - MOST_SHOWN} more..." if len(specs) > MOST_SHOWN else text


def _metric(spec: Any, status: Any) -> str:
    match spec.get("type"):
        case "External":
            return _value(spec, status, "external")
        case "Object":
            return _value(spec, status, "object")
        case "Pods":
            target = dig(spec, "pods", "target", "averageValue")
            return f"{_current(status, 'pods', 'averageValue')}/{target}"
        case "Resource":
            return _resource(spec, status, "resource")
        case "ContainerResource":
            return _resource(spec, status, "containerResource")
        case _:
            return "<unknown type>"


def _current(status: Any, source: str, field: str) -> Any:
    value = dig(status, source, "current", field)
    return UNKNOWN if value is None else value


def _value(spec: Any, status: Any, source: str) -> str:
    target = dig(spec, source, "target") or {}
    if target.get("averageValue") is not None:
        return f"{_current(status, source, 'averageValue')}/{target['averageValue']} (avg)"
    return f"{_current(status, source, 'value')}/{target.get('value')}"


def _resource(spec: Any, status: Any, source: str) -> str:
    name, target = dig(spec, source, "name"), dig(spec, source, "target") or {}
    if target.get("averageValue") is not None:
        return f"{name}: {_current(status, source, 'averageValue')}/{target['averageValue']}"
    used, wanted = dig(status, source, "current", "averageUtilization"), target.get("averageUtilization")
    return f"{name}: {UNKNOWN if used is None else f'{used}%'}/{'<auto>' if wanted is None else f'{wanted}%'}"
