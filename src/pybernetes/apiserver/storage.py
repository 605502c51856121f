"""Writing objects: compare-and-swap on the store, with the cache as the first guess of what is there.

The cache may be a moment behind (several API servers on one etcd). So an update runs on the cached version first; if
the store then says that it has another one, or if the update itself found fault, it runs again on what the store has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from pybernetes.api.errors import AlreadyExists, ApiError, NotFound, ServiceUnavailable, Timeout
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj
from pybernetes.store.types import (
    Compare,
    Delete,
    Get,
    KeyValue,
    Put,
    RangeResult,
    Store,
    TxnResult,
    Unavailable,
)

from .cacher import Cacher
from .kindcache import KindCache
from .metrics import Metrics
from .version import Version, encode

ATTEMPTS = 64
"""How often one update may lose against others before it gives up."""
PATIENT_AFTER = 8
PAUSE = 0.02
"""Seconds between attempts once so many have been lost: the others get their turn to be done."""


class Removal:
    """The answer of an update function that says: delete the object."""


REMOVE = Removal()

Update = Callable[[Version], MutableObj | Removal | None]
"""What to make of the version that is there: a new tree (given up to the store), REMOVE, or None for no change."""


Beside = Callable[[Version, "MutableObj | Removal"], Sequence["Put | Delete"]]
"""(what is there, what an update made of it) -> writes of other keys that belong to the same transaction."""


class BesideTaken(Exception):
    """A key that was to be put beside a new object is there already."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`version` is what is there now, or what was there last where it was `removed` (then `revision` is newer)."""

    version: Version
    changed: bool
    removed: bool = False
    revision: int = 0


class Storage:
    """The writes of one API server."""

    def __init__(self, store: Store, cacher: Cacher, metrics: Metrics) -> None:
        self._store = store
        self._cacher = cacher
        self._metrics = metrics

    async def create(
        self,
        cache: KindCache,
        kind: Kind,
        namespace: str,
        name: str,
        tree: MutableObj,
        *,
        lease: int = 0,
        beside: Sequence[Put | Delete] = (),
    ) -> Version:
        """Stores a new object, and what is `beside` it in the same transaction. Raises AlreadyExists, BesideTaken."""
        key = cache.key(namespace, name)
        version = cache.version(key, encode(tree), 0, tree)
        result = await self._swap(cache, version, 0, [Put(key, version.value, lease), *beside])
        if not result.succeeded:
            found = result.responses[0]
            if beside and isinstance(found, RangeResult) and not found.kvs:
                raise BesideTaken
            raise already_exists(kind, name)
        return version

    async def update(
        self,
        cache: KindCache,
        kind: Kind,
        namespace: str,
        name: str,
        update: Update,
        *,
        lease: int = 0,
        beside: Beside | None = None,
    ) -> Outcome:
        """Replaces or removes the object by `update`, which may run several times. Raises NotFound and what
        `update` raises."""
        key = cache.key(namespace, name)
        current = cache.entries.get(key)
        fresh = current is None
        if current is None:
            current = await self._read(cache, kind, key, name)
        for attempt in range(ATTEMPTS):
            if attempt >= PATIENT_AFTER:
                await asyncio.sleep(PAUSE)
            refused: ApiError | None = None
            try:
                answer = update(current)
            except ApiError as error:
                answer, refused = None, error
            if answer is None:  # no write will tell whether the cache is behind
                newer = current if fresh else await self._read(cache, kind, key, name)
                if newer.revision != current.revision:
                    current, fresh = newer, True
                    continue
                if refused is not None:
                    raise refused
                return Outcome(current, changed=False)
            also = () if beside is None else beside(current, answer)
            outcome = await self._attempt(cache, current, answer, lease, also)
            if isinstance(outcome, Outcome):
                return outcome
            if outcome is None:
                raise not_found(kind, name)
            current, fresh = cache.version(key, outcome.value, outcome.mod_revision), True
        raise ServiceUnavailable(f"{kind.group_resource} {name!r} is changing too fast", retry_after=1)

    async def _attempt(
        self,
        cache: KindCache,
        current: Version,
        answer: MutableObj | Removal,
        lease: int,
        beside: Sequence[Put | Delete],
    ) -> Outcome | KeyValue | None:
        """The outcome, or what the store has instead of `current`."""
        key = current.key
        if isinstance(answer, Removal):
            result = await self._swap(cache, None, current.revision, [Delete(key), *beside], key)
            if result.succeeded:
                return Outcome(current, changed=True, removed=True, revision=result.revision)
        else:
            version = cache.version(key, encode(answer), 0, answer)
            ops = [Put(key, version.value, lease), *beside]
            result = await self._swap(cache, version, current.revision, ops)
            if result.succeeded:
                return Outcome(version, changed=True)
        found = result.responses[0]
        assert isinstance(found, RangeResult)
        return found.kvs[0] if found.kvs else None

    async def _swap(
        self,
        cache: KindCache,
        version: Version | None,
        revision: int,
        ops: Sequence[Put | Delete],
        key: str = "",
    ) -> TxnResult:
        """Runs `ops` if the key still has `revision` (0: is absent) and what else is put is absent; else answers what
        the key has. The first of `ops` is that of the key."""
        if version is not None:
            key = version.key
            cache.pending[key] = version
        began, result = perf_counter(), None
        try:
            compares = [Compare(key, "mod", "==", revision)]
            if len(ops) > 1:
                compares += [Compare(op.key, "mod", "==", 0) for op in ops[1:] if isinstance(op, Put)]
            result = await self._store.txn(compares, ops, [Get(key)])
        except Unavailable as error:
            raise ServiceUnavailable(f"the store cannot be written: {error}", retry_after=1) from error
        finally:
            written = result is not None and result.succeeded
            if version is not None and not written and cache.pending.get(key) is version:
                del cache.pending[key]
            operation = "delete" if version is None else "update" if revision else "create"
            labels = (operation, cache.kind.group, cache.kind.plural)
            self._metrics.store.observe(labels, perf_counter() - began)
        if result.succeeded and len(ops) > 1:
            if version is not None:
                version.settle(result.revision)
            with suppress(Timeout, ServiceUnavailable):  # it is written, whether the cache has seen it or not
                await self._cacher.wait_for(result.revision)  # the store tells of several keys together
        elif result.succeeded:
            self._cacher.wrote(cache, key, version, result.revision)
        return result

    async def _read(self, cache: KindCache, kind: Kind, key: str, name: str) -> Version:
        try:
            found = await self._store.range(key)
        except Unavailable as error:
            raise ServiceUnavailable(f"the store cannot be read: {error}", retry_after=1) from error
        if not found.kvs:
            raise not_found(kind, name)
        kv = found.kvs[0]
        cached = cache.entries.get(key)
        if cached is not None and cached.revision == kv.mod_revision:
            return cached
        return cache.version(key, kv.value, kv.mod_revision)


def not_found(kind: Kind, name: str) -> NotFound:
    return NotFound(
        f'{kind.group_resource} "{name}" not found', group=kind.group, kind=kind.plural, name=name
    )


def already_exists(kind: Kind, name: str) -> AlreadyExists:
    return AlreadyExists(
        f'{kind.group_resource} "{name}" already exists', group=kind.group, kind=kind.plural, name=name
    )
