"""A tree as a message of its definition: one function per field, compiled from the two tables at the first use.

The fields come in the order of their numbers and maps in the order of their keys, so that equal trees give equal
bytes. A field that the tree does not have is not written (upstream also writes the zero values of fields that are no
pointers; every reader takes them for the same).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import orjson

from pybernetes.api.meta import Obj
from pybernetes.api.schema import definition
from pybernetes.api.schema.table import LIST, MAP, OBJECT, Definition, Schema
from pybernetes.lang import timestamps
from pybernetes.lang.protobufwire import BYTES, FIXED64, VARINT, ProtobufError, delimited, encode_varint, key

from .fields import Numbers, numbers
from .types import JSON_SCHEMA

Write = Callable[[Any], bytes]
"""A value -> the whole field, with what stands before it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _SECOND, _THIRD = key(1, BYTES), key(2, BYTES), key(3, BYTES)
_FIRST_NUMBER, _SECOND_NUMBER = key(1, VARINT), key(2, VARINT)
_IS_STRING = key(1, VARINT) + b"\x01"
_IS_INT = key(1, VARINT) + b"\x00"


def encode_message(name: str, tree: Obj) -> bytes:
    """The message of the definition `name`. Raises ProtobufError where the tree is not of that type."""
    try:
        return _message(_plan(name), tree)
    except (TypeError, AttributeError, ValueError) as error:
        raise ProtobufError(f"{name}: {error}") from error


Plan = tuple[tuple[str, Write], ...]
"""Writers by JSON name in the order of numbers; "" for a struct that JSON inlines, which reads the tree itself."""


def _message(plan: Plan, tree: Any) -> bytes:
    parts = []
    get = tree.get
    for name, write in plan:
        value = get(name) if name else tree
        if value is not None:
            parts.append(write(value))
    return b"".join(parts)


@cache
def _plan(name: str) -> Plan:
    found = definition(name)
    return () if found is None else _planned(found, numbers(name))


def _planned(of: Definition, names: Numbers) -> Plan:
    plan: list[tuple[str, Write]] = []
    for number, name in names.items():
        if not isinstance(name, tuple):
            plan.append(("", _embedded(number, _planned(of, name))))
            continue
        schema = of.fields.get(name.json)
        if schema is None:
            continue
        box = BOXES[name.box] if name.box else None
        plan.append((name.json, _field(number, schema, box)))
    return tuple(plan)


def _embedded(number: int, plan: Plan) -> Write:
    before = key(number, BYTES)

    def write(tree: Any) -> bytes:
        data = _message(plan, tree)
        return delimited(before, data) if data else b""

    return write


def _field(number: int, schema: Schema, box: Write | None) -> Write:
    if schema.tag == MAP:
        assert schema.item is not None
        if box is not None:
            boxed = box
            return _map(key(number, BYTES), lambda value: delimited(_SECOND, boxed(value)))
        return _map(key(number, BYTES), _map_value(schema.item))
    if box is not None:
        inner, before = box, key(number, BYTES)
        return lambda value: delimited(before, inner(value))
    if schema.tag == LIST:
        assert schema.item is not None
        return _list(_value(number, schema.item))
    return _value(number, schema)


def _list(item: Write) -> Write:
    return lambda values: b"".join([item(value) for value in values])


def _map_value(item: Schema) -> Write:
    if item.tag != LIST:
        return _value(2, item)
    assert item.item is not None
    items = _list(_value(1, item.item))
    return lambda value: delimited(_SECOND, items(value))


def _map(before: bytes, entry: Write) -> Write:
    def write(tree: Any) -> bytes:
        return b"".join(
            [delimited(before, delimited(_FIRST, name.encode()) + entry(tree[name])) for name in sorted(tree)]
        )

    return write


def _value(number: int, schema: Schema) -> Write:
    """The writer of one value that is no list and no map."""
    tag = schema.tag
    if tag in ("int32", "int64"):
        return _number(key(number, VARINT))
    if tag == "boolean":
        true, false = key(number, VARINT) + b"\x01", key(number, VARINT) + b"\x00"
        return lambda value: true if value else false
    if tag == "double":
        fixed = key(number, FIXED64)
        return lambda value: fixed + struct.pack("<d", value)
    before = key(number, BYTES)
    if tag == "string":
        return lambda value: delimited(before, value.encode())
    if tag == OBJECT:
        reference = schema.reference
        return lambda value: delimited(before, _message(_plan(reference), value))
    inner = SPECIAL.get(tag, _raw)
    return lambda value: delimited(before, inner(value))


def _number(before: bytes) -> Write:
    small = tuple(before + encode_varint(value) for value in range(128))

    def write(value: int) -> bytes:
        return small[value] if 0 <= value < 128 else before + encode_varint(value)

    return write


# -- the types that are messages in protobuf and scalars in JSON ---------------------------------------------


@lru_cache(maxsize=4096)
def _time(text: str) -> bytes:
    """`Timestamp`: seconds and nanoseconds since 1970. The zero time is the empty message."""
    if len(text) == 20 and text[19] == "Z":
        moment = datetime.fromisoformat(text)
        seconds, micros = (moment - _EPOCH).days * 86400 + (moment - _EPOCH).seconds, 0
    else:
        whole, _, fraction = text.partition(".")
        seconds = int(timestamps.parse(text) // 1)
        digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))] if whole else ""
        micros = int(digits[:6].ljust(6, "0")) if digits else 0
    nanos = _SECOND_NUMBER + encode_varint(micros * 1000) if micros else b""
    return _FIRST_NUMBER + encode_varint(seconds) + nanos


def _quantity(value: Any) -> bytes:
    return delimited(_FIRST, str(value).encode())


def _int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return _IS_STRING + delimited(_THIRD, value.encode())
    return _IS_INT + _SECOND_NUMBER + encode_varint(value)


def _raw(value: Any) -> bytes:
    """RawExtension, JSON, FieldsV1: the JSON text itself."""
    return delimited(_FIRST, orjson.dumps(value))


SPECIAL: dict[str, Write] = {
    "byte": base64.b64decode,
    "time": _time,
    "microtime": _time,
    "quantity": _quantity,
    "intorstr": _int_or_string,
}


# -- the boxes of `fields.py` --------------------------------------------------------------------------------


def _box_list(values: Any) -> bytes:
    return b"".join([delimited(_FIRST, value.encode()) for value in values])


def _schema(value: Any) -> bytes:
    return _message(_plan(JSON_SCHEMA), value)


def _box_schemas(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join([delimited(_SECOND, _schema(one)) for one in value])
    return delimited(_FIRST, _schema(value))


def _box_schema_or_bool(value: Any) -> bytes:
    if isinstance(value, bool):
        return _FIRST_NUMBER + encode_varint(value)
    return _FIRST_NUMBER + b"\x01" + delimited(_SECOND, _schema(value))


def _box_schema_or_strings(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join([delimited(_SECOND, one.encode()) for one in value])
    return delimited(_FIRST, _schema(value))


BOXES: dict[str, Write] = {
    "list": _box_list,
    "schemas": _box_schemas,
    "schema-or-bool": _box_schema_or_bool,
    "schema-or-strings": _box_schema_or_strings,
}
