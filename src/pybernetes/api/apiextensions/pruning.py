"""Pruning: fields that the schema does not know are dropped, unless it says to keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .structural import Structural

EMBEDDED = ("apiVersion", "kind", "metadata")
"""Fields that every object has; metadata is looked at elsewhere."""


def prune(value: Any, schema: Structural, *, embedded: bool = False) -> tuple[Any, list[str]]:
    """The value without unknown fields (a new tree where anything could be dropped), and the paths of what was
    dropped, in order. `embedded`: the value is a whole object (the root, too)."""
    dropped: list[str] = []
    return _prune(value, schema, "", embedded or schema.embedded, dropped), dropped


def _prune(value: Any, schema: Structural | None, path: str, embedded: bool, dropped: list[str]) -> Any:
    """`schema` None: nothing is known of the value, so no field of it stays."""
    if isinstance(value, Mapping):
        if schema is None:
            dropped += [_joined(path, name) for name in value]
            return {}
        return _prune_map(value, schema, path, embedded, dropped)
    if isinstance(value, (list, tuple)):
        item = None if schema is None else schema.item
        if item is None and schema is not None and schema.preserve:
            return list(value)
        own = item is not None and item.embedded
        return [_prune(each, item, f"{path}[{n}]", own, dropped) for n, each in enumerate(value)]
    return value


def _prune_map(
    value: Mapping[str, Any], schema: Structural, path: str, embedded: bool, dropped: list[str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    properties, additional = schema.properties, schema.additional
    for name, below in value.items():
        found = properties.get(name)
        if embedded and name in EMBEDDED:
            result[name] = below
        elif found is not None:
            result[name] = _prune(below, found, _joined(path, name), found.embedded, dropped)
        elif isinstance(additional, Structural):
            result[name] = _prune(below, additional, _joined(path, name), additional.embedded, dropped)
        elif schema.preserve:
            result[name] = below
        elif additional:
            result[name] = _prune(below, None, _joined(path, name), False, dropped)
        else:
            dropped.append(_joined(path, name))
    return result


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
