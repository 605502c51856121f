"""What every backend must do, as one test class. A backend's tests subclass it and give the `opened` fixture: a
function that returns an async context manager of an empty, open store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest

from pybernetes.store.types import (
    Compacted,
    Compare,
    Delete,
    FutureRevision,
    Get,
    KeyValue,
    LeaseNotFound,
    Op,
    Put,
    Store,
    TxnResult,
    WatchBatch,
    prefix_end,
)

Opened: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]
PODS = "/registry/pods/"
END = prefix_end(PODS)


async def put(store: Store, key: str, value: bytes = b"{}", lease: int = 0) -> TxnResult:
    return await store.txn((), [Put(key, value, lease)])


async def collect(watch: AsyncIterator[WatchBatch], count: int) -> list[tuple[str, str, bytes]]:
    """The next `count` events as (type, key, value)."""
    got: list[tuple[str, str, bytes]] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            batch = await anext(watch)
            got += [(e.type, e.kv.key, e.kv.value) for e in batch.events]
    return got


async def next_events(watch: AsyncIterator[WatchBatch]) -> WatchBatch:
    """The next batch that is not mere progress."""
    async with asyncio.timeout(20):
        while not (batch := await anext(watch)).events:
            pass
    return batch


class StoreConformance:
    """To be inherited by a class that has a fixture `opened`: an `Opened`."""

    # ---- revisions and ranges

    def test_an_empty_store_has_a_revision_that_no_object_can_have(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                empty = await store.range(PODS, END)
                assert empty.revision >= 1
                assert (list(empty.kvs), empty.count, empty.more) == ([], 0, False)
                assert (await put(store, PODS + "a")).revision == empty.revision + 1

        asyncio.run(main())

    def test_versions_count_and_creation_is_remembered(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                key = PODS + "default/web"
                first = (await put(store, key, b"1")).revision
                second = await put(store, key, b"2")
                assert second.responses[0].previous == KeyValue(key, b"1", first, first, 1)
                assert list((await store.range(key)).kvs) == [KeyValue(key, b"2", first, first + 1, 2)]
                gone = await store.txn((), [Delete(key)])
                assert [kv.value for kv in gone.responses[0].previous] == [b"2"]
                again = await put(store, key, b"3")
                assert again.responses[0].previous is None
                assert (await store.range(key)).kvs[0] == KeyValue(key, b"3", first + 3, first + 3, 1)

        asyncio.run(main())

    def test_ranges_are_ordered_bounded_and_counted(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                for name in ("b", "a", "é", "c", "a-b", "a.b"):
                    await put(store, PODS + name)
                await put(store, "/registry/podsecurity/x")
                await put(store, "/registry/nodes/x")
                whole = await store.range(PODS, END)
                assert [kv.key[len(PODS) :] for kv in whole.kvs] == ["a", "a-b", "a.b", "b", "c", "é"]
                cut = await store.range(PODS, END, limit=2)
                assert ([kv.key[-1] for kv in cut.kvs], cut.count, cut.more) == (["a", "b"], 6, True)
                rest = await store.range(cut.kvs[-1].key + "\0", END, limit=4)
                assert (len(rest.kvs), rest.more) == (4, False)
                counted = await store.range(PODS, END, count_only=True)
                assert (list(counted.kvs), counted.count) == ([], 6)
                assert (await store.range(PODS + "none")).count == 0

        asyncio.run(main())

    def test_the_past_can_be_read_until_it_is_compacted(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                start = (await put(store, PODS + "a", b"1")).revision
                await put(store, PODS + "b", b"1")
                await put(store, PODS + "a", b"2")
                await store.txn((), [Delete(PODS + "b")])
                last = (await put(store, PODS + "c", b"1")).revision

                async def seen(revision: int) -> list[bytes]:
                    result = await store.range(PODS, END, revision=revision)
                    assert (result.revision, result.count) == (last, len(result.kvs))
                    return [kv.key[-1].encode() + kv.value for kv in result.kvs]

                assert await seen(start) == [b"a1"]
                assert await seen(start + 1) == [b"a1", b"b1"]
                assert await seen(start + 2) == [b"a2", b"b1"]
                assert await seen(start + 3) == [b"a2"]
                assert await seen(last) == [b"a2", b"c1"]
                page = await store.range(PODS, END, revision=start + 1, limit=1)
                assert (len(page.kvs), page.count, page.more) == (1, 2, True)
                with pytest.raises(FutureRevision):
                    await seen(last + 1)
                await store.compact(start + 2)
                assert await seen(start + 2) == [b"a2", b"b1"]
                with pytest.raises(Compacted) as error:
                    await seen(start + 1)
                assert error.value.compact_revision == start + 2
                with pytest.raises(Compacted):
                    await store.compact(start + 2)
                with pytest.raises(FutureRevision):
                    await store.compact(last + 1)

        asyncio.run(main())

    # ---- transactions

    @pytest.mark.parametrize(
        ("target", "op", "value", "holds"),
        [
            ("mod", "==", "mod", True),
            ("mod", "!=", "mod", False),
            ("mod", ">", 1, True),
            ("mod", "<", 1, False),
            ("version", "==", 2, True),
            ("create", ">", 0, True),
            ("value", "==", b"two", True),
            ("value", "!=", b"two", False),
            ("value", "<", b"zwo", True),
            ("lease", "==", 0, True),
        ],
    )
    def test_compares(
        self, opened: Opened, target: str, op: str, value: int | bytes | str, holds: bool
    ) -> None:
        async def main() -> None:
            async with opened() as store:
                await put(store, "/k", b"one")
                revision = (await put(store, "/k", b"two")).revision
                wanted = revision if value == "mod" else value
                result = await store.txn([Compare("/k", target, op, wanted)], [Put("/yes", b"")], [])  # type: ignore[arg-type]
                assert result.succeeded is holds
                assert result.revision == revision + holds

        asyncio.run(main())

    def test_a_missing_key_compares_as_zero_but_has_no_value(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                zeros = [
                    Compare("/none", target, "==", 0) for target in ("mod", "create", "version", "lease")
                ]
                assert (await store.txn(zeros, [])).succeeded
                assert not (await store.txn([Compare("/none", "value", "==", b"")], [])).succeeded

        asyncio.run(main())

    def test_a_transaction_is_one_revision_and_sees_its_own_writes(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                before = (await put(store, PODS + "old")).revision
                result = await store.txn(
                    [Compare(PODS + "old", "mod", "==", before), Compare(PODS + "new", "mod", "==", 0)],
                    [Get(PODS, END), Put(PODS + "new", b"n"), Delete(PODS + "old"), Get(PODS, END)],
                )
                assert result.revision == before + 1
                first, _, deleted, last = result.responses
                assert [kv.key for kv in first.kvs] == [PODS + "old"]
                assert [kv.key for kv in deleted.previous] == [PODS + "old"]
                assert [(kv.key, kv.mod_revision) for kv in last.kvs] == [(PODS + "new", before + 1)]
                refused = await store.txn(
                    [Compare(PODS + "new", "mod", "==", 0)], [Put(PODS + "x", b"")], [Get(PODS + "new")]
                )
                assert (refused.succeeded, refused.revision) == (False, before + 1)
                assert refused.responses[0].kvs[0].value == b"n"
                nothing = await store.txn((), [Delete("/none"), Delete("/no", "/np")])
                assert nothing.revision == before + 1
                assert [list(r.previous) for r in nothing.responses] == [[], []]

        asyncio.run(main())

    def test_a_transaction_may_not_write_a_key_twice(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                revision = (await store.range("/")).revision
                twice: list[list[Op]] = [
                    [Put("/k", b"1"), Put("/k", b"2")],
                    [Put("/k", b"1"), Delete("/", "0")],
                ]
                for ops in twice:
                    with pytest.raises(ValueError, match="duplicate key"):
                        await store.txn((), ops)
                assert (await store.range("/", "0")).revision == revision

        asyncio.run(main())

    def test_concurrent_compare_and_swap_loses_no_update(self, opened: Opened) -> None:
        async def add(store: Store, times: int) -> None:
            while times:
                kv = (await store.range("/count")).kvs[0]
                new = str(int(kv.value) + 1).encode()
                swap = await store.txn(
                    [Compare("/count", "mod", "==", kv.mod_revision)], [Put("/count", new)]
                )
                times -= swap.succeeded

        async def main() -> None:
            async with opened() as store:
                await put(store, "/count", b"0")
                await asyncio.gather(*(add(store, 5) for _ in range(8)))
                assert (await store.range("/count")).kvs[0].value == b"40"

        asyncio.run(main())

    # ---- watches

    def test_a_watch_sees_changes_with_what_they_replaced(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as watch:
                await put(store, "/registry/nodes/n", b"x")
                created = (await put(store, PODS + "a", b"1")).revision
                await put(store, PODS + "a", b"2")
                await store.txn((), [Delete(PODS, END)])
                events = []
                while len(events) < 3:
                    events += (await next_events(watch)).events
                one, two, three = events
                assert (one.type, one.previous) == ("put", None)
                assert one.kv == KeyValue(PODS + "a", b"1", created, created, 1)
                assert (two.type, two.previous) == ("put", one.kv)
                assert (three.type, three.previous) == ("delete", two.kv)
                assert (three.kv.key, three.kv.value, three.kv.mod_revision) == (PODS + "a", b"", created + 2)

        asyncio.run(main())

    def test_a_watch_of_one_key_sees_only_that_key(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch("/a") as watch:
                await put(store, "/a0", b"no")
                await put(store, "/", b"no")
                await put(store, "/a", b"yes")
                assert await collect(watch, 1) == [("put", "/a", b"yes")]

        asyncio.run(main())

    def test_a_watch_resumes_from_any_revision_without_gap_or_repeat(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                revisions = [(await put(store, PODS + str(i % 3), b"%d" % i)).revision for i in range(10)]
                wanted = [("put", PODS + str(i % 3), b"%d" % i) for i in range(14)]
                for start in (0, 4, 9):
                    async with store.watch(PODS, END, revision=revisions[start]) as watch:
                        assert await collect(watch, 10 - start) == wanted[start:10]
                async with store.watch(PODS, END, revision=revisions[6]) as watch:
                    for i in range(10, 14):
                        await put(store, PODS + str(i % 3), b"%d" % i)
                    assert await collect(watch, 8) == wanted[6:]

        asyncio.run(main())

    def test_a_watch_from_the_future_waits_for_it(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                now = (await put(store, "/k", b"0")).revision
                async with store.watch("/k", revision=now + 3) as watch:
                    for i in range(1, 5):
                        await put(store, "/k", b"%d" % i)
                    assert await collect(watch, 2) == [("put", "/k", b"3"), ("put", "/k", b"4")]

        asyncio.run(main())

    def test_a_transaction_arrives_in_one_batch(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as watch:
                ops = [Put(f"{PODS}{i:03}", b"v") for i in range(100)]
                revision = (await store.txn((), ops)).revision
                batch = await next_events(watch)
                assert [e.kv.key for e in batch.events] == [op.key for op in ops]
                assert {e.kv.mod_revision for e in batch.events} == {revision}
                assert batch.revision >= revision

        asyncio.run(main())

    def test_progress_tells_how_far_a_quiet_watch_has_come(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as watch:
                await put(store, PODS + "a")
                last = (await put(store, "/registry/nodes/n")).revision
                await store.progress()
                keys: list[str] = []
                async with asyncio.timeout(20):
                    async for batch in watch:
                        keys += [e.kv.key for e in batch.events]
                        if batch.revision >= last:
                            break
                assert keys == [PODS + "a"]

        asyncio.run(main())

    def test_a_slow_watcher_gets_everything_and_harms_nobody(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as slow, store.watch(PODS, END) as quick:
                total = 0
                for burst in range(60):
                    await store.txn((), [Put(f"{PODS}{i:03}", b"%d" % burst) for i in range(100)])
                    total += 100
                    assert len(await collect(quick, 100)) == 100
                everything = await collect(slow, total)
                assert [value for _, _, value in everything] == [b"%d" % (i // 100) for i in range(total)]
                await put(store, PODS + "last")
                assert await collect(slow, 1) == [("put", PODS + "last", b"{}")]

        asyncio.run(main())

    def test_a_watch_from_a_compacted_revision_is_refused(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                first = (await put(store, "/k", b"1")).revision
                for i in range(5):
                    await put(store, "/k", b"%d" % i)
                await store.compact(first + 3)
                with pytest.raises(Compacted) as error:
                    async with store.watch("/k", revision=first) as watch:
                        await next_events(watch)
                assert error.value.compact_revision == first + 3
                async with store.watch("/k", revision=first + 4) as watch:
                    assert await collect(watch, 2) == [("put", "/k", b"3"), ("put", "/k", b"4")]

        asyncio.run(main())

    # ---- leases and the end

    def test_revoking_a_lease_deletes_its_keys_in_one_transaction(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store:
                lease = await store.grant(60)
                assert (await store.keep_alive(lease.id)).id == lease.id
                for name in ("a", "b", "c"):
                    await put(store, PODS + name, b"v", lease.id)
                await put(store, PODS + "c", b"freed")
                before = await store.range(PODS, END)
                assert [kv.lease for kv in before.kvs] == [lease.id, lease.id, 0]
                async with store.watch(PODS, END) as watch:
                    await store.revoke(lease.id)
                    batch = await next_events(watch)
                assert sorted((e.type, e.kv.key) for e in batch.events) == [
                    ("delete", PODS + "a"),
                    ("delete", PODS + "b"),
                ]
                assert {e.kv.mod_revision for e in batch.events} == {before.revision + 1}
                assert [kv.value for kv in (await store.range(PODS, END)).kvs] == [b"freed"]
                for call in (store.keep_alive(lease.id), store.revoke(lease.id)):
                    with pytest.raises(LeaseNotFound):
                        await call
                with pytest.raises(LeaseNotFound):
                    await put(store, PODS + "d", b"v", lease.id)

        asyncio.run(main())

    def test_closing_ends_watches(self, opened: Opened) -> None:
        async def main() -> None:
            async with opened() as store, store.watch(PODS, END) as watch:
                await put(store, PODS + "a", b"1")
                assert await collect(watch, 1)
                await store.close()
                async with asyncio.timeout(20):
                    assert [batch async for batch in watch if batch.events] == []

        asyncio.run(main())
