"""Defaulting: what is not given is filled in from the schema, from the outside to the inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .structural import Structural


def fill(value: Any, schema: Structural) -> bool:
    """Fills in the defaults, in place (a null counts as not given where it is not allowed); says whether anything
    changed."""
    if not schema.worth_defaulting:
        return False
    changed = False
    if isinstance(value, dict):
        for name, below in schema.properties.items():
            if below.has_default and (name not in value or (value[name] is None and not below.nullable)):
                value[name] = _copy(below.default)
                changed = True
            if name in value:
                changed |= fill(value[name], below)
        additional = schema.additional
        if isinstance(additional, Structural):
            for name, inner in value.items():
                if name in schema.properties:
                    continue
                if inner is None and additional.has_default and not additional.nullable:
                    value[name] = inner = _copy(additional.default)
                    changed = True
                changed |= fill(inner, additional)
    elif isinstance(value, list) and schema.item is not None:
        for number, inner in enumerate(value):
            if inner is None and schema.item.has_default and not schema.item.nullable:
                value[number] = inner = _copy(schema.item.default)
                changed = True
            changed |= fill(inner, schema.item)
    return changed


def drop_nulls(value: Any, schema: Structural) -> None:
    """Drops, in place, the nulls of fields that may not be null: they mean that nothing is given."""
    if isinstance(value, dict):
        for name, inner in [*value.items()]:
            found = schema.field(name)
            if found is None:
                continue
            if inner is None:
                if not found.nullable:
                    del value[name]
            elif isinstance(inner, (dict, list)):
                drop_nulls(inner, found)
    elif isinstance(value, list) and schema.item is not None:
        for inner in value:
            drop_nulls(inner, schema.item)


def _copy(default: Any) -> Any:
    return orjson.loads(orjson.dumps(default)) if isinstance(default, (Mapping, list)) else default
