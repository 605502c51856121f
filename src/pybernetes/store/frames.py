"""The bytes of a journal: groups of changes, each in a frame that says how long it is and whether it is whole.

A frame is a head (mark, number, length, checksum of what follows, checksum of the head) and its records. A group that
was cut off by a crash fails its checksums; the reader goes on behind it and sees by the numbers whether it was the last.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from .types import KeyValue, Lease

MARK = b"pybf"
"""Every frame begins with it. The number behind it has zero bytes, which no JSON text has: an object that is stored
cannot be mistaken for a frame."""

_HEAD = struct.Struct("<4sQII")
_HEAD_CHECK = struct.Struct("<I")
HEAD_SIZE = _HEAD.size + _HEAD_CHECK.size
_REVISION = struct.Struct("<Q")
_RECORD = struct.Struct("<BIIQQQQ")
_PUT, _DELETE, _GRANT, _REVOKE = 1, 2, 3, 4

Change: TypeAlias = KeyValue | str | Lease | int
"""A key put, the key of one deleted, a lease granted, the id of one revoked."""


class Group(NamedTuple):
    """What one commit makes durable, in order, and the revision of the store after it."""

    revision: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame as it was found: `end` is the position behind it."""

    number: int
    payload: memoryview
    end: int

    @property
    def start(self) -> int:
        return self.end - len(self.payload) - HEAD_SIZE


def encode(number: int, revision: int, changes: Iterable[Change]) -> bytes:
    """The frame of a group."""
    parts = [_REVISION.pack(revision)]
    for change in changes:
        if isinstance(change, KeyValue):
            key, value = change.key.encode(), change.value
            parts += (_RECORD.pack(_PUT, len(key), len(value), *change[2:]), key, value)
        else:
            parts += _encode_rare(change)
    payload = b"".join(parts)
    head = _HEAD.pack(MARK, number, len(payload), zlib.crc32(payload))
    return b"".join((head, _HEAD_CHECK.pack(zlib.crc32(head)), payload))


def _encode_rare(change: Change) -> tuple[bytes, ...]:
    if isinstance(change, str):
        key = change.encode()
        return _RECORD.pack(_DELETE, len(key), 0, 0, 0, 0, 0), key
    if isinstance(change, Lease):
        return (_RECORD.pack(_GRANT, 0, 0, 0, 0, change.ttl, change.id),)
    assert isinstance(change, int)
    return (_RECORD.pack(_REVOKE, 0, 0, 0, 0, 0, change),)


def decode(frame: Frame) -> Group:
    """The group of a whole frame."""
    data = frame.payload
    (revision,) = _REVISION.unpack_from(data)
    changes: list[Change] = []
    at = _REVISION.size
    while at < len(data):
        kind, key_size, value_size, created, modified, version, lease = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        key = str(data[at : at + key_size], "utf-8")
        at += key_size
        if kind == _PUT:
            value = bytes(data[at : at + value_size])
            changes.append(KeyValue(key, value, created, modified, version, lease))
            at += value_size
        elif kind == _DELETE:
            changes.append(key)
        else:
            changes.append(Lease(lease, version) if kind == _GRANT else lease)
    return Group(revision, tuple(changes))


def scan(data: bytes, start: int) -> Iterator[Frame]:
    """The whole frames of a file from `start` on. What is no frame, or none any more, is passed over."""
    view = memoryview(data)
    at = data.find(MARK, start)
    while at >= 0:
        frame = _frame_at(view, at)
        if frame is not None:
            yield frame
        at = data.find(MARK, at + 1 if frame is None else frame.end)


def _frame_at(data: memoryview, at: int) -> Frame | None:
    begin = at + HEAD_SIZE
    if begin > len(data):
        return None
    head = data[at : at + _HEAD.size]
    (check,) = _HEAD_CHECK.unpack_from(data, at + _HEAD.size)
    if zlib.crc32(head) != check:
        return None
    _, number, length, checksum = _HEAD.unpack(head)
    payload = data[begin : begin + length]
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None
    return Frame(number, payload, begin + length)
