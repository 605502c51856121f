"""What the stores inside this process have in common: one ordered stream of changes to one `Mvcc`.

A change is a function that alters the core and returns its answer. `MemoryStore` runs it and publishes at once;
`JournalStore` runs it when the disk is free, makes a group of them durable together, and then publishes. Readers and
watchers only ever see what is published.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from pybernetes.clock import Env

from .leases import Leases
from .mvcc import Mvcc
from .types import (
    Compare,
    Delete,
    FutureRevision,
    Lease,
    LeaseNotFound,
    Op,
    RangeResult,
    StoreError,
    TxnResult,
    Unavailable,
    WatchBatch,
)
from .watchhub import WatchHub

T = TypeVar("T")

COMPACTION_STEP = 2000
"""Revisions forgotten before other tasks of the loop get their turn."""


class EmbeddedStore(ABC):
    """A `Store` over a core in memory. Belongs to the loop in which it was made."""

    def __init__(self, env: Env, mvcc: Mvcc | None = None, leases: Iterable[Lease] = ()) -> None:
        self._env = env
        self._leases = Leases(self._on_lease_end)
        for lease in leases:
            self._leases.add(lease)
        self._mvcc = mvcc or Mvcc()
        self._mvcc.on_lease_check(self._leases.exists)
        self._leases.attach(self._mvcc.current())
        self._hub = WatchHub(self._mvcc)
        self._expiring: set[asyncio.Task[None]] = set()
        self._closed = False

    # ---- the change stream, differently in each backend

    @abstractmethod
    def _apply(self, change: Callable[[], T]) -> Awaitable[T]:
        """Runs `change` after all earlier ones and returns its answer when it is durable."""

    @abstractmethod
    async def _release(self) -> None:
        """Lets go of the backend after the last change."""

    @abstractmethod
    def _lease_changed(self, lease: Lease, granted: bool) -> None:
        """Notes, within a change, that a lease came or went."""

    def _publish(self) -> None:
        """Shows readers and watchers everything up to the core's revision."""
        hub, mvcc = self._hub, self._mvcc
        for revision in range(hub.revision + 1, mvcc.revision + 1):
            hub.publish(revision, mvcc.events_at(revision))

    # ---- Store

    async def range(
        self, key: str, end: str | None = None, *, revision: int = 0, limit: int = 0, count_only: bool = False
    ) -> RangeResult:
        self._check_open()
        mvcc, published = self._mvcc, self._hub.revision
        self._check_published(revision)
        if published == mvcc.revision or not self._in_flight(key, end):
            result = mvcc.range(key, end, revision=revision, limit=limit, count_only=count_only)
            if published == mvcc.revision:
                return result
        else:
            result = mvcc.range(key, end, revision=revision or published, limit=limit, count_only=count_only)
        return RangeResult(published, result.kvs, result.count, result.more)

    async def now(self) -> int:
        self._check_open()
        return self._hub.revision

    def txn(
        self, compares: Sequence[Compare], then: Sequence[Op], otherwise: Sequence[Op] = ()
    ) -> Awaitable[TxnResult]:
        return self._apply(lambda: self._run_txn(compares, then, otherwise))

    def watch(
        self, key: str, end: str | None = None, *, revision: int = 0
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchBatch]]:
        return self._hub.watch(key, end, revision)

    async def progress(self) -> None:
        self._hub.progress()

    async def compact(self, revision: int) -> None:
        self._check_open()
        mvcc = self._mvcc
        self._check_published(revision)
        mvcc.check_compaction(revision)
        first = max(mvcc.compacted, mvcc.watchable)
        for step in (*range(first + COMPACTION_STEP, revision, COMPACTION_STEP), revision):
            if step > mvcc.compacted:
                mvcc.compact(step)
                await asyncio.sleep(0)

    async def grant(self, ttl: int) -> Lease:
        if ttl <= 0:
            raise ValueError(f"a lease needs a positive time to live, not {ttl}")
        return await self._apply(lambda: self._grant(ttl))

    async def keep_alive(self, lease: int) -> Lease:
        self._check_open()
        return self._leases.renew(lease)

    async def revoke(self, lease: int) -> None:
        await self._apply(lambda: self._revoke(lease))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._leases.close()
        for task in self._expiring:
            task.cancel()
        await asyncio.gather(*self._expiring, return_exceptions=True)
        self._hub.close()
        await self._release()

    # ---- changes

    def _run_txn(self, compares: Sequence[Compare], then: Sequence[Op], otherwise: Sequence[Op]) -> TxnResult:
        result, events = self._mvcc.txn(compares, then, otherwise)
        self._leases.observe(events)
        return result

    def _grant(self, ttl: int) -> Lease:
        lease = Lease(self._fresh_lease_id(), ttl)
        self._leases.add(lease)
        self._lease_changed(lease, granted=True)
        return lease

    def _revoke(self, lease_id: int) -> None:
        lease = self._leases.get(lease_id)
        self._run_txn((), [Delete(key) for key in self._leases.keys(lease_id)], ())
        self._leases.remove(lease_id)
        self._lease_changed(lease, granted=False)

    def _fresh_lease_id(self) -> int:
        while True:
            lease_id = self._env.rng.getrandbits(63)
            if lease_id and not self._leases.exists(lease_id):
                return lease_id

    # ---- expiry

    def _on_lease_end(self, lease_id: int) -> None:
        task = asyncio.get_running_loop().create_task(self._end_lease(lease_id))
        self._expiring.add(task)
        task.add_done_callback(self._expiring.discard)

    async def _end_lease(self, lease_id: int) -> None:
        try:
            await self.revoke(lease_id)
        except LeaseNotFound:
            return  # revoked by its owner in the meantime
        except StoreError:
            self._leases.retry(lease_id)

    # ---- details

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed")

    def _check_published(self, revision: int) -> None:
        now = self._hub.revision
        if revision > now:
            raise FutureRevision(f"required revision {revision} is a future revision (now {now})")

    def _in_flight(self, key: str, end: str | None) -> bool:
        """Whether a change that is not durable yet touches [key, end)."""
        last = end if end is not None else key + "\0"
        return any(
            key <= event.kv.key < last
            for revision in range(self._hub.revision + 1, self._mvcc.revision + 1)
            for event in self._mvcc.events_at(revision)
        )
