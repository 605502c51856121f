"""A message of a definition as a tree: read by the schema's table and the table of field numbers."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from pybernetes.api.schema import definition
from pybernetes.api.schema.table import LIST, MAP, OBJECT, Definition, Schema
from pybernetes.lang import timestamps
from pybernetes.lang.protobufwire import ProtobufError, fields, signed, varint

from .fields import NONE, Numbers, numbers
from .types import JSON_SCHEMA

MAX_DEPTH = 100


def decode_message(name: str, data: memoryview, tree: dict[str, Any]) -> None:
    """Reads a message of the definition `name` into `tree`. Raises ProtobufError."""
    found = definition(name)
    assert found is not None, name
    _message(data, found, numbers(name), tree, 0)


def _message(data: memoryview, of: Definition, names: Numbers, tree: dict[str, Any], depth: int) -> None:
    """Reads the fields of a message into `tree`; fields that are not known are skipped."""
    if depth > MAX_DEPTH:
        raise ProtobufError("exceeded max depth")
    for number, value in fields(data):
        name = names.get(number)
        if name is None:
            continue
        if not isinstance(name, tuple):
            if isinstance(value, memoryview):
                _message(value, of, name, tree, depth + 1)
            continue
        schema = of.fields.get(name.json)
        if schema is None:
            continue
        if name.box and schema.tag == MAP:
            key, child = _boxed_entry(name.box, value, depth)
            tree.setdefault(name.json, {})[key] = child
        elif name.box:
            tree[name.json] = _boxed(name.box, value, depth)
        elif schema.tag == LIST:
            assert schema.item is not None
            tree.setdefault(name.json, []).extend(_items(schema.item, value, depth))
        elif schema.tag == MAP:
            assert schema.item is not None
            key, child = _entry(schema.item, value, depth)
            tree.setdefault(name.json, {})[key] = child
        else:
            tree[name.json] = _value(schema, value, depth)


def _items(item: Schema, value: int | float | memoryview, depth: int) -> list[Any]:
    """One item of a repeated field, or many where numbers are packed."""
    if item.tag in ("int32", "int64", "boolean") and isinstance(value, memoryview):
        packed, at = [], 0
        while at < len(value):
            number, at = varint(value, at)
            packed.append(_value(item, number, depth))
        return packed
    return [_value(item, value, depth)]


def _entry(item: Schema, value: int | float | memoryview, depth: int) -> tuple[str, Any]:
    """One entry of a map. Lists as values (`ExtraValue`) are messages with one repeated field."""
    if not isinstance(value, memoryview):
        raise ProtobufError("a map entry must be a message")
    key, child = "", _empty(item)
    for number, part in fields(value):
        if number == 1:
            key = _text(part)
        elif number == 2 and item.tag == LIST and isinstance(part, memoryview):
            assert item.item is not None
            child = [_value(item.item, each, depth) for n, each in fields(part) if n == 1]
        elif number == 2:
            child = _value(item, part, depth)
    return key, child


def _empty(item: Schema) -> Any:
    return {"string": "", LIST: [], MAP: {}, OBJECT: {}, "byte": "", "quantity": "0"}.get(item.tag)


def _boxed_entry(box: str, value: int | float | memoryview, depth: int) -> tuple[str, Any]:
    """One entry of a map whose values are boxed."""
    if not isinstance(value, memoryview):
        raise ProtobufError("a map entry must be a message")
    key, child = "", _boxed(box, memoryview(b""), depth)
    for number, part in fields(value):
        if number == 1:
            key = _text(part)
        elif number == 2:
            child = _boxed(box, part, depth)
    return key, child


def _boxed(box: str, value: int | float | memoryview, depth: int) -> Any:
    """A bare value out of its box (see `fields.py`)."""
    if not isinstance(value, memoryview):
        raise ProtobufError("a message was expected")
    parts = list(fields(value))
    if box == "list":
        return [_text(part) for number, part in parts if number == 1]
    schema_number = 2 if box == "schema-or-bool" else 1
    others: list[Any] = []
    allows = False
    for number, part in parts:
        if number == schema_number:
            return _schema(part, depth)
        if box == "schema-or-bool":
            allows = bool(part)
        elif number == 2:
            others.append(_schema(part, depth) if box == "schemas" else _text(part))
    return allows if box == "schema-or-bool" else others


def _schema(value: int | float | memoryview, depth: int) -> dict[str, Any]:
    if not isinstance(value, memoryview):
        raise ProtobufError("wrong wireType for a JSON schema")
    found = definition(JSON_SCHEMA)
    assert found is not None
    tree: dict[str, Any] = {}
    _message(value, found, numbers(JSON_SCHEMA), tree, depth + 1)
    return tree


def _value(schema: Schema, value: int | float | memoryview, depth: int) -> Any:
    tag = schema.tag
    if tag == "string":
        return _text(value)
    if tag == "boolean":
        return bool(value)
    if tag in ("int32", "int64"):
        if not isinstance(value, int):
            raise ProtobufError("wrong wireType for an integer")
        return signed(value)
    if tag == "double":
        whole = isinstance(value, float) and value.is_integer()
        return int(value) if whole else value  # as Go prints it in JSON
    if not isinstance(value, memoryview):
        raise ProtobufError(f"wrong wireType for {tag}")
    if tag == OBJECT:
        tree: dict[str, Any] = {}
        _message(value, schema.target, numbers(schema.reference) or NONE, tree, depth + 1)
        return tree
    if tag == "byte":
        return base64.b64encode(value).decode()
    return _special(tag, value)


def _special(tag: str, value: memoryview) -> Any:
    """The types that are messages in protobuf and scalars in JSON."""
    parts = dict(fields(value))
    if tag in ("time", "microtime"):
        if not parts:
            return None
        seconds, nanos = signed(int(parts.get(1, 0))), int(parts.get(2, 0))
        if tag == "time":
            return timestamps.rfc3339(seconds)
        return f"{timestamps.rfc3339(seconds)[:-1]}.{nanos // 1000:06d}Z"
    if tag == "quantity":
        return _text(parts.get(1, memoryview(b"0")))
    if tag == "intorstr":
        if parts.get(1, 0) == 1:
            return _text(parts.get(3, memoryview(b"")))
        return signed(int(parts.get(2, 0)))
    raw = parts.get(1)  # FieldsV1, RawExtension, JSON: the text itself
    if raw is None:
        return None
    try:
        return orjson.loads(raw)  # type: ignore[arg-type]
    except orjson.JSONDecodeError as error:
        raise ProtobufError(f"embedded JSON: {error}") from error


def _text(value: int | float | memoryview) -> str:
    if not isinstance(value, memoryview):
        raise ProtobufError("wrong wireType for a string")
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise ProtobufError("a string is not UTF-8") from error
