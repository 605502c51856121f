"""The pure core of the embedded stores: every version of every key since the last compaction, and the transactions.

No I/O, no loop, no clock. `Mvcc.txn` is (state, request) -> (answer, events); what happens to the events (a disk, the
watchers) is the shell's business (`embedded.py`). A write that could not be made durable is taken back by `rollback`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof
from typing import TypeAlias

from .sortedkeys import SortedKeys
from .types import (
    Compacted,
    Compare,
    Delete,
    DeleteResult,
    Event,
    FutureRevision,
    Get,
    KeyValue,
    LeaseNotFound,
    Op,
    Put,
    PutResult,
    RangeResult,
    TxnResult,
)

Events: TypeAlias = tuple[Event, ...]
Response: TypeAlias = PutResult | DeleteResult | RangeResult

BYTES_HEAD = getsizeof(b"")
FIRST_REVISION = 1
"""Of an empty store, as etcd's: the first write gets 2, so no object ever has revision 0 or 1."""


class Mvcc:
    """Keys, versions, revisions.

    `revision` is that of the last write; `compacted` the oldest that can be read (0: all); `watchable` the oldest
    whose events are still here (a store that was reopened knows values, but not the events that led to them).
    """

    def __init__(self, kvs: Iterable[KeyValue] = (), revision: int = FIRST_REVISION) -> None:
        self._current = {kv.key: kv for kv in kvs}
        self._live = SortedKeys(self._current)
        self._dead = SortedKeys()
        """Keys without a current value that can still be read at an older revision."""
        self._older: dict[str, list[KeyValue]] = {}
        """Versions before the current one, oldest first; of a deleted key all, the last being its tombstone."""
        self._log: dict[int, Events] = {}
        self._lease_exists: Callable[[int], bool] = lambda _lease: False
        self.revision = revision
        self.compacted = revision if self._current or revision > FIRST_REVISION else 0
        self.watchable = revision + 1

    def copy(self) -> Mvcc:
        """Another one with the same past, independent from now on; the versions themselves are shared."""
        other = Mvcc(self._current.values(), self.revision)
        other._dead = SortedKeys(self._dead.between("", chr(0x10FFFF)))
        other._older = {key: [*versions] for key, versions in self._older.items()}
        other._log = dict(self._log)
        other.compacted, other.watchable = self.compacted, self.watchable
        return other

    def __len__(self) -> int:
        return len(self._current)

    def on_lease_check(self, exists: Callable[[int], bool]) -> None:
        """Sets how a put learns whether its lease is there (no lease is, before)."""
        self._lease_exists = exists

    def current(self) -> Iterable[KeyValue]:
        """The present version of every key, in no order."""
        return self._current.values()

    def events_at(self, revision: int) -> Events:
        """What the write with this revision changed. Raises Compacted where that is forgotten."""
        if revision < self.watchable:
            raise Compacted(self.watchable)
        return self._log[revision]

    # ---- reading

    def range(
        self, key: str, end: str | None, *, revision: int = 0, limit: int = 0, count_only: bool = False
    ) -> RangeResult:
        """[key, end) (or the one key) as of `revision`; 0 is now. Raises Compacted, FutureRevision."""
        if revision and revision != self.revision:
            return self._range_at(key, end, revision, limit, count_only)
        if end is None:
            kv = self._current.get(key)
            found = () if kv is None or count_only else (kv,)
            return RangeResult(self.revision, found, 0 if kv is None else 1)
        count = self._live.count(key, end)
        if count_only:
            return RangeResult(self.revision, (), count)
        current = self._current
        kvs = [current[k] for k in self._live.between(key, end, limit)]
        return RangeResult(self.revision, kvs, count, len(kvs) < count)

    def _range_at(
        self, key: str, end: str | None, revision: int, limit: int, count_only: bool
    ) -> RangeResult:
        if revision > self.revision:
            raise FutureRevision(f"required revision {revision} is a future revision (now {self.revision})")
        if revision < self.compacted:
            raise Compacted(self.compacted)
        if end is None:
            keys = [key]
        else:
            dead = self._dead.between(key, end)
            keys = self._live.between(key, end)
            keys = sorted(keys + dead) if dead else keys
        found = [kv for k in keys if (kv := self._at(k, revision)) is not None]
        kvs = () if count_only else found[:limit] if limit else found
        return RangeResult(self.revision, kvs, len(found), bool(limit) and len(found) > limit)

    def _at(self, key: str, revision: int) -> KeyValue | None:
        """The version of `key` in force at `revision`."""
        kv = self._current.get(key)
        if kv is not None and kv.mod_revision <= revision:
            return kv
        for kv in reversed(self._older.get(key, ())):
            if kv.mod_revision <= revision:
                return kv if kv.version else None
        return None

    # ---- writing

    def txn(
        self, compares: Sequence[Compare], then: Sequence[Op], otherwise: Sequence[Op] = ()
    ) -> tuple[TxnResult, Events]:
        """Runs one branch; the events are empty where it wrote nothing (and then no revision was used).

        Raises LeaseNotFound, and ValueError where a branch writes one key twice; nothing is changed then.
        """
        succeeded = all(self._holds(compare) for compare in compares)
        ops = then if succeeded else otherwise
        self._check(ops)
        revision = self.revision + 1
        events: list[Event] = []
        responses = [self._perform(op, revision, events) for op in ops]
        if events:
            self.revision = revision
            self._log[revision] = tuple(events)
        return TxnResult(self.revision, succeeded, responses), tuple(events)

    def _holds(self, compare: Compare) -> bool:
        kv = self._current.get(compare.key)
        actual: int | bytes
        match compare.target:
            case "mod":
                actual = kv.mod_revision if kv else 0
            case "create":
                actual = kv.create_revision if kv else 0
            case "version":
                actual = kv.version if kv else 0
            case "lease":
                actual = kv.lease if kv else 0
            case "value":
                if kv is None:
                    return False
                actual = kv.value
        wanted = compare.value
        match compare.op:
            case "==":
                return actual == wanted
            case "!=":
                return actual != wanted
            case "<":
                return actual < wanted  # type: ignore[operator]
            case ">":
                return actual > wanted  # type: ignore[operator]

    def _check(self, ops: Sequence[Op]) -> None:
        """Refuses what etcd refuses before anything is written."""
        puts: set[str] = set()
        for op in ops:
            if type(op) is Put:
                if op.lease and not self._lease_exists(op.lease):
                    raise LeaseNotFound(f"requested lease {op.lease:x} not found")
                if op.key in puts:
                    raise ValueError(f"duplicate key given in txn request: {op.key}")
                puts.add(op.key)
        if len(puts) == len(ops):
            return
        for op in ops:
            if type(op) is Delete and any(_covers(op, key) for key in puts):
                raise ValueError(f"duplicate key given in txn request: {op.key} is put and deleted")

    def _perform(self, op: Op, revision: int, events: list[Event]) -> Response:
        match op:
            case Put():
                return PutResult(self._put(op, revision, events))
            case Delete():
                keys = [op.key] if op.end is None else self._live.between(op.key, op.end)
                gone = [kv for key in keys if (kv := self._delete(key, revision, events)) is not None]
                return DeleteResult(gone)
            case Get():
                return self.range(op.key, op.end, limit=op.limit)

    def _put(self, op: Put, revision: int, events: list[Event]) -> KeyValue | None:
        key = op.key
        value = op.value
        if getsizeof(value) > len(value) + BYTES_HEAD:
            value = bytes(
                memoryview(value)
            )  # an exact copy: encoders hand out buffers with as much unused room again
        previous = self._current.get(key)
        if previous is None:
            kv = KeyValue(key, value, revision, revision, 1, op.lease)
            self._live.add(key)
            self._dead.discard(key)
        else:
            kv = KeyValue(key, value, previous.create_revision, revision, previous.version + 1, op.lease)
            self._older.setdefault(key, []).append(previous)
        self._current[key] = kv
        events.append(Event("put", kv, previous))
        return previous

    def _delete(self, key: str, revision: int, events: list[Event]) -> KeyValue | None:
        previous = self._current.pop(key, None)
        if previous is None:
            return None
        tombstone = KeyValue(key, b"", 0, revision, 0)
        self._older.setdefault(key, []).extend((previous, tombstone))
        self._live.discard(key)
        self._dead.add(key)
        events.append(Event("delete", tombstone, previous))
        return previous

    def rollback(self, revision: int) -> None:
        """Takes back every write after `revision`, which must not be older than the last compaction."""
        while self.revision > revision:
            for event in reversed(self._log.pop(self.revision)):
                self._undo(event)
            self.revision -= 1

    def _undo(self, event: Event) -> None:
        key, previous = event.kv.key, event.previous
        versions = self._older.get(key, [])
        if event.type == "delete":
            versions.pop()
        if previous is not None:
            versions.pop()
            self._current[key] = previous
            self._live.add(key)
            self._dead.discard(key)
        else:
            del self._current[key]
            self._live.discard(key)
            if versions:
                self._dead.add(key)
        if not versions:
            self._older.pop(key, None)

    # ---- forgetting

    def check_compaction(self, revision: int) -> None:
        """Raises Compacted or FutureRevision where `compact(revision)` has no sense."""
        if revision > self.revision:
            raise FutureRevision(f"required revision {revision} is a future revision (now {self.revision})")
        if revision <= self.compacted:
            raise Compacted(self.compacted)

    def compact(self, revision: int) -> None:
        """Forgets what cannot be read at `revision` or later, and the events before it.

        The work is proportional to the revisions forgotten: a caller with a loop to serve compacts in steps.
        """
        self.check_compaction(revision)
        touched = {
            event.kv.key
            for rev in range(max(self.compacted, self.watchable), revision + 1)
            for event in self._log.get(rev, ())
        }
        for key in touched:
            self._trim(key, revision)
        for rev in range(self.watchable, revision):
            del self._log[rev]
        self.compacted = revision
        self.watchable = max(self.watchable, revision)

    def _trim(self, key: str, revision: int) -> None:
        """Drops the versions of `key` that were superseded at or before `revision`."""
        versions = self._older.get(key)
        if versions is None:
            return
        current = self._current.get(key)
        if current is not None and current.mod_revision <= revision:
            del self._older[key]
            return
        in_force = sum(kv.mod_revision <= revision for kv in versions) - 1
        if in_force >= 0:
            first = in_force if versions[in_force].version else in_force + 1
            del versions[:first]
        if not versions:
            del self._older[key]
            self._dead.discard(key)


def _covers(op: Delete, key: str) -> bool:
    return op.key == key if op.end is None else op.key <= key < op.end
