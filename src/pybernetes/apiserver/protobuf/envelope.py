"""A protobuf body as a tree: the envelope that names the type, and the message inside, read by the schema's table."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from pybernetes.api import kinds
from pybernetes.api.schema import definition
from pybernetes.api.schema.table import LIST, MAP, OBJECT, Definition, Schema
from pybernetes.lang import timestamps

from .fields import NONE, Numbers, numbers
from .wireformat import ProtobufError, fields, signed, varint

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
MAX_DEPTH = 100
DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
OTHER_TYPES = {
    ("autoscaling/v1", "Scale"): "io.k8s.api.autoscaling.v1.Scale",
    ("policy/v1", "Eviction"): "io.k8s.api.policy.v1.Eviction",
    ("authentication.k8s.io/v1", "TokenRequest"): "io.k8s.api.authentication.v1.TokenRequest",
    ("v1", "Binding"): "io.k8s.api.core.v1.Binding",
}
"""Types that come in bodies and are no resources."""


def decode(data: bytes) -> dict[str, Any]:
    """The object in a body. Raises ProtobufError."""
    if not data.startswith(MAGIC):
        raise ProtobufError(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    api_version = kind = ""
    raw: memoryview = memoryview(b"")
    for number, value in fields(memoryview(data)[len(MAGIC) :]):
        if number == 1 and isinstance(value, memoryview):
            meta = {n: _text(v) for n, v in fields(value)}
            api_version, kind = meta.get(1, ""), meta.get(2, "")
        elif number == 2 and isinstance(value, memoryview):
            raw = value
    name = _definition_of(api_version, kind)
    found = definition(name) if name else None
    if found is None:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    tree = {"apiVersion": api_version, "kind": kind}
    _message(raw, found, numbers(name), tree, 0)
    return tree


def _definition_of(api_version: str, kind: str) -> str:
    if kind == "DeleteOptions":
        return DELETE_OPTIONS
    known = kinds.by_kind(api_version, kind)
    return known.schema if known is not None else OTHER_TYPES.get((api_version, kind), "")


def _message(data: memoryview, of: Definition, names: Numbers, tree: dict[str, Any], depth: int) -> None:
    """Reads the fields of a message into `tree`; fields that are not known are skipped."""
    if depth > MAX_DEPTH:
        raise ProtobufError("exceeded max depth")
    for number, value in fields(data):
        name = names.get(number)
        if name is None:
            continue
        if not isinstance(name, str):
            if isinstance(value, memoryview):
                _message(value, of, name, tree, depth + 1)
            continue
        schema = of.fields.get(name)
        if schema is None:
            continue
        if schema.tag == LIST:
            assert schema.item is not None
            tree.setdefault(name, []).extend(_items(schema.item, value, depth))
        elif schema.tag == MAP:
            assert schema.item is not None
            key, child = _entry(schema.item, value, depth)
            tree.setdefault(name, {})[key] = child
        else:
            tree[name] = _value(schema, value, depth)


def _items(item: Schema, value: int | float | memoryview, depth: int) -> list[Any]:
    """One item of a repeated field, or many where numbers are packed."""
    if item.tag in ("int32", "int64") and isinstance(value, memoryview):
        packed, at = [], 0
        while at < len(value):
            number, at = varint(value, at)
            packed.append(signed(number))
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
        return value
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
        return timestamps.rfc3339_micro(seconds + nanos / 1e9)
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
