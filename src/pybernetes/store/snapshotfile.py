"""The whole store in one file, as of one group: what makes the journal before it unnecessary.

It is written beside the old one and takes its place when it is on the disk: there is always a whole one.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import frames
from .frames import Change, Group
from .types import Corrupt, KeyValue, Lease, Unavailable

MAGIC = b"pybernetes snapshot 2\n"
_COUNTS = struct.Struct("<QQQ")
"""Of the last group, of the keys and of the leases. The parts are numbered from that group on, which confirms it."""
CHUNK = 64
"""Records written between two turns of the interpreter's lock: the loop goes on meanwhile."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything after group `number`."""

    number: int
    revision: int
    kvs: Sequence[KeyValue]
    leases: Sequence[Lease]


class Abandoned(Exception):
    """The store is being closed: the snapshot is not needed any more."""


def write(path: Path, snapshot: Snapshot, stop: threading.Event) -> int:
    """Puts the snapshot in the place of the one before; its size in bytes. Raises Abandoned once `stop` is set, OSError."""
    fresh = path.with_suffix(".new")
    try:
        with open(fresh, "wb", buffering=0) as file:
            counts = _COUNTS.pack(snapshot.number, len(snapshot.kvs), len(snapshot.leases))
            size = _write_all(file.fileno(), MAGIC + counts)
            for number, chunk in enumerate(_chunks(snapshot), snapshot.number):
                if stop.is_set():
                    raise Abandoned
                size += _write_all(file.fileno(), frames.encode(number, snapshot.revision, chunk))
            os.fsync(file.fileno())
        os.replace(fresh, path)
        sync_directory(path.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return size


def _chunks(snapshot: Snapshot) -> Iterator[Sequence[Change]]:
    yield snapshot.leases  # also says the revision, of an empty store too
    for start in range(0, len(snapshot.kvs), CHUNK):
        yield snapshot.kvs[start : start + CHUNK]


def read(path: Path) -> Snapshot | None:
    """The snapshot; None where there is none. Raises Corrupt, Unavailable."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error
    if not data.startswith(MAGIC):
        raise Corrupt(f"{path} is not a snapshot of this program's store, or of another format")
    if len(data) < len(MAGIC) + _COUNTS.size:
        raise Corrupt(f"{path} is damaged: it ends in its head")
    number, kv_count, lease_count = _COUNTS.unpack_from(data, len(MAGIC))
    kvs: list[KeyValue] = []
    leases: list[Lease] = []
    group = Group(0, ())
    end = len(MAGIC) + _COUNTS.size
    for expected, frame in enumerate(frames.scan(data, end), number):
        if frame.number != expected:
            raise Corrupt(f"{path} is damaged behind byte {end}: a part of it fails its checksum")
        group, end = frames.decode(frame), frame.end
        kvs += [change for change in group.changes if isinstance(change, KeyValue)]
        leases += [change for change in group.changes if isinstance(change, Lease)]
    if (len(kvs), len(leases)) != (kv_count, lease_count) or not group.revision:
        raise Corrupt(
            f"{path} is damaged behind byte {end}: it has {len(kvs)} of {kv_count} keys"
            f" and {len(leases)} of {lease_count} leases"
        )
    return Snapshot(number, group.revision, kvs, leases)


def sync_directory(path: Path) -> None:
    """Makes names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)
