"""Writes a JSON document as gnostic's protobuf, by a table of messages (`gnostic.py`, `gnostic_v3.py`).

What a table cannot say (which member of a union a value is) says a function for that message.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from pybernetes.lang.protobufwire import BYTES, FIXED64, VARINT, delimited, encode_varint, key

from .gnostic import Entry

Write = Callable[[Any], bytes]
"""A value -> the content of its message, or the whole field."""
Union = Callable[["Writer", Any], bytes]
"""The same for a message that is a union; it may ask the writer for the members."""

_FIRST, _SECOND = key(1, BYTES), key(2, BYTES)


class Writer:
    """The writers of all messages of one table, made when they are first needed."""

    def __init__(self, messages: Mapping[str, tuple[Entry, ...]], unions: Mapping[str, Union]) -> None:
        self._messages = messages
        self._unions = unions
        self._made: dict[str, Write] = {}

    def message(self, name: str) -> Write:
        """The writer of a message's content. Raises KeyError for a message that the table does not have."""
        known = self._made.get(name)
        if known is None:
            union = self._unions.get(name)
            known = self._plain(name) if union is None else lambda value: union(self, value)
            self._made[name] = known
        return known

    def member(self, number: int, name: str, value: Any) -> bytes:
        """A member of a union: the message `name` as field `number`."""
        return delimited(key(number, BYTES), self.message(name)(value))

    def _plain(self, name: str) -> Write:
        entries = self._messages[name]
        named = [(entry.key, self._field(entry)) for entry in entries if entry.key not in ("*", "x-")]
        known = frozenset(field for field, _ in named)
        extensions, rest = self._entries(entries, "x-"), self._entries(entries, "*")

        def write(tree: Any) -> bytes:
            parts = [write_field(tree[field]) for field, write_field in named if field in tree]
            if rest is not None:
                others = {k: v for k, v in tree.items() if k not in known and not k.startswith("x-")}
                parts.append(rest(others))
            if extensions is not None:
                parts.append(extensions({k: v for k, v in tree.items() if k.startswith("x-")}))
            return b"".join(parts)

        return write

    def _entries(self, fields: tuple[Entry, ...], wanted: str) -> Write | None:
        """The writer of the entries whose keys are not fields: extensions, or the items of a map."""
        entry = next((entry for entry in fields if entry.key == wanted), None)
        if entry is None:
            return None
        before, name = key(entry.number, BYTES), entry.type

        def write(tree: dict[str, Any]) -> bytes:
            value = any_text if wanted == "x-" else self.message(name)
            return b"".join(
                [
                    delimited(before, delimited(_FIRST, k.encode()) + delimited(_SECOND, value(v)))
                    for k, v in tree.items()
                ]
            )

        return write

    def _field(self, entry: Entry) -> Write:
        one = self._one(entry)
        return (lambda values: b"".join([one(value) for value in values])) if entry.repeated else one

    def _one(self, entry: Entry) -> Write:
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
            return lambda value: double(number, value) if value else b""
        if type_ == "any":
            return lambda value: delimited(before, any_text(value))
        return lambda value: delimited(before, self.message(type_)(value))


def double(number: int, value: float) -> bytes:
    """A floating-point field."""
    return key(number, FIXED64) + struct.pack("<d", value)


def boolean(number: int, value: bool) -> bytes:
    """A boolean field that is written even where it is false: the member of a union."""
    return key(number, VARINT) + encode_varint(value)


def any_text(value: Any) -> bytes:
    """`Any`: YAML text (every JSON text is one)."""
    return delimited(_SECOND, orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def texts(_writer: Writer, value: Any) -> bytes:
    """A message of nothing but strings."""
    given = [value] if isinstance(value, str) else value
    return b"".join([delimited(_FIRST, text.encode()) for text in given])
