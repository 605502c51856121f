"""Lists that are sets or maps have no item twice; embedded resources say what they are."""

from __future__ import annotations

from typing import Any

import orjson

from ..fielderrors import FieldErrors
from .structural import Structural


def check(value: Any, schema: Structural, errors: FieldErrors) -> None:
    """`errors` stands at the value."""
    if isinstance(value, dict):
        for name, below in value.items():
            found = schema.field(name)
            if found is None or not isinstance(below, (dict, list)):
                continue
            here = errors.at(name) if name in schema.properties else errors.at_key(name)
            if found.embedded and isinstance(below, dict):
                _check_embedded(below, here)
            check(below, found, here)
    elif isinstance(value, list) and schema.item is not None:
        if schema.list_type == "set":
            _check_unique(value, errors)
        elif schema.list_type == "map":
            _check_unique([_key(item, schema) for item in value], errors)
        for number, below in enumerate(value):
            if isinstance(below, (dict, list)):
                check(below, schema.item, errors.at(number))


def _check_embedded(value: dict[str, Any], errors: FieldErrors) -> None:
    for field in ("apiVersion", "kind"):
        if not value.get(field):
            errors.required(field, "must not be empty")


def _check_unique(values: list[Any], errors: FieldErrors) -> None:
    seen: set[bytes] = set()
    for number, value in enumerate(values):
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if text in seen:
            errors.at(number).duplicate(value)
        seen.add(text)


def _key(item: Any, schema: Structural) -> Any:
    if not isinstance(item, dict):
        return item
    return {key: item.get(key) for key in schema.list_map_keys if key in item}
