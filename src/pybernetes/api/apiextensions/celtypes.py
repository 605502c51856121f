"""Structural schemas as types of CEL, and values of such schemas as values of CEL."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from pybernetes.lang.cel import types as cel
from pybernetes.lang.cel.library.times import duration, timestamp
from pybernetes.lang.cel.types import Field, Type, object_of
from pybernetes.lang.cel.values import UnorderedList

from .structural import Structural

Convert = Callable[[Any], Any]
_SCALARS = {"string": cel.STRING, "integer": cel.INT, "number": cel.DOUBLE, "boolean": cel.BOOL}
_FORMATS = {"byte": cel.BYTES, "date": cel.TIMESTAMP, "date-time": cel.TIMESTAMP, "duration": cel.DURATION}
_READ: dict[str, Convert] = {
    "byte": base64.b64decode,
    "date": lambda text: timestamp(f"{text}T00:00:00Z"),
    "date-time": timestamp,
    "duration": duration,
}
_KEYWORDS = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
_ACCESSIBLE = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_METADATA = object_of("metadata", {"name": cel.STRING, "generateName": cel.STRING})
_OBJECT: dict[str, Type | Field] = {"apiVersion": cel.STRING, "kind": cel.STRING, "metadata": _METADATA}


def escaped(name: str) -> str | None:
    """How expressions spell a property; None where they cannot."""
    if name in _KEYWORDS:
        return f"__{name}__"
    if _ACCESSIBLE.fullmatch(name) is None:
        return None
    return re.sub(r"__|[./-]", lambda match: _ESCAPES[match.group()], name)


def declared(schema: Structural, *, root: bool = False) -> Type | None:
    """The type of values of the schema; None where expressions cannot see them."""
    if schema.int_or_string:
        return cel.DYN
    if schema.type == "array":
        item = None if schema.item is None else declared(schema.item)
        return None if item is None else cel.list_of(item)
    if schema.type == "object":
        return _declared_object(schema, root)
    if schema.type == "string":
        return _FORMATS.get(schema.raw.get("format", ""), cel.STRING)
    return _SCALARS.get(schema.type)


def _declared_object(schema: Structural, root: bool) -> Type | None:
    if isinstance(schema.additional, Structural):
        value = declared(schema.additional)
        return None if value is None else cel.map_of(cel.STRING, value)
    fields: dict[str, Type | Field] = {}
    for name, below in schema.properties.items():
        spelled, type_ = escaped(name), declared(below)
        if spelled is not None and type_ is not None:
            fields[spelled] = Field(type_, name)
    if root or schema.embedded:
        fields.update(_OBJECT)
    return object_of("object", fields)


def converter(schema: Structural) -> Convert | None:
    """What makes a CEL value of a JSON value; None where it is one already."""
    if schema.int_or_string:
        return None
    if schema.type == "string":
        return _READ.get(schema.raw.get("format", ""))
    if schema.type == "number":
        return float
    if schema.type == "array":
        return _list_converter(schema)
    if schema.type == "object":
        return _object_converter(schema)
    return None


def _list_converter(schema: Structural) -> Convert | None:
    item = None if schema.item is None else converter(schema.item)
    if schema.list_type in ("set", "map"):
        keys = schema.list_map_keys

        def convert(value: Any) -> UnorderedList:
            made = UnorderedList(value if item is None else [_or_null(item, each) for each in value])
            made.keys = keys
            return made

        return convert
    if item is None:
        return None
    return lambda value: [_or_null(item, each) for each in value]


def _object_converter(schema: Structural) -> Convert | None:
    if isinstance(schema.additional, Structural):
        inner = converter(schema.additional)
        if inner is None:
            return None
        return lambda value: {key: _or_null(inner, each) for key, each in value.items()}
    below = {
        name: found for name, each in schema.properties.items() if (found := converter(each)) is not None
    }
    if not below:
        return None

    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _or_null(below[name], each) if name in below else each for name, each in value.items()}

    return convert


def _or_null(convert: Convert, value: Any) -> Any:
    return None if value is None else convert(value)
