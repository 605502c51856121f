"""The version 2 document as gnostic's protobuf, which kubectl asks for (`gnostic.py` has the field numbers).

kubectl reads it where it finds no version 3 document for a kind: to say that there is no such kind, it must first be
able to read all that there are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from pybernetes.lang.protobufwire import BYTES, FIXED64, VARINT, delimited, encode_varint, key

from .gnostic import Entry, messages

Write = Callable[[Any], bytes]
"""A value -> the content of its message, or the whole field."""

_FIRST, _SECOND = key(1, BYTES), key(2, BYTES)
PARAMETERS = {
    "header": (1, "HeaderParameterSubSchema"),
    "query": (3, "QueryParameterSubSchema"),
    "path": (4, "PathParameterSubSchema"),
}
"""Where a parameter is -> its number in `NonBodyParameter`, and its message."""


def encode_document_v2(document: dict[str, Any]) -> bytes:
    """The bytes of the `openapi.v2.Document` that says what the JSON document says. Raises KeyError for a parameter
    that is in a place which Kubernetes does not use (a form)."""
    return _message("Document")(document)


@cache
def _message(name: str) -> Write:
    """The writer of a message's content."""
    union = UNIONS.get(name)
    if union is not None:
        return union
    named = [(entry.key, _field(entry)) for entry in messages()[name] if entry.key not in ("*", "x-")]
    known = frozenset(field for field, _ in named)
    extensions, rest = _entries(messages()[name], "x-"), _entries(messages()[name], "*")

    def write(tree: Any) -> bytes:
        parts = [write_field(tree[field]) for field, write_field in named if field in tree]
        if rest is not None:
            others = {k: v for k, v in tree.items() if k not in known and not k.startswith("x-")}
            parts.append(rest(others))
        if extensions is not None:
            parts.append(extensions({k: v for k, v in tree.items() if k.startswith("x-")}))
        return b"".join(parts)

    return write


def _entries(fields: tuple[Entry, ...], wanted: str) -> Write | None:
    """The writer of the entries whose keys are not fields: extensions, or the items of a map."""
    entry = next((entry for entry in fields if entry.key == wanted), None)
    if entry is None:
        return None
    before, name = key(entry.number, BYTES), entry.type

    def write(tree: dict[str, Any]) -> bytes:
        value = _any if wanted == "x-" else _message(name)
        return b"".join(
            [
                delimited(before, delimited(_FIRST, k.encode()) + delimited(_SECOND, value(v)))
                for k, v in tree.items()
            ]
        )

    return write


def _field(entry: Entry) -> Write:
    one = _one(entry)
    return (lambda values: b"".join([one(value) for value in values])) if entry.repeated else one


def _one(entry: Entry) -> Write:
    """The writer of one value; proto3 leaves zero values out."""
    number, type_ = entry.number, entry.type
    before = key(number, BYTES)
    if type_ == "string":
        if entry.repeated:
            return lambda value: delimited(before, value.encode())
        return lambda value: delimited(before, value.encode()) if value else b""
    if type_ in ("bool", "int64"):
        varint = key(number, VARINT)
        return lambda value: varint + encode_varint(int(value)) if value else b""
    if type_ == "double":
        fixed = key(number, FIXED64)
        return lambda value: fixed + struct.pack("<d", value) if value else b""
    if type_ == "any":
        return lambda value: delimited(before, _any(value))
    return lambda value: delimited(before, _message(type_)(value))


def _any(value: Any) -> bytes:
    """`Any`: YAML text (every JSON text is one)."""
    return delimited(_SECOND, orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


# -- the unions ----------------------------------------------------------------------------------------------


def _parameters_item(value: Any) -> bytes:
    if "$ref" in value:
        return delimited(_SECOND, _message("JsonReference")(value))
    if value["in"] == "body":
        parameter = delimited(_FIRST, _message("BodyParameter")(value))
    else:
        number, name = PARAMETERS[value["in"]]
        parameter = delimited(_SECOND, delimited(key(number, BYTES), _message(name)(value)))
    return delimited(_FIRST, parameter)


def _response_value(value: Any) -> bytes:
    if "$ref" in value:
        return delimited(_SECOND, _message("JsonReference")(value))
    return delimited(_FIRST, _message("Response")(value))


def _schema_item(value: Any) -> bytes:
    return delimited(_FIRST, _message("Schema")(value))


def _additional_properties(value: Any) -> bytes:
    if isinstance(value, bool):
        return key(2, VARINT) + encode_varint(value)
    return _schema_item(value)


def _items_item(value: Any) -> bytes:
    schemas = value if isinstance(value, list) else [value]
    return b"".join([_schema_item(schema) for schema in schemas])


def _texts(value: Any) -> bytes:
    texts = [value] if isinstance(value, str) else value
    return b"".join([delimited(_FIRST, text.encode()) for text in texts])


def _security_definition(value: Any) -> bytes:
    """The API server's only one is `BearerToken`, an API key."""
    return delimited(_SECOND, _message("ApiKeySecurity")(value))


UNIONS: dict[str, Write] = {
    "ParametersItem": _parameters_item,
    "ResponseValue": _response_value,
    "SchemaItem": _schema_item,
    "AdditionalPropertiesItem": _additional_properties,
    "ItemsItem": _items_item,
    "TypeItem": _texts,
    "StringArray": _texts,
    "SecurityDefinitionsItem": _security_definition,
}
