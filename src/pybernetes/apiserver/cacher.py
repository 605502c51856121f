"""The watch cache: one watch of the store feeds a cache per kind, which serves all reads and all watches.

A read is as fresh as the store: it asks the store for its revision and waits until the cache has come that far, which
on an embedded store is nearly always already so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from heapq import heapify, heappop, heappush
from itertools import count

from pybernetes.aio import upkeep
from pybernetes.api.errors import Cause, Expired, ServiceUnavailable, Timeout
from pybernetes.store.types import KeyValue, Store, StoreError, Unavailable, WatchBatch, prefix_end

from .kindcache import KindCache
from .version import Version

log = logging.getLogger(__name__)

ROOT = "/registry/"
PAGE = 1000
"""Keys read from the store in one go while the cache fills."""
TURN = 512
"""Events applied before other tasks get their turn."""
WAIT = 3.0
"""Seconds a read waits for the cache to reach a revision."""
PATIENCE = 0.05
"""Seconds that events are given to arrive by themselves before the store is asked how far they have come."""
RETRY = 1.0
"""Seconds between attempts to reach a store that is away."""
BOOKMARK_INTERVAL = 60.0


class Cacher:
    """All kind caches of one API server. `run` feeds them; everything else reads."""

    def __init__(self, store: Store, caches: Iterable[KindCache]) -> None:
        self._store = store
        self._caches = {cache.prefix: cache for cache in caches}
        self._by_directory = {cache.prefix[len(ROOT) : -1]: cache for cache in self._caches.values()}
        self.revision = 0
        """Everything up to here is in the caches."""
        self.filled = asyncio.Event()
        self._filling: dict[str, list[tuple[str, bytes | None, int]]] = {}
        """Changes (key, value, revision) below directories whose new cache is being read (`add`)."""
        self._fills = 0
        """Goes up whenever everything is filled anew, at its start and at its end."""
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    @property
    def caches(self) -> Iterable[KindCache]:
        return self._caches.values()

    async def fresh(self) -> None:
        """Returns once the caches hold everything that was written before the call. Raises Timeout,
        ServiceUnavailable."""
        try:
            revision = await self._store.now()
        except Unavailable as error:
            raise ServiceUnavailable(f"storage is (re)initializing: {error}", retry_after=1) from error
        if revision > self.revision:
            await self.wait_for(revision)

    async def wait_for(self, revision: int) -> None:
        """Waits until the caches hold `revision`. Raises Timeout where that takes too long, ServiceUnavailable where
        they are being filled all that time."""
        if self.revision >= revision and self.filled.is_set():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiters, (revision, next(self._order), waiter))
        try:
            async with asyncio.timeout(WAIT):
                await asyncio.wait({waiter}, timeout=PATIENCE)
                if not waiter.done():
                    with suppress(StoreError):
                        await self._store.progress()
                await waiter
        except TimeoutError:
            if not self.filled.is_set():
                raise ServiceUnavailable("storage is (re)initializing", retry_after=1) from None
            if self.revision >= revision:
                return  # it came while this process was too busy to notice
            raise Timeout(
                f"Timeout: Too large resource version: {revision}, current: {self.revision}",
                causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
                retry_after=1,
            ) from None
        finally:
            if waiter.cancelled() or not waiter.done():  # the revision may never come
                self._waiters = [entry for entry in self._waiters if entry[2] is not waiter]
                heapify(self._waiters)

    async def run(self) -> None:
        """Feeds the caches until cancelled. A store that goes away is asked again; a history that was compacted
        under us means filling everything anew."""
        while True:
            try:
                await self._follow()
                log.info("store watch ended; reading the store again")
            except StoreError as error:
                log.warning("store watch: %s; reading the store again", error)
            except Exception:  # a bug in who observes a kind: better read again than never again
                log.exception("the watch cache; reading the store again")
            self.filled.clear()
            for cache in self._caches.values():
                cache.watchers.end(refilled())
            await asyncio.sleep(RETRY)

    async def bookmarks(self) -> None:
        """Reports the revision reached to every watcher once in a while, until cancelled."""
        while True:
            await upkeep.pause(BOOKMARK_INTERVAL)
            for cache in self._caches.values():
                for watcher in cache.watchers:
                    watcher.bookmark = True
                    watcher.wake()

    def stop(self) -> None:
        """Ends every open watch: the server is going down."""
        for cache in self._caches.values():
            cache.watchers.end()

    # ---- custom resources come and go

    async def add(self, cache: KindCache) -> None:
        """Fills a new cache and feeds it from then on, in the place of another of the same directory, whose watches
        end. Raises StoreError, Timeout. Not to be called again for a directory before it has returned."""
        prefix = cache.prefix
        try:
            while True:
                fills = self._fills
                changes = self._filling[prefix] = []
                kvs, revision = await self._read(prefix)
                await self.wait_for(revision)
                if fills == self._fills:
                    break
        finally:
            self._filling.pop(prefix, None)
        cache.load(kvs, revision)
        for key, value, at in changes:
            if at > revision:
                cache.apply(key, None if value is None else cache.read(key, value, at), at)
        before = self._caches.get(prefix)
        self._caches[prefix] = self._by_directory[prefix[len(ROOT) : -1]] = cache
        if before is not None:
            before.watchers.retire()

    def remove(self, cache: KindCache) -> None:
        """Feeds a cache no more; its watches end."""
        if self._caches.get(cache.prefix) is cache:
            del self._caches[cache.prefix]
            del self._by_directory[cache.prefix[len(ROOT) : -1]]
        cache.watchers.retire()

    def _hold(self, key: str, value: bytes | None, revision: int) -> None:
        for prefix, changes in self._filling.items():
            if key.startswith(prefix):
                changes.append((key, value, revision))

    # ---- feeding

    async def _follow(self) -> None:
        revision = await self._fill()
        async with self._store.watch(ROOT, prefix_end(ROOT), revision=revision + 1) as batches:
            self._reached(revision)
            self.filled.set()
            async for batch in batches:
                await self._apply(batch)

    async def _fill(self) -> int:
        self._fills += 1
        kvs, revision = await self._read(ROOT)
        caches = dict(self._caches)
        by_cache: dict[str, list[KeyValue]] = {prefix: [] for prefix in caches}
        for kv in kvs:
            if (cache := self._cache_of(kv.key)) is not None:
                by_cache[cache.prefix].append(kv)
        for prefix, cache in caches.items():
            cache.load(by_cache[prefix], revision)
            cache.watchers.end(refilled())  # who came while the store was away has missed what happened then
            await asyncio.sleep(0)
        self._fills += 1
        return revision

    async def _read(self, prefix: str) -> tuple[list[KeyValue], int]:
        """Everything below a directory, and the revision at which that was so."""
        kvs: list[KeyValue] = []
        key, revision = prefix, 0
        while True:
            page = await self._store.range(key, prefix_end(prefix), revision=revision, limit=PAGE)
            revision = revision or page.revision
            kvs += page.kvs
            if not page.more:
                break
            key = page.kvs[-1].key + "\0"
            await asyncio.sleep(0)
        return kvs, revision

    def wrote(self, cache: KindCache, key: str, version: Version | None, revision: int) -> None:
        """A write of this process has become `revision` (`version` None: a deletion). Where it is the very next one
        it is taken at once, so that whoever gets the answer finds it in the cache; the store's event is then old."""
        if version is not None:
            version.settle(revision)
        if revision == self.revision + 1 and self.filled.is_set():
            cache.pending.pop(key, None)
            # A request that began before a custom resource was served anew holds the cache of before.
            self._caches.get(cache.prefix, cache).apply(key, version, revision)
            if self._filling:
                self._hold(key, None if version is None else version.value, revision)
            self._reached(revision)

    async def _apply(self, batch: WatchBatch) -> None:
        events, applied = batch.events, 0
        for number, event in enumerate(events):
            kv = event.kv
            if kv.mod_revision <= self.revision:
                continue
            cache = self._cache_of(kv.key)
            if cache is not None:
                cache.apply(kv.key, cache.received(kv) if event.type == "put" else None, kv.mod_revision)
            if self._filling:
                self._hold(kv.key, kv.value if event.type == "put" else None, kv.mod_revision)
            applied += 1
            # The revision counts as reached with the last event of its transaction.
            if number + 1 == len(events) or events[number + 1].kv.mod_revision != kv.mod_revision:
                self._reached(kv.mod_revision)
                if applied >= TURN:
                    applied = 0
                    await asyncio.sleep(0)
        self._reached(batch.revision)

    def _reached(self, revision: int) -> None:
        if revision > self.revision:
            self.revision = revision
        waiters = self._waiters
        while waiters and waiters[0][0] <= self.revision:
            waiter = heappop(waiters)[2]
            if not waiter.done():
                waiter.set_result(None)

    def _cache_of(self, key: str) -> KindCache | None:
        """The cache whose directory holds `key`: its first segment, or its first two (`services/specs`, groups)."""
        first, _, rest = key[len(ROOT) :].partition("/")
        cache = self._by_directory.get(first)
        return cache if cache is not None else self._by_directory.get(f"{first}/{rest.partition('/')[0]}")


def refilled() -> Expired:
    return Expired("the watch cache of the server is being filled anew")
