"""The work queue of controllers: keys, each at most once in the queue and at most once in work.

A key added while it waits is not added twice; a key added while it is in work goes back when `done` is called. So a
burst of events is one reconcile, and no two workers reconcile one object at the same time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from . import upkeep
from .ratelimit import ItemBackoff, TokenBucket

K = TypeVar("K", bound=Hashable)


class Observer(Protocol):
    """Is told what happens to keys."""

    def added(self, key: str, /) -> None:
        """The key was queued."""

    def taken(self, key: str, /) -> None:
        """Work on the key begins."""

    def ended(self, key: str, /) -> None:
        """Work on the key has ended."""

    def retried(self) -> None:
        """A key is to be tried again."""


class WorkQueue(Generic[K]):
    """Of one event loop. `get` then `done` for every key; between them `add_after` or `retry` may be called."""

    def __init__(self, backoff: ItemBackoff | None = None, bucket: TokenBucket | None = None) -> None:
        self._queue: deque[K] = deque()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._backoff = backoff or ItemBackoff()
        self._bucket = bucket or TokenBucket(10, 100)
        self.observer: Observer | None = None

    def add(self, key: K) -> None:
        """The key needs work."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._enqueue(key)

    def add_after(self, key: K, seconds: float, *, rounds: bool = False) -> None:
        """Adds the key after a while; of several such calls the earliest counts. `rounds`: for upkeep."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        waiting = self._timers.get(key)
        if waiting is not None:
            if waiting.when() <= loop.time() + seconds:
                return
            waiting.cancel()
        if rounds:
            self._timers[key] = upkeep.call_later(loop, seconds, upkeep.ROUND, self._due, key)
        else:
            self._timers[key] = loop.call_later(seconds, self._due, key)

    def retry(self, key: K) -> float:
        """The key's work failed: adds it again after its back-off. The wait, in seconds."""
        if self.observer is not None:
            self.observer.retried()
        wait = max(self._backoff.next(key), self._bucket.reserve(asyncio.get_running_loop().time()))
        self.add_after(key, wait)
        return wait

    def forget(self, key: K) -> None:
        """The key's work succeeded: its back-off starts anew."""
        self._backoff.forget(key)

    def failures(self, key: K) -> int:
        return self._backoff.failures(key)

    async def get(self) -> K:
        """The next key, which is in work until `done`."""
        while not self._queue:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:
                self._pass_on(waiter)
                raise
        key = self._queue.popleft()
        self._dirty.discard(key)
        self._processing.add(key)
        if self.observer is not None:
            self.observer.taken(str(key))
        return key

    def done(self, key: K) -> None:
        """The key's work has ended; if it became dirty meanwhile, it is queued again."""
        self._processing.discard(key)
        if self.observer is not None:
            self.observer.ended(str(key))
        if key in self._dirty:
            self._enqueue(key)

    def close(self) -> None:
        """Cancels the timers. Who waits in `get` is to be cancelled by its owner."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def __len__(self) -> int:
        return len(self._queue)

    def _due(self, key: K) -> None:
        del self._timers[key]
        self.add(key)

    def _enqueue(self, key: K) -> None:
        self._queue.append(key)
        if self.observer is not None:
            self.observer.added(str(key))
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _pass_on(self, waiter: asyncio.Future[None]) -> None:
        """A waiter was cancelled: if it had been woken, another one is woken in its place."""
        if waiter.done() and not waiter.cancelled():
            if self._queue:
                self._wake()
        else:
            waiter.cancel()
            if waiter in self._waiters:
                self._waiters.remove(waiter)
