"""A whole body: four magic bytes, then a message that names the type and holds the object's message (`Unknown`)."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.lang.protobufwire import BYTES, ProtobufError, delimited, encode_varint, fields, key

from .decoder import decode_message
from .encoder import encode_message
from .types import META, PARTIAL, definition_of

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_FIRST, _SECOND = key(1, BYTES), key(2, BYTES)
_NO_ENCODING = b"\x1a\x00\x22\x00"
"""Content encoding and content type of the object: none, as it is protobuf itself."""


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
    name = definition_of(api_version, kind)
    if not name:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    tree: dict[str, Any] = {"apiVersion": api_version, "kind": kind}
    decode_message(name, raw, tree)
    return tree


def encode(tree: Obj, name: str = "") -> bytes:
    """A whole object as a body. `name` is its definition's, where the caller knows it. Raises ProtobufError."""
    api_version, kind = tree.get("apiVersion", ""), tree.get("kind", "")
    name = name or definition_of(api_version, kind)
    if not name:
        raise ProtobufError(f"{api_version} {kind} has no protobuf form")
    return wrap(api_version, kind, encode_message(name, tree))


def wrap(api_version: str, kind: str, message: bytes) -> bytes:
    """An object's message as a body."""
    return b"".join((head(api_version, kind, len(message)), message, TAIL))


def head(api_version: str, kind: str, length: int) -> bytes:
    """What stands before a message of `length` bytes; `TAIL` stands behind it."""
    return _type(api_version, kind) + _SECOND + encode_varint(length)


TAIL = _NO_ENCODING


@lru_cache(maxsize=512)
def _type(api_version: str, kind: str) -> bytes:
    meta = delimited(_FIRST, api_version.encode()) + delimited(_SECOND, kind.encode())
    return MAGIC + delimited(_FIRST, meta)


def item(message: bytes) -> tuple[bytes, bytes]:
    """An object's message as an item of a list's message: what stands before it, and itself."""
    return _SECOND + encode_varint(len(message)), message


def list_metadata(metadata: Obj) -> bytes:
    """A list's metadata as the first field of its message."""
    return delimited(_FIRST, encode_message(f"{META}.ListMeta", metadata))


def partial(metadata: Obj) -> bytes:
    """The message of a `PartialObjectMetadata`."""
    return delimited(_FIRST, encode_message(f"{META}.ObjectMeta", metadata))


def partial_body(metadata: Obj, version: str) -> bytes:
    """A `PartialObjectMetadata` as a body."""
    return wrap(f"meta.k8s.io/{version}", PARTIAL, partial(metadata))


def frame(type_: str, body: bytes) -> bytes:
    """A watch event as it goes out: four bytes of length, then a `WatchEvent` with the object's whole body."""
    event = delimited(_FIRST, type_.encode()) + delimited(_SECOND, delimited(_FIRST, body))
    return struct.pack(">I", len(event)) + event


def _text(value: int | float | memoryview) -> str:
    if not isinstance(value, memoryview):
        raise ProtobufError("wrong wireType for a string")
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise ProtobufError("a string is not UTF-8") from error
