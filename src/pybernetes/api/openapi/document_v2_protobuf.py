"""The version 2 document as gnostic's protobuf, which kubectl asks for (`gnostic.py` has the field numbers).

kubectl reads it where it finds no version 3 document for a kind: to say that there is no such kind, it must first be
able to read all that there are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pybernetes.lang.protobufwire import BYTES, delimited, key

from .documentwire import Union, Writer, boolean, texts
from .gnostic import messages

PARAMETERS = {
    "header": (1, "HeaderParameterSubSchema"),
    "query": (3, "QueryParameterSubSchema"),
    "path": (4, "PathParameterSubSchema"),
}
"""Where a parameter is -> its number in `NonBodyParameter`, and its message."""


def encode_document_v2(document: dict[str, Any]) -> bytes:
    """The bytes of the `openapi.v2.Document` that says what the JSON document says. Raises KeyError for a parameter
    that is in a place which Kubernetes does not use (a form)."""
    return _writer().message("Document")(document)


@cache
def _writer() -> Writer:
    return Writer(messages(), UNIONS)


def _parameters_item(to: Writer, value: Any) -> bytes:
    if "$ref" in value:
        return to.member(2, "JsonReference", value)
    if value["in"] == "body":
        parameter = to.member(1, "BodyParameter", value)
    else:
        parameter = delimited(key(2, BYTES), to.member(*PARAMETERS[value["in"]], value))
    return delimited(key(1, BYTES), parameter)


def _response_value(to: Writer, value: Any) -> bytes:
    return to.member(2, "JsonReference", value) if "$ref" in value else to.member(1, "Response", value)


def _schema_item(to: Writer, value: Any) -> bytes:
    return to.member(1, "Schema", value)


def _additional_properties(to: Writer, value: Any) -> bytes:
    return boolean(2, value) if isinstance(value, bool) else _schema_item(to, value)


def _items_item(to: Writer, value: Any) -> bytes:
    schemas = value if isinstance(value, list) else [value]
    return b"".join([_schema_item(to, schema) for schema in schemas])


def _security_definition(to: Writer, value: Any) -> bytes:
    """The API server's only one is `BearerToken`, an API key."""
    return to.member(2, "ApiKeySecurity", value)


UNIONS: dict[str, Union] = {
    "ParametersItem": _parameters_item,
    "ResponseValue": _response_value,
    "SchemaItem": _schema_item,
    "AdditionalPropertiesItem": _additional_properties,
    "ItemsItem": _items_item,
    "TypeItem": texts,
    "StringArray": texts,
    "SecurityDefinitionsItem": _security_definition,
}
