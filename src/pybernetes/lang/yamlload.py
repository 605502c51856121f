"""Reading YAML as Kubernetes does: YAML 1.1 scalars, JSON values out.

`0644` is 420, `yes` and `on` are true; a date, `1:30` and a version such as `1.10.0` are strings; `1.0` is the number 1,
as it is after upstream's conversion to JSON. Keys become strings. Refused, with line and column: a key given twice,
an alias that contains itself, aliases that expand to more than `MAX_ALIASED` values, and nesting deeper than
`MAX_DEPTH` (both would take the reader down).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from typing import Any

import yaml

MAX_DEPTH = 240
"""Below what JSON encoders take (orjson: 254)."""
MAX_ALIASED = 400_000
MAX_NUMBER = 250
"""Digits; a longer run of them is no number that JSON readers agree on, and stays a string."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"


class YamlError(ValueError):
    """The text cannot be read. `line` and `column` count from 1; 0 where they are not known. `told` is the line that
    Go's reader names (0: none)."""

    def __init__(self, message: str, line: int = 0, column: int = 0, told: int | None = None) -> None:
        told = line if told is None else told
        where = f" line {told}:" if told else ""
        super().__init__(f"error converting YAML to JSON: yaml:{where} {message}")
        self.line = line
        self.column = column


def load_documents(text: str | bytes) -> list[Any]:
    """The documents of a stream, empty ones left out. Raises YamlError."""
    if isinstance(text, str) and text.lstrip().startswith("{"):
        try:
            return [json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_json)]
        except (ValueError, RecursionError):
            # YAML's flow style looks like JSON, and its reader says where the fault is.
            pass
    try:
        loader = _Loader(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _translate(error) from error
    try:
        return _Reader(loader.get_event).documents()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _translate(error) from error
    finally:
        loader.dispose()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def load(text: str | bytes) -> Any:
    """The one document of a text, None where there is none. Raises YamlError."""
    documents = load_documents(text)
    if len(documents) > 1:
        raise YamlError(f"expected one document, found {len(documents)}")
    return documents[0] if documents else None


def _translate(error: Exception) -> YamlError:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return YamlError(str(error).partition("\n")[0])
    problem = getattr(error, "problem", None) or str(error)
    return YamlError(problem, mark.line + 1, mark.column + 1, _told(error, mark))


def _told(error: Exception, mark: Any) -> int:
    """Go counts lines from 0 in what the parser says, from 1 in what the scanner says, and never names the first; where
    it knows what the fault is part of, it names the line where that begins."""
    context = getattr(error, "context_mark", None)
    line = int(context.line if context is not None and context.line else mark.line)
    return line + 1 if line and isinstance(error, yaml.scanner.ScannerError) else line


class _Aliased:
    """What an anchor names, and how many values it holds when written out."""

    __slots__ = ("size", "value")

    def __init__(self, value: Any, size: int) -> None:
        self.value = value
        self.size = size


class _Reader:
    """Builds values from the parser's events; the recursion is bounded by MAX_DEPTH."""

    def __init__(self, next_event: Callable[[], Any]) -> None:
        self._next = next_event
        self._anchors: dict[str, _Aliased | None] = {}
        self._size = 0
        self._aliased = 0

    def documents(self) -> list[Any]:
        found: list[Any] = []
        while True:
            event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return found
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                value = self._value(self._next(), 0)
                if value is not None:
                    found.append(value)

    def _value(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _at(event, f"exceeded max depth of {MAX_DEPTH}")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._size
        self._size += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(depth)
        else:
            value = self._mapping(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Aliased(value, self._size - before)
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            mark = event.start_mark
            message = f"unknown anchor '{event.anchor}' referenced"
            raise YamlError(message, mark.line + 1, mark.column + 1, told=0)
        target = self._anchors[event.anchor]
        if target is None:
            raise _at(event, f"anchor '{event.anchor}' value contains itself")
        self._size += target.size
        self._aliased += target.size
        if self._aliased > MAX_ALIASED:
            raise _at(event, "document contains excessive aliasing")
        return target.value

    def _sequence(self, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if (
                isinstance(event, yaml.ScalarEvent)
                and event.value == "<<"
                and event.implicit[0]
                and not event.tag
            ):
                _merge(merged, self._value(self._next(), depth + 1), event)
                continue
            key = _key(self._value(event, depth + 1), event)
            if key in own:
                raise _at(event, f"key {json.dumps(key)} already set in map")
            own[key] = self._value(self._next(), depth + 1)
        return {**merged, **own} if merged else own


def _at(event: Any, message: str) -> YamlError:
    return YamlError(message, event.start_mark.line + 1, event.start_mark.column + 1)


def _merge(merged: dict[str, Any], value: Any, event: Any) -> None:
    """`<<: *base` or `<<: [*first, *second]`: the first that has a key wins."""
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise _at(event, "map merge requires map or sequence of maps as the value")
        for key, child in source.items():
            merged.setdefault(key, child)


def _key(value: Any, event: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise _at(event, "a map's key must be a string, a number or a boolean")


def _scalar(event: Any) -> Any:
    tag, text = event.tag, event.value
    if tag is None or tag == "!":
        return resolve(text) if event.implicit[0] and tag is None else text
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        return _binary(event)
    if kind not in ("null", "bool", "int", "float"):
        return text
    value = resolve(text)
    if not _is_of(kind, value):
        raise _at(event, f"cannot decode !!str `{text}` as a !!{kind}")
    return value


def _is_of(kind: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return kind == ("null" if value is None else "bool")
    return (kind == "int" and isinstance(value, int)) or (kind == "float" and isinstance(value, (int, float)))


def _binary(event: Any) -> str:
    try:
        return base64.b64decode("".join(event.value.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _at(event, "!!binary value contains invalid base64 data") from error


def resolve(text: str) -> Any:
    """The JSON value of a plain scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "-+.0123456789":
        return text
    if len(text) > MAX_NUMBER:
        return text
    if match := _INTEGER.fullmatch(text.replace("_", "") if "_" in text else text):
        return _integer(match[1], match[2])
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            return text
        return int(number) if number.is_integer() and abs(number) < 1e21 else number
    return text


def _integer(sign: str, digits: str) -> int | float:
    if len(digits) > 1 and digits[0] == "0":
        base = {"x": 16, "b": 2, "o": 8}.get(digits[1].lower(), 8)
        value = int(digits[2:] if digits[1].isalpha() else digits, base)
    else:
        value = int(digits)
    if value >= 2**64:
        # Beyond 64 bits upstream's reader goes on in floating point.
        return -float(value) if sign == "-" else float(value)
    return -value if sign == "-" else value
