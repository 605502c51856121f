"""An informer: a cache of one kind that follows the server by list and watch, and tells its handlers of each change.

What it promises: after `synced`, the cache is some state the server was in, never going back; handlers see every
object's changes in order, but may miss versions in between (after a reconnect). What it does not: that a write of one's
own is in the cache when the call returns.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Literal

from pybernetes.api.errors import ApiError, Expired
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, key_of, resource_version_of

from .indexer import Indexer, IndexFunction
from .interface import Client, WatchEvent

log = logging.getLogger("informer")

Change = Literal["ADDED", "MODIFIED", "DELETED"]
Handler = Callable[[Change, Obj | None, Obj | None], None]
"""(change, old, new): old is None for ADDED, new is None for DELETED. Called on the loop; must not wait."""

BACKOFF_BASE, BACKOFF_MOST = 0.8, 30.0  # seconds, as client-go's reflector
SHORT_WATCH = 1.0  # seconds; a watch that ends sooner without any event is a failure
PAGE = 500


class Informer:
    """The cache of one kind, optionally of one namespace or selection."""

    def __init__(
        self,
        client: Client,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        rng: random.Random | None = None,
        keep: Callable[[Obj], Obj] | None = None,
    ) -> None:
        """`keep` reduces an object to what is worth caching (metadata only, say); it must keep kind and metadata."""
        self.kind = kind
        self.indexer = Indexer()
        self._client = client
        self._namespace = namespace
        self._labels = labels
        self._fields = fields
        self._rng = rng or random.Random(0)
        self._keep = keep
        self._handlers: list[Handler] = []
        self._synced = asyncio.Event()
        self._version = ""
        self._listed = ""
        """The revision of the last list."""
        self._failures = 0
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def on_event(self, handler: Handler) -> None:
        """Adds a handler; it is told at once of what is in the cache already."""
        self._handlers.append(handler)
        for obj in self.indexer.list():
            handler("ADDED", None, obj)

    def add_index(self, name: str, function: IndexFunction) -> None:
        self.indexer.add_index(name, function)

    def get(self, key: str) -> Obj | None:
        """The object under `namespace/name` (or `name`)."""
        return self.indexer.get(key)

    def list(self, namespace: str = "") -> Sequence[Obj]:
        return self.indexer.list(namespace)

    def by_index(self, name: str, value: str) -> Sequence[Obj]:
        return self.indexer.by_index(name, value)

    @property
    def has_synced(self) -> bool:
        """Whether the first list has arrived."""
        return self._synced.is_set()

    async def synced(self) -> None:
        """Waits for the first list."""
        await self._synced.wait()

    async def seen(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Waits until `condition` of this cache holds; False where it does not within `timeout` seconds."""
        if condition():
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (condition, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.remove(entry)
        return True

    @property
    def revision(self) -> int:
        """The revision up to which everything of this kind is known (resource versions are comparable)."""
        return int(self._version or 0)

    async def run(self) -> None:
        """Follows the server until cancelled; errors are logged and tried again with back-off."""
        while True:
            try:
                if not self._version:
                    await self._list()
                if await self._watch():
                    self._failures = 0
                else:
                    await self._back_off("the watch ended at once")
            except Expired as error:
                # Usual after a pause; but what expires as it is listed, or right after, must not make a busy loop.
                hasty, self._version = self._version in ("", self._listed), ""
                if hasty:
                    await self._back_off(error)
            except (ApiError, OSError) as error:
                await self._back_off(error)

    async def _back_off(self, error: Exception | str) -> None:
        wait = min(BACKOFF_BASE * 2**self._failures, BACKOFF_MOST)
        self._failures = min(self._failures + 1, 10)
        level = logging.INFO if self._failures == 1 else logging.WARNING
        log.log(level, "%s: %s; again in about %.1f s", self.kind.group_resource, error, wait)
        await asyncio.sleep(wait * (1 + self._rng.random()))

    async def _list(self) -> None:
        found: dict[str, Obj] = {}
        token = ""
        while True:
            page = await self._client.list(
                self.kind,
                self._namespace,
                labels=self._labels,
                fields=self._fields,
                limit=PAGE,
                continue_token=token,
            )
            found.update((key_of(obj), obj) for obj in page.items)
            token = page.continue_token
            if not token:
                break
        for key in [key for key in self.indexer.objects if key not in found]:
            self._removed(key)
        for obj in found.values():
            self._put(obj)
        self._version = self._listed = page.resource_version
        self._synced.set()
        self._wake()

    async def _watch(self) -> bool:
        """Follows one watch to its end. Whether it was of use: it brought something, or lasted a while."""
        loop = asyncio.get_running_loop()
        before, started = self._version, loop.time()
        watching = self._client.watch(
            self.kind,
            self._namespace,
            labels=self._labels,
            fields=self._fields,
            resource_version=self._version,
            timeout_seconds=300 + self._rng.randrange(300),
        )
        async with watching as events:
            async for event in events:
                self._apply(event)
                self._failures = 0
        return self._version != before or loop.time() - started >= SHORT_WATCH

    def _apply(self, event: WatchEvent) -> None:
        self._version = resource_version_of(event.object)
        if event.type == "DELETED":
            self._removed(key_of(event.object))
        elif event.type != "BOOKMARK":
            self._put(event.object)
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)

    def _put(self, obj: Obj) -> None:
        kept = self._keep(obj) if self._keep else obj
        known = self.indexer.get(key_of(kept))
        if known is not None and resource_version_of(known) == resource_version_of(kept):
            return
        self.indexer.put(kept)
        self._tell("ADDED" if known is None else "MODIFIED", known, kept)

    def _removed(self, key: str) -> None:
        old = self.indexer.remove(key)
        if old is not None:
            self._tell("DELETED", old, None)

    def _tell(self, change: Change, old: Obj | None, new: Obj | None) -> None:
        """Tells every handler. One that fails on an object must not keep the others, or the cache, from going on."""
        for handler in self._handlers:
            try:
                handler(change, old, new)
            except Exception:
                about = new if new is not None else old
                log.exception("%s %s: a handler failed", self.kind.group_resource, key_of(about or {}))
