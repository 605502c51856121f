"""A request body as the Go types of upstream would hold and write it again.

Real clients see objects after they went through Go's decoder and encoder: unknown fields are gone, `replicas: 0` stays
while `hostNetwork: false` goes, `resources: {}` appears, `cpu: 0.5` becomes `500m`. The same happens here, from the
table's facts; a wrong type raises with Go's message.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from pybernetes.lang import gotime, quantity, timestamps

from ..meta import MutableObj, Obj
from .table import LIST, MAP, OBJECT, Definition, Schema, definition

Path: TypeAlias = "tuple[Path, str | int | tuple[str]] | None"
"""Where the walk is: (the path above, this step); None at the root. A string is a field, an int an item of a list, a
string in a tuple a key of a map."""

_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MICROS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_RANGE = {"int32": 2**31, "int64": 2**63}
_GO_SCALARS = {"boolean": "bool", "double": "float64", "string": "string", "int32": "int32", "int64": "int64"}


class Mismatch(ValueError):
    """A value of a wrong type; the message is Go's (`json: cannot unmarshal …`)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """`tree` is new and its holder's alone (free-form parts excepted, which are shared with the input)."""

    tree: MutableObj
    unknown: tuple[str, ...]
    """`unknown field "spec.foo"` for each field that the definition lacks, in the order of the body."""


def decode(body: Obj, name: str, known: Obj | None = None, *, share: bool = False) -> Decoded:
    """The object that `body` means for the definition `name`. Raises Mismatch; KeyError if there is no definition.

    `known` is an object that came out of here before, and that `body` was made from: branches at the top and of the
    metadata that are the very same in both are not looked at again. They are copied, unless the caller agrees to
    `share` them with `known`.
    """
    root = definition(name)
    if root is None:
        raise KeyError(name)
    unknown: list[str] = []
    if known is None:
        return Decoded(_object(root, body, None, unknown), tuple(unknown))
    kept = _kept(body, known, share=share)
    metadata, old_metadata = body.get("metadata"), known.get("metadata")
    if "metadata" not in kept and isinstance(metadata, dict) and isinstance(old_metadata, Mapping):
        schema = root.fields["metadata"]
        kept_metadata = _kept(metadata, old_metadata, share=share)
        kept["metadata"] = _object(schema.target, metadata, (None, "metadata"), unknown, kept_metadata)
    return Decoded(_object(root, body, None, unknown, kept), tuple(unknown))


def _kept(body: Obj, known: Obj, *, share: bool) -> dict[str, Any]:
    """The fields whose values are the very same."""
    kept = {
        field: value
        for field, value in body.items()
        if value is known.get(field) and value is not None and value.__class__ is not bool
    }
    if kept and not share:
        kept = orjson.loads(orjson.dumps(kept))
    return kept


class _Remembered:
    """Trees that were decoded before, by what they looked like: the pods of one template differ only in their names.

    Both sides are kept as text: an encode and a decode take a tenth of the time of a walk, and make a fresh tree.
    """

    ENTRIES, LONGEST = 256, 16384

    def __init__(self) -> None:
        self._found: dict[tuple[str, bytes], bytes] = {}

    def decode(self, of: Definition, tree: Mapping[str, Any], path: Path, unknown: list[str]) -> MutableObj:
        """What `_object` gives."""
        try:
            key = of.name, orjson.dumps(tree)
        except (
            orjson.JSONEncodeError
        ):  # a tree of this process that no JSON text can be: the walk says what is wrong
            return _object(of, tree, path, unknown)
        if (found := self._found.get(key)) is not None:
            result: MutableObj = orjson.loads(found)
            return result
        count = len(unknown)
        result = _object(of, tree, path, unknown)
        if len(unknown) == count and len(key[1]) <= self.LONGEST:
            if len(self._found) >= self.ENTRIES:
                del self._found[next(iter(self._found))]
            self._found[key] = orjson.dumps(result)
        return result


_remembered = _Remembered()
_WORTH_REMEMBERING = {"io.k8s.api.core.v1.PodSpec"}


def _object(
    of: Definition, tree: Mapping[str, Any], path: Path, unknown: list[str], kept: Mapping[str, Any] = {}
) -> MutableObj:
    """`kept` are fields that are decoded already."""
    result: MutableObj = {}
    fields = of.fields
    for name, value in tree.items():
        if name in kept:
            result[name] = kept[name]
            continue
        schema = fields.get(name)
        if schema is None:
            unknown.append(f'unknown field "{_dotted((path, name))}"')
            continue
        if value is None:
            continue
        new = _value(schema, value, (path, name), of, unknown)
        if new or schema.presence not in ("", "v", "z") or _kept_when_empty(schema, new):
            result[name] = new
    for name, schema in of.always:
        if name not in result:
            result[name] = _zero(schema)
    return result


def _kept_when_empty(schema: Schema, value: Any) -> bool:
    """Whether Go writes this zero value: pointers to scalars and structs yes, empty lists and maps no."""
    if schema.tag == OBJECT:
        return True
    return schema.presence == "" and schema.tag not in (LIST, MAP) and value is not None


def _value(schema: Schema, value: Any, path: Path, inside: Definition, unknown: list[str]) -> Any:
    tag = schema.tag
    if tag == "string":
        if value.__class__ is str:
            return value
    elif tag == OBJECT:
        if isinstance(value, Mapping):
            if schema.reference in _WORTH_REMEMBERING:
                return _remembered.decode(schema.target, value, path, unknown)
            return _object(schema.target, value, path, unknown)
    elif tag == LIST:
        if isinstance(value, (list, tuple)) and schema.item is not None:
            item = schema.item
            return [
                _zero_item(item) if each is None else _value(item, each, (path, index), inside, unknown)
                for index, each in enumerate(value)
            ]
    elif tag == MAP:
        if isinstance(value, Mapping) and schema.item is not None:
            item = schema.item
            if item.tag == "string" and all(each.__class__ is str for each in value.values()):
                return dict(value)
            return {
                key: _zero_item(item) if each is None else _value(item, each, (path, (key,)), inside, unknown)
                for key, each in value.items()
            }
    elif tag == "boolean":
        if value is True or value is False:
            return value
    elif tag in _RANGE:
        if value.__class__ is int and -_RANGE[tag] <= value < _RANGE[tag]:
            return value
    elif tag == "double":
        if value.__class__ in (int, float):
            return value
    else:
        return _FORMATS[tag](value)
    raise Mismatch(_cannot(schema, value, path, inside))


def _zero(schema: Schema) -> Any:
    """What Go writes for a field that is always there and was not given."""
    if schema.presence == "n":
        return None
    return _zero_item(schema)


def _zero_item(schema: Schema) -> Any:
    if schema.tag == OBJECT:
        return {name: _zero(below) for name, below in schema.target.always}
    return _ZERO.get(schema.tag)


_ZERO = {
    "string": "",
    "boolean": False,
    "int32": 0,
    "int64": 0,
    "double": 0,
    "quantity": "0",
    "intorstr": 0,
    "byte": "",
}


def _cannot(schema: Schema, value: Any, path: Path, inside: Definition) -> str:
    """Go's UnmarshalTypeError. Items of lists and keys of maps do not count as steps of its path."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        if isinstance(step, str):
            steps.append(step)
    where = ".".join(reversed(steps))
    go = schema.go_name or _go_type(schema)
    return f"json: cannot unmarshal {_json_kind(schema, value)} into Go struct field {inside.go_name}.{where} of type {go}"


