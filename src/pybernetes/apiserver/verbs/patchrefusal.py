"""What upstream says of a patch whose result is no object of its kind: 422 with the patch as the invalid value."""

from __future__ import annotations

import re
from typing import Any

import orjson

from pybernetes.api.errors import Cause, Invalid
from pybernetes.api.fielderrors import show
from pybernetes.lang.goprint import go_value

_UNMARSHAL = re.compile(r"json: cannot unmarshal (\w+).* into Go .*of type (\S+)")
_SCALARS = {"string", "bool", "int32", "int64", "float64"}
_GO_KINDS = {"object": "map", "array": "slice", "number": "int64"}


def undecodable(change: Any | None, patched: Any, why: str) -> Invalid:
    """`change` is a strategic merge patch, None for the languages that work on text; `why` the decoder's message."""
    if change is None:
        value = orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode()
    else:
        value, why = go_value(change), _from_unstructured(why)
    message = f"Invalid value: {show(value)}: {why}"
    return Invalid(f' "" is invalid: patch: {message}', causes=[Cause("FieldValueInvalid", message, "patch")])


def _from_unstructured(why: str) -> str:
    """The JSON decoder's message for a wrong type, as the converter of trees words it, which reads such patches."""
    found = _UNMARSHAL.match(why)
    if found is None:
        return why
    given, wanted = _GO_KINDS.get(found[1], found[1]), found[2]
    if wanted in _SCALARS:
        convertible = given == "int64" and wanted == "string"
        return "cannot convert int64 to string" if convertible else f"unrecognized type: {wanted}"
    if wanted.startswith("[]"):
        return f"cannot restore slice from {given}"
    if wanted.startswith("map["):
        return f"cannot restore map from {given}"
    return f"cannot restore struct from: {given}"
