"""The field paths of the downward API: `metadata.name`, `metadata.labels['app']`, `status.podIP`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SUBSCRIPT = re.compile(r"(.+?)\['?(.*?)'?\]")


class FieldPathError(ValueError):
    """The path cannot be read or names nothing that can be shown."""


def split_subscript(path: str) -> tuple[str, str | None]:
    """`("metadata.labels", "app")` of `metadata.labels['app']`; the second is None without a subscript."""
    match = _SUBSCRIPT.fullmatch(path)
    return (match[1], match[2]) if match else (path, None)


def lookup(tree: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where a step is missing."""
    plain, key = split_subscript(path)
    value: Any = tree
    for step in plain.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    if key is None:
        return value
    return value.get(key) if isinstance(value, Mapping) else None


def as_text(tree: Mapping[str, Any], path: str) -> str:
    """The value as an environment variable or a file holds it: maps as sorted `key="value"` lines, "" where missing.

    Raises FieldPathError where the path names an object or a list.
    """
    value = lookup(tree, path)
    if value is None:
        return ""
    if isinstance(value, Mapping):
        if all(isinstance(item, str) for item in value.values()):
            return "\n".join(f"{key}={_quote(item)}" for key, item in sorted(value.items()))
        raise FieldPathError(f"unsupported fieldPath: {path}")
    if isinstance(value, list):
        raise FieldPathError(f"unsupported fieldPath: {path}")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _quote(text: str) -> str:
    """A value in Go's `%q`."""
    out = text.replace("\\", "\\\\").replace('"', '\\"')
    for char, escape in (("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        out = out.replace(char, escape)
    return f'"{out}"'