def _json_kind(schema: Schema, value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return f"number {_number(value)}" if schema.tag in _RANGE or schema.tag == "double" else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def _number(value: float) -> str:
    return (
        repr(int(value))
        if isinstance(value, float) and value.is_integer() and math.fabs(value) < 1e21
        else repr(value)
    )


def _go_type(schema: Schema) -> str:
    if schema.tag == OBJECT:
        return ".".join(schema.reference.split(".")[-2:])
    if schema.item is not None:
        inner = schema.item.go_name or _go_type(schema.item)
        return f"[]{inner}" if schema.tag == LIST else f"map[string]{inner}"
    return _GO_SCALARS.get(schema.tag, schema.tag)


def _dotted(path: Path) -> str:
    """`spec.containers[0].image`: the form of strict decoding errors."""
    steps: list[str | int] = []
    while path is not None:
        path, step = path
        steps.append(step[0] if isinstance(step, tuple) else step)
    text = ""
    for step in reversed(steps):
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text


@lru_cache(maxsize=4096)
def _canonical_text(text: str) -> str:
    return quantity.canonical(text)


def _quantity(value: Any) -> str:
    try:
        return _canonical_text(value) if isinstance(value, str) else quantity.canonical(value)
    except quantity.QuantityError as error:
        raise Mismatch(str(error)) from error


def _time(value: Any) -> str:
    return _moment(value, _SECONDS, gotime.SECONDS, timestamps.rfc3339)


def _microtime(value: Any) -> str:
    return _moment(value, _MICROS, gotime.MICROS, timestamps.rfc3339_micro)


def _moment(value: Any, canonical: re.Pattern[str], layout: str, write: Callable[[float], str]) -> str:
    if not isinstance(value, str):
        raise Mismatch(f"json: cannot unmarshal {_json_kind(_STRING, value)} into Go value of type string")
    written = canonical.fullmatch(value) is not None
    if not written and (message := gotime.refusal(value, layout)):
        raise Mismatch(message)
    try:
        unix = timestamps.parse(value)
    except timestamps.TimestampError as error:
        raise Mismatch(gotime.refusal(value, layout) or gotime.day_out_of_range(value)) from error
    return value if written else write(unix)


def _byte(value: Any) -> str:
    if not isinstance(value, str):
        raise Mismatch(f"json: cannot unmarshal {_json_kind(_STRING, value)} into Go value of type []uint8")
    text = value.replace("\n", "").replace("\r", "")
    try:
        base64.b64decode(text, validate=True)
    except ValueError as error:  # also what is no ASCII
        raise Mismatch(f"illegal base64 data at input byte {_bad_byte(text)}") from error
    return text


def _bad_byte(text: str) -> int:
    """Where Go's decoder stops: at the first byte that is not of the alphabet, else at the end."""
    match = re.search(r"[^A-Za-z0-9+/]", text)
    return (
        match.start()
        if match and len(text) % 4 == 0
        else (match.start() if match else len(text) - len(text) % 4)
    )


def _intorstr(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if value.__class__ is int and -(2**31) <= value < 2**31:
        return int(value)
    raise Mismatch(f"json: cannot unmarshal {_json_kind(_INT32, value)} into Go value of type int32")


def _free(value: Any) -> Any:
    return value


_STRING = Schema("string")
_INT32 = Schema("int32")
_FORMATS: dict[str, Callable[[Any], Any]] = {
    "quantity": _quantity,
    "time": _time,
    "microtime": _microtime,
    "byte": _byte,
    "intorstr": _intorstr,
    "object": _free,
    "any": _free,
}
