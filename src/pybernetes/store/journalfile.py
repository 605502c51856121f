"""The files behind `JournalStore`: plain blocking code.

Two journals take turns. Groups go to one of them until it is long; then the other takes over, and everything up to that
moment is written to a snapshot, after which the first is free. So the disk space is reused, which costs the disk less
than files that grow, and a store that is opened reads the snapshot and what came after it. History is not kept: readers
list anew, as they do after a compaction.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import frames, lockfile, snapshotfile
from .frames import Change, Frame
from .snapshotfile import Snapshot
from .types import Corrupt, KeyValue, Lease, Unavailable

MAGIC = b"pybernetes journal 1\n"
JOURNALS = ("journal.0", "journal.1")
SNAPSHOT = "snapshot"
LOCK = "lock"
EMPTY = Snapshot(0, 1, (), ())
"""What a new directory holds: revision 1, as an empty etcd."""


@dataclass(frozen=True, slots=True)
class Loaded:
    revision: int
    kvs: Sequence[KeyValue]
    leases: Sequence[Lease]


class JournalFile:
    """The open, locked directory of one store. `append` is called from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        """Opens or creates it. Raises Locked, Corrupt (not ours, or damaged), Unavailable (cannot be opened)."""
        self.directory = directory
        self.broken = False
        """Whether the disk refused to confirm a group: what it holds is not known any more."""
        try:
            if not directory.exists():
                directory.mkdir()
                snapshotfile.sync_directory(directory.parent)
        except OSError as error:
            raise Unavailable(f"cannot open {directory}: {error.strerror}") from error
        self._lock = lockfile.take(str(directory / LOCK), str(directory))
        self._files: list[int] = []
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        snapshot = snapshotfile.read(self.directory / SNAPSHOT) or EMPTY
        self.snapshot_size = _size(self.directory / SNAPSHOT)
        found: dict[int, tuple[int, Frame]] = {}
        for index, name in enumerate(JOURNALS):
            for frame in self._open(name):
                if frame.number > snapshot.number:
                    found[frame.number] = (index, frame)
        self._replay(snapshot, found)
        self._settle(found)

    def _replay(self, snapshot: Snapshot, found: Mapping[int, tuple[int, Frame]]) -> None:
        """Takes the groups behind the snapshot over, in order."""
        self.number = snapshot.number
        """The number of the last group."""
        self._active, self._end = 0, len(MAGIC)
        revision = snapshot.revision
        kvs = {kv.key: kv for kv in snapshot.kvs}
        leases = {lease.id: lease for lease in snapshot.leases}
        used: set[int] = set()
        for number in sorted(found):
            index, frame = found[number]
            if number != self.number + 1:
                behind = f", behind byte {self._end} of {JOURNALS[self._active]}" if used else ""
                raise Corrupt(
                    f"{self.directory}: group {self.number + 1} of the journal is damaged or missing{behind}"
                    f" (group {number} is there, at byte {frame.start} of {JOURNALS[index]})"
                )
            self.number, self._active, self._end = number, index, frame.end
            used.add(index)
            revision, changes = frames.decode(frame)
            _apply(changes, kvs, leases)
        self.loaded = Loaded(revision, tuple(kvs.values()), tuple(leases.values()))
        self.crowded = len(used) > 1
        """Whether both journals may hold what no snapshot has: one is needed before they can take turns again."""

    def _settle(self, found: Mapping[int, tuple[int, Frame]]) -> None:
        """Makes what was read durable before anybody hears of it. The process before may have died between a write and
        its confirmation, or been refused one, after which the kernel takes the pages for written: hence once more."""
        try:
            if self.number in found:
                index, frame = found[self.number]
                descriptor = self._files[index]
                _write_at(descriptor, os.pread(descriptor, frame.end - frame.start, frame.start), frame.start)
                os.fdatasync(descriptor)
            snapshotfile.sync_directory(self.directory)
        except OSError as error:
            raise Unavailable(f"{self.directory}: cannot write: {error.strerror}") from error

    def _open(self, name: str) -> Iterable[Frame]:
        path = self.directory / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._files.append(descriptor)
            data = path.read_bytes()
            if len(data) <= len(MAGIC) and MAGIC.startswith(data.rstrip(b"\0")):  # new, or cut off while made
                os.pwrite(descriptor, MAGIC, 0)
                os.fsync(descriptor)
                data = MAGIC
        except OSError as error:
            raise Unavailable(f"cannot open {path}: {error.strerror}") from error
        if not data.startswith(MAGIC):
            raise Corrupt(f"{path} is not a journal of this program's store, or of another format")
        return frames.scan(data, len(MAGIC))

    @property
    def size(self) -> int:
        """Bytes in the journal that is written now."""
        return self._end

    def append(self, frame: bytes) -> None:
        """Writes the frame of group `number` + 1 and waits for the disk. Raises Unavailable: nothing is kept of the
        group then, unless `broken`."""
        descriptor = self._files[self._active]
        try:
            _write_at(descriptor, frame, self._end)
        except OSError as error:
            self._cut(descriptor)
            raise Unavailable(f"{self.directory}: cannot write: {error.strerror}") from error
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self.broken = True
            raise Unavailable(f"{self.directory}: cannot write: {error.strerror}") from error
        self._end += len(frame)
        self.number += 1

    def _cut(self, descriptor: int) -> None:
        """Takes back what was written of a group that did not fit."""
        try:
            os.ftruncate(descriptor, self._end)
            os.fdatasync(descriptor)
        except OSError:
            self.broken = True

    def turn(self) -> None:
        """Lets the other journal take over: what the one until now holds is about to be in a snapshot."""
        assert not self.crowded
        self._active = 1 - self._active
        self._end = len(MAGIC)
        self.crowded = True

    def close(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)
        self._files.clear()
        os.close(self._lock)


def _apply(changes: Sequence[Change], kvs: dict[str, KeyValue], leases: dict[int, Lease]) -> None:
    for change in changes:
        if isinstance(change, KeyValue):
            kvs[change.key] = change
        elif isinstance(change, str):
            kvs.pop(change, None)
        elif isinstance(change, Lease):
            leases[change.id] = change
        else:
            leases.pop(change, None)


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _write_at(descriptor: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written
