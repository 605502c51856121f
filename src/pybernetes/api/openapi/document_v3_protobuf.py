"""A version 3 document as gnostic's protobuf, for clients that ask for it (`gnostic_v3.py` has the field numbers)."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from pybernetes.lang.protobufwire import BYTES, delimited, key

from .documentwire import Union, Writer, boolean, double, texts
from .gnostic_v3 import messages_v3


def encode_document_v3(document: dict[str, Any]) -> bytes:
    """The bytes of the `openapi.v3.Document` that says what the JSON document says. A default that is no number, text
    or boolean is left empty: the format has no other."""
    return _writer().message("Document")(document)


@cache
def _writer() -> Writer:
    return Writer(messages_v3(), UNIONS)


def _or_reference(name: str, to: Writer, value: Any) -> bytes:
    """The message `name`, or a reference to one."""
    return to.member(2, "Reference", value) if "$ref" in value else to.member(1, name, value)


def _additional_properties(to: Writer, value: Any) -> bytes:
    return boolean(2, value) if isinstance(value, bool) else to.member(1, "SchemaOrReference", value)


def _items_item(to: Writer, value: Any) -> bytes:
    schemas = value if isinstance(value, list) else [value]
    return b"".join([to.member(1, "SchemaOrReference", schema) for schema in schemas])


def _default(_to: Writer, value: Any) -> bytes:
    match value:
        case bool():
            return boolean(2, value)
        case int() | float():
            return double(1, value)
        case str():
            return delimited(key(3, BYTES), value.encode())
    return b""


UNIONS: dict[str, Union] = {
    "SchemaOrReference": partial(_or_reference, "Schema"),
    "ParameterOrReference": partial(_or_reference, "Parameter"),
    "ResponseOrReference": partial(_or_reference, "Response"),
    "RequestBodyOrReference": partial(_or_reference, "RequestBody"),
    "SecuritySchemeOrReference": partial(_or_reference, "SecurityScheme"),
    "AdditionalPropertiesItem": _additional_properties,
    "ItemsItem": _items_item,
    "DefaultType": _default,
    "StringArray": texts,
}
