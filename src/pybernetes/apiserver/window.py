"""The recent changes of one kind: what a watch that starts in the past is given first."""

from __future__ import annotations

from collections import deque
from typing import Literal

from pybernetes.api.errors import Expired
from pybernetes.api.meta import Obj

from .version import Version

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class Change:
    """The step of one object from `old` to `new` (None: absent) at `revision`.

    `as_type` gives the events that watchers see; each exists once, so that it is encoded once for all of them.
    """

    __slots__ = ("_events", "new", "old", "revision")

    def __init__(self, revision: int, old: Version | None, new: Version | None) -> None:
        self.revision = revision
        self.old = old
        self.new = new
        self._events: dict[ChangeType, Delivery] = {}

    @property
    def namespace(self) -> str:
        version = self.new or self.old
        assert version is not None
        return version.namespace

    def whole(self) -> Delivery:
        """What is told to who sees every object."""
        return self.as_type("DELETED" if self.new is None else "ADDED" if self.old is None else "MODIFIED")

    def as_type(self, type_: ChangeType) -> Delivery:
        event = self._events.get(type_)
        if event is None:
            version = self.old if type_ == "DELETED" else self.new
            assert version is not None
            event = self._events[type_] = Delivery(type_, version, self.revision)
        return event


class Delivery:
    """One watch event as it goes out: type, object, and the revision that the object is sent with."""

    __slots__ = ("_line", "frame", "revision", "type", "version")

    def __init__(self, type_: ChangeType, version: Version, revision: int) -> None:
        self.type = type_
        self.version = version
        self.revision = revision
        self._line: bytes | None = None
        self.frame: bytes | None = None
        """The event in protobuf, once a watcher has asked for it (`encode_protobuf.delivered`)."""

    @property
    def line(self) -> bytes:
        """The JSON line of a watch stream."""
        line = self._line
        if line is None:
            line = self._line = b'{"type":"%b","object":%b}\n' % (
                self.type.encode(),
                self.version.encoded(self.revision),
            )
        return line

    def tree(self) -> Obj:
        if self.revision == self.version.revision:
            return self.version.tree()
        return self.version.tree_at(self.revision)


class Window:
    """The last `size` changes, oldest first. `floor` is the newest revision whose successors are all here."""

    __slots__ = ("_changes", "_size", "floor")

    def __init__(self, size: int, floor: int) -> None:
        self._changes: deque[Change] = deque()
        self._size = size
        self.floor = floor

    def add(self, change: Change) -> None:
        changes = self._changes
        if len(changes) >= self._size:
            self.floor = changes.popleft().revision
        changes.append(change)

    def since(self, revision: int) -> list[Change]:
        """The changes after `revision`. Raises Expired where some of them are forgotten."""
        if revision < self.floor:
            raise Expired(f"too old resource version: {revision} ({self.floor})")
        newer: list[Change] = []
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            newer.append(change)
        newer.reverse()
        return newer

    def last_revision(self) -> int:
        """The revision of the newest change (the floor where there is none)."""
        return self._changes[-1].revision if self._changes else self.floor
