"""The protobuf encoding itself: a message as (field number, value) pairs, read and written."""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SHORT = tuple(bytes((number,)) for number in range(0x80))


class ProtobufError(ValueError):
    """The bytes are no message of the type that they claim to be."""


def fields(data: memoryview) -> Iterator[tuple[int, int | float | memoryview]]:
    """Each field in order: an int for a varint, a float for a fixed number, bytes for all else."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ProtobufError("illegal tag 0")
        if kind == VARINT:
            value, at = varint(data, at)
            yield number, value
        elif kind == BYTES:
            length, at = varint(data, at)
            if length > end - at:
                raise ProtobufError("unexpected EOF")
            yield number, data[at : at + length]
            at += length
        elif kind in (FIXED64, FIXED32):
            layout = "<d" if kind == FIXED64 else "<f"
            size = struct.calcsize(layout)
            if size > end - at:
                raise ProtobufError("unexpected EOF")
            yield number, struct.unpack_from(layout, data, at)[0]
            at += size
        else:
            raise ProtobufError(f"illegal wireType {kind}")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    result = shift = 0
    while True:
        if at >= len(data):
            raise ProtobufError("unexpected EOF")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise ProtobufError("integer overflow")


def signed(value: int) -> int:
    """A varint as the int32 or int64 that it stands for."""
    return value - (1 << 64) if value >= 1 << 63 else value


def encode_varint(value: int) -> bytes:
    """A number, signed or not, as a varint."""
    if 0 <= value < 0x80:
        return _SHORT[value]
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def key(number: int, kind: int) -> bytes:
    """What stands before a field's value."""
    return encode_varint(number << 3 | kind)


def delimited(key: bytes, data: bytes) -> bytes:
    """A field of bytes: text, bytes or a message."""
    length = len(data)
    return key + (_SHORT[length] if length < 0x80 else encode_varint(length)) + data
