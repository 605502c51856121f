"""The embedded backends against the conformance tests, and what they add: expiry on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from store_conformance import END, PODS, Opened, StoreConformance, next_events, put

from pybernetes.clock import Env
from pybernetes.store.journal import JournalStore
from pybernetes.store.memory import MemoryStore
from pybernetes.store.types import Compacted, LeaseNotFound, Put, Unavailable


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped


class Embedded(StoreConformance):
    def test_an_expired_lease_takes_its_keys_along(self, opened: Opened) -> None:
        loop = SkippingLoop()

        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as watch:
                short, long = await store.grant(10), await store.grant(1000)
                await put(store, PODS + "a", b"v", short.id)
                await put(store, PODS + "b", b"v", long.id)
                loop.skipped += 9
                await asyncio.sleep(0)
                await store.keep_alive(short.id)
                loop.skipped += 9
                await asyncio.sleep(0)
                assert (await store.range(PODS, END)).count == 2
                await next_events(watch)
                loop.skipped += 2
                while (batch := await next_events(watch)).events[-1].type == "put":
                    pass
                assert [(e.type, e.kv.key) for e in batch.events] == [("delete", PODS + "a")]
                with pytest.raises(LeaseNotFound):
                    await store.keep_alive(short.id)
                assert (await store.keep_alive(long.id)).ttl == 1000

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    def test_a_watcher_overtaken_by_compaction_is_told(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as watch:
                for _ in range(50):
                    last = await store.txn((), [Put(f"{PODS}{i}", b"v") for i in range(100)])
                await store.compact(last.revision)
                first = await anext(watch)
                assert 0 < len(first.events) < 5000
                with pytest.raises(Compacted):
                    await anext(watch)

        asyncio.run(main())

    def test_a_closed_store_says_so(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                await store.close()
                await store.close()
                with pytest.raises(Unavailable):
                    await put(store, "/k")
                with pytest.raises(Unavailable):
                    await store.range("/k")
                with pytest.raises(Unavailable):
                    async with store.watch("/k"):
                        pass

        asyncio.run(main())


class TestMemory(Embedded):
    @pytest.fixture
    def opened(self, env: Env) -> Opened:
        @asynccontextmanager
        async def open_store() -> AsyncIterator[MemoryStore]:
            store = MemoryStore(env)
            yield store
            await store.close()

        return open_store


class TestJournal(Embedded):
    @pytest.fixture
    def opened(self, env: Env, tmp_path: Path) -> Opened:
        @asynccontextmanager
        async def open_store() -> AsyncIterator[JournalStore]:
            store = await JournalStore.open(tmp_path / "store", env)
            yield store
            await store.close()

        return open_store
