"""The contract of the store: etcd v3's data model, without any knowledge of kinds.

One global revision counts all writes. A `txn` is atomic: its compares see one revision, all its writes get the next
one. A watch from revision N gives every event with mod_revision >= N exactly once, in order, a transaction's events
together in one batch. Reads at a compacted revision and watches from one raise `Compacted`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias


class KeyValue(NamedTuple):
    """One version of one key. `version` counts writes since creation; `lease` is 0 for none."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int = 1
    lease: int = 0


@dataclass(frozen=True, slots=True)
class RangeResult:
    """`revision` is the store's revision when the range was read (not the one asked for); `count` is the number of
    keys in the whole range, `more` whether `limit` cut it."""

    revision: int
    kvs: Sequence[KeyValue]
    count: int
    more: bool = False


class Compare(NamedTuple):
    """True where `target` of `key` stands in relation `op` to `value`. A missing key has mod/create/version 0."""

    key: str
    target: Literal["mod", "create", "version", "value", "lease"]
    op: Literal["==", "!=", "<", ">"]
    value: int | bytes


class Put(NamedTuple):
    key: str
    value: bytes
    lease: int = 0


class Delete(NamedTuple):
    """Deletes [key, end), or the one key where `end` is None."""

    key: str
    end: str | None = None


class Get(NamedTuple):
    """Reads [key, end), or the one key where `end` is None."""

    key: str
    end: str | None = None
    limit: int = 0


Op: TypeAlias = Put | Delete | Get


class PutResult(NamedTuple):
    previous: KeyValue | None


class DeleteResult(NamedTuple):
    previous: Sequence[KeyValue]


class TxnResult(NamedTuple):
    """`responses` answer the ops of the branch taken, in order."""

    revision: int
    succeeded: bool
    responses: Sequence[PutResult | DeleteResult | RangeResult] = ()


class Event(NamedTuple):
    """`kv` is the new version; for a delete it carries key and mod_revision with an empty value. `previous` is the
    version it replaced (None when the key was created)."""

    type: Literal["put", "delete"]
    kv: KeyValue
    previous: KeyValue | None


class WatchBatch(NamedTuple):
    """Events of one or more whole transactions, in order. An empty batch is progress: everything up to `revision`
    has been delivered."""

    revision: int
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Lease:
    id: int
    ttl: int


class StoreError(Exception):
    """What a store can answer instead of a result."""


class Compacted(StoreError):
    """The revision asked for is gone. `compact_revision` is the oldest that can be read or watched."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__(f"required revision has been compacted (compact revision {compact_revision})")
        self.compact_revision = compact_revision


class FutureRevision(StoreError):
    """The revision asked for has not happened yet."""


class LeaseNotFound(StoreError):
    """The lease has expired, was revoked or never was."""


class Unavailable(StoreError):
    """The backend cannot be reached or cannot write now; nothing is known about an unanswered write."""


class Corrupt(StoreError):
    """What lies in the store's file is not what was written. Raised when it is opened; names the record."""


class Locked(StoreError):
    """Another process has the store's file open."""


class Store(Protocol):
    """See the module docstring. Every method may be called from any task of the loop that opened the store."""

    async def range(
        self, key: str, end: str | None = None, *, revision: int = 0, limit: int = 0, count_only: bool = False
    ) -> RangeResult:
        """The keys in [key, end) in order, as of `revision` (0: now). Raises Compacted, FutureRevision."""

    async def now(self) -> int:
        """The revision of the newest write that is durable, whoever made it."""

    def txn(
        self, compares: Sequence[Compare], then: Sequence[Op], otherwise: Sequence[Op] = ()
    ) -> Awaitable[TxnResult]:
        """Runs `then` where all compares hold, else `otherwise`. Returns after the writes are durable."""

    def watch(
        self, key: str, end: str | None = None, *, revision: int = 0
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchBatch]]:
        """Events of [key, end) from `revision` on (0: from the next write). Raises Compacted on entering, or from
        the iterator where the watcher fell so far behind that its revision was compacted."""

    async def progress(self) -> None:
        """Makes every open watch give an empty batch once it has delivered all that is written now: how a reader of
        watches learns that nothing is missing (bookmarks, consistent reads from a cache)."""

    async def compact(self, revision: int) -> None:
        """Forgets versions that are not the newest at `revision`. Raises Compacted, FutureRevision."""

    async def grant(self, ttl: int) -> Lease:
        """A lease of `ttl` seconds; keys put with it are deleted in one transaction when it expires."""

    async def keep_alive(self, lease: int) -> Lease:
        """Starts the lease's time anew. Raises LeaseNotFound."""

    async def revoke(self, lease: int) -> None:
        """Ends a lease and deletes its keys. Raises LeaseNotFound."""

    async def close(self) -> None:
        """Ends watches and releases the backend. Written data stays."""


def prefix_end(prefix: str) -> str:
    """The `end` with which [prefix, end) holds exactly the keys that start with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
