"""Fan-out of committed transactions to watchers, in order, each at its own pace.

A watcher that keeps up gets its events appended to its own short list. One whose list is full stops being fed: it
remembers where and reads on from the history when its consumer comes back, so a slow consumer costs nobody else
anything, and no memory but the history that is there anyway. If compaction overtakes it, it gets `Compacted`.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from .mvcc import Mvcc
from .types import Compacted, Event, StoreError, Unavailable, WatchBatch

PENDING_LIMIT = 4096
"""Events that wait in a watcher's own list before it is left to read from the history."""
CATCH_UP_REVISIONS = 1024
"""Revisions of history looked at in one go: bounds how long a watcher far behind holds the loop."""


class Watcher:
    """One open watch: an iterator of batches, fed by its hub. Used by one task."""

    def __init__(self, hub: WatchHub, key: str, end: str, next_revision: int) -> None:
        self._hub = hub
        self.key = key
        self.end = end
        self._pending: list[Event] = []
        self._reached = next_revision - 1
        """Everything up to here is in `_pending` or delivered (while not `_behind`)."""
        self._behind = next_revision <= hub.revision
        self._progress = False
        self._error: StoreError | None = None
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> AsyncIterator[WatchBatch]:
        return self

    async def __anext__(self) -> WatchBatch:
        while True:
            if self._pending:
                events, self._pending = self._pending, []
                return WatchBatch(self._reached, events)
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            if self._behind:
                self._catch_up()
                # Many quiet revisions may have to be skipped: let others run in between.
                await asyncio.sleep(0)
            elif self._progress:
                self._progress = False
                self._reached = self._hub.revision
                return WatchBatch(self._reached, ())
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None

    def feed(self, revision: int, events: Sequence[Event]) -> None:
        """Takes the events of one transaction that are in this watcher's range (and not before its start)."""
        if self._behind or revision <= self._reached:
            return
        if len(self._pending) >= PENDING_LIMIT:
            self._reached, self._behind = revision - 1, True
            return
        self._pending += events
        self._reached = revision
        self.wake()

    def ask_progress(self) -> None:
        """Makes the iterator give an empty batch once everything before has been taken."""
        self._progress = True
        self.wake()

    def finish(self, error: StoreError | None = None) -> None:
        """Ends the iteration after what is pending, with an error if one is given."""
        self._error, self._closed = error, True
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _catch_up(self) -> None:
        """Reads the next stretch of history into `_pending`; ends being behind when there is no more."""
        first = self._reached + 1
        last = min(self._reached + CATCH_UP_REVISIONS, self._hub.revision)
        try:
            for revision in range(first, last + 1):
                for event in self._hub.mvcc.events_at(revision):
                    if self.key <= event.kv.key < self.end:
                        self._pending.append(event)
        except Compacted as error:
            self.finish(error)
        self._reached = last
        self._behind = last < self._hub.revision


class WatchHub:
    """The watchers of one store, and up to where they were told (`revision`: durable, published)."""

    def __init__(self, mvcc: Mvcc) -> None:
        self.mvcc = mvcc
        self.revision = mvcc.revision
        self._watchers: dict[Watcher, None] = {}
        self._bounds: list[str] = []
        self._segments: list[tuple[Watcher, ...]] = []
        self._indexed = True
        self._closed = False

    @asynccontextmanager
    async def watch(self, key: str, end: str | None, revision: int) -> AsyncIterator[Watcher]:
        """Opens a watch of [key, end), or of the one key. Raises Compacted, Unavailable (closed)."""
        if self._closed:
            raise Unavailable("the store is closed")
        first = revision or self.revision + 1
        if first < self.mvcc.watchable:
            raise Compacted(self.mvcc.watchable)
        watcher = Watcher(self, key, key + "\0" if end is None else end, first)
        self._watchers[watcher] = None
        self._indexed = False
        try:
            yield watcher
        finally:
            self._watchers.pop(watcher, None)
            self._indexed = False

    def publish(self, revision: int, events: Sequence[Event]) -> None:
        """Tells the watchers of one transaction. Called in the order of revisions, after it is durable."""
        self.revision = revision
        if not self._watchers:
            return
        if not self._indexed:
            self._index()
        if len(events) == 1:
            for watcher in self._interested(events[0].kv.key):
                watcher.feed(revision, events)
            return
        by_watcher: dict[Watcher, list[Event]] = {}
        for event in events:
            for watcher in self._interested(event.kv.key):
                by_watcher.setdefault(watcher, []).append(event)
        for watcher, mine in by_watcher.items():
            watcher.feed(revision, mine)

    def progress(self) -> None:
        """Makes every watch report how far it has come."""
        for watcher in self._watchers:
            watcher.ask_progress()

    def close(self) -> None:
        """Ends all watches."""
        self._closed = True
        for watcher in self._watchers:
            watcher.finish()

    def _interested(self, key: str) -> tuple[Watcher, ...]:
        at = bisect_right(self._bounds, key) - 1
        return self._segments[at] if at >= 0 else ()

    def _index(self) -> None:
        """Cuts the key space at every start and end, and notes who watches each piece."""
        self._bounds = sorted({w.key for w in self._watchers} | {w.end for w in self._watchers})
        self._segments = [
            tuple(w for w in self._watchers if w.key <= bound < w.end) for bound in self._bounds
        ]
        self._indexed = True
