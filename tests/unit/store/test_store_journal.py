"""What only a durable store can get wrong: reopening, damage, locks, full disks, sudden death."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_conformance import END, PODS, collect, put

from pybernetes.clock import Env
from pybernetes.store import frames, journal
from pybernetes.store.journal import JournalStore
from pybernetes.store.types import (
    Compacted,
    Compare,
    Corrupt,
    Delete,
    KeyValue,
    Lease,
    LeaseNotFound,
    Locked,
    Put,
    Unavailable,
)


async def fill(path: Path, env: Env, names: str = "abc") -> int:
    store = await JournalStore.open(path, env)
    for name in names:
        last = await put(store, PODS + name, b"value of " + name.encode())
    await store.close()
    return last.revision


async def contents(path: Path, env: Env) -> dict[str, bytes]:
    store = await JournalStore.open(path, env)
    found = {kv.key: kv.value for kv in (await store.range("/", "0")).kvs}
    await store.close()
    return found


def test_values_revisions_and_leases_survive_reopening(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "store"
        store = await JournalStore.open(path, env)
        kept, ended = await store.grant(100), await store.grant(100)
        await put(store, PODS + "a", b"1", kept.id)
        await put(store, PODS + "a", b"2", kept.id)
        await put(store, PODS + "b", b"1")
        await put(store, PODS + "e", b"1", ended.id)
        await store.revoke(ended.id)
        await store.txn((), [Delete(PODS + "b")])
        before = await store.range(PODS, END)
        await store.close()

        store = await JournalStore.open(path, env)
        assert not hasattr(store._file, "loaded"), "what is overwritten later must not stay in memory"
        assert await store.range(PODS, END) == before
        assert (await store.keep_alive(kept.id)).ttl == 100
        with pytest.raises(LeaseNotFound):
            await store.keep_alive(ended.id)
        with pytest.raises(Compacted):
            await store.range(PODS, END, revision=before.revision - 1)
        async with store.watch(PODS, END, revision=before.revision + 1) as watch:
            swap = await store.txn(
                [Compare(PODS + "a", "mod", "==", before.kvs[0].mod_revision)], [Put(PODS + "a", b"3")]
            )
            assert (swap.succeeded, swap.revision) == (True, before.revision + 1)
            assert await collect(watch, 1) == [("put", PODS + "a", b"3")]
        await store.revoke(kept.id)
        await store.close()

    asyncio.run(main())


def flip(path: Path, what: bytes) -> None:
    """Changes one bit in the middle of `what`."""
    data = bytearray(path.read_bytes())
    data[data.index(what) + len(what) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: flip(path / "journal.0", b"value of b"), "group 2 of the journal is damaged"),
        (lambda path: flip(path / "journal.0", frames.MARK), "group 1 of the journal is damaged"),
        (lambda path: flip(path / "journal.0", b"pybernetes journal"), "journal.0 is not a journal"),
        (lambda path: (path / "journal.1").write_bytes(b"x" * 99), "journal.1 is not a journal"),
        (lambda path: (path / "snapshot").write_bytes(b"SQLite format 3\0"), "snapshot is not a snapshot"),
        (lambda path: (path / "snapshot").write_bytes(b"pybernetes snapshot 2\n1"), "ends in its head"),
    ],
)
def test_a_damaged_journal_is_refused_by_name(
    env: Env, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    async def main() -> None:
        path = tmp_path / "store"
        await fill(path, env)
        damage(path)
        for _ in range(2):  # the second time shows that the lock was given back
            with pytest.raises(Corrupt, match=message) as error:
                await JournalStore.open(path, env)
            assert str(path) in str(error.value)

    asyncio.run(main())


def test_a_place_where_no_store_can_be_is_refused(env: Env, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "none" / "store", tmp_path / "file"):
        with pytest.raises(Unavailable, match=f"cannot open {path}"):
            asyncio.run(JournalStore.open(path, env))


def test_a_group_that_was_cut_off_is_as_if_it_had_not_been(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "store"
    asyncio.run(fill(path, env))
    whole = (path / "journal.0").read_bytes()
    last = whole.rindex(frames.MARK)
    for size in range(last, len(whole)):
        (path / "journal.0").write_bytes(whole[:size])
        assert sorted(asyncio.run(contents(path, env))) == [PODS + "a", PODS + "b"]
    (path / "journal.0").write_bytes(whole[: last + 40] + bytes(500))  # the disk had made room, no more
    asyncio.run(fill(path, env, "x"))
    assert sorted(asyncio.run(contents(path, env))) == [PODS + "a", PODS + "b", PODS + "x"]


def test_a_second_process_is_told_who_has_the_store(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "store"
        store = await JournalStore.open(path, env)
        with pytest.raises(Locked, match=rf"store is in use by another store \(process {os.getpid()}\)"):
            await JournalStore.open(path, env)
        await store.close()
        await (await JournalStore.open(path, env)).close()

    asyncio.run(main())


def test_writes_that_queue_share_a_group(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        store = await JournalStore.open(tmp_path / "store", env)
        await asyncio.gather(*(put(store, f"{PODS}{i}") for i in range(64)))
        assert store._file.number == 1
        assert (await store.range(PODS, END)).count == 64
        await store.close()

    asyncio.run(main())


def test_nobody_sees_a_write_before_it_is_durable(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        store = await JournalStore.open(tmp_path / "store", env)
        old = await put(store, "/k", b"old")
        await put(store, "/other", b"o")
        before = await store.range("/", "0")
        entered, let_go = asyncio.Event(), asyncio.Event()
        append = store._file.append

        def stuck(frame: bytes) -> None:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(20)
            append(frame)

        monkeypatch.setattr(store._file, "append", stuck)
        async with store.watch("/", "0") as watch:
            write = asyncio.ensure_future(store.txn((), [Put("/k", b"new"), Delete("/other")]))
            await entered.wait()
            assert await store.range("/", "0") == before
            assert (await store.range("/k")).kvs[0].mod_revision == old.revision
            assert (await store.range("/x")).revision == before.revision
            assert not write.done()
            let_go.set()
            done = await write
            assert (await store.range("/k")).kvs[0].value == b"new"
            assert {kind for kind, _, _ in await collect(watch, 2)} == {"put", "delete"}
            assert done.revision == before.revision + 1
        await store.close()

    asyncio.run(main())


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_failed_write_leaves_the_store_as_it_was(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "store"
        store = await JournalStore.open(path, env)
        lease = await store.grant(50)
        await put(store, "/k", b"old", lease.id)
        before = await store.range("/", "0")
        big = b"x" * 100_000
        with files_no_longer_than(50_000):
            results = await asyncio.gather(
                put(store, "/k", big),
                put(store, "/n", b"neighbour"),
                store.revoke(lease.id),
                store.grant(5),
                return_exceptions=True,
            )
        assert [type(r) for r in results] == [Unavailable] * 4
        assert os.strerror(errno.EFBIG) in str(results[0])
        assert await store.range("/", "0") == before
        assert (await put(store, "/k", big, lease.id)).revision == before.revision + 1
        await store.close()
        store = await JournalStore.open(path, env)
        assert [(kv.key, kv.lease) for kv in (await store.range("/", "0")).kvs] == [("/k", lease.id)]
        await store.close()

    asyncio.run(main())


def test_a_disk_that_does_not_confirm_ends_the_writing(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        store = await JournalStore.open(tmp_path / "store", env)
        await put(store, "/k", b"old")

        def refuse(_descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fdatasync", refuse)
        failed = await asyncio.gather(put(store, "/k", b"new"), put(store, "/l"), return_exceptions=True)
        monkeypatch.undo()
        assert [type(error) for error in failed] == [Unavailable] * 2
        assert [kv.value for kv in (await store.range("/", "0")).kvs] == [b"old"]
        with pytest.raises(Unavailable, match="opened anew"):
            await put(store, "/m")
        await store.close()

    asyncio.run(main())


def test_a_long_journal_becomes_a_snapshot(env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "JOURNAL_LIMIT", 20_000)
    path = tmp_path / "store"

    async def main() -> dict[str, bytes]:
        store = await JournalStore.open(path, env)
        lease = await store.grant(77)
        for n in range(900):
            await put(store, f"/k/{n % 90}", b"%d" % n * 30, lease.id if n % 2 else 0)
            if n % 10 == 0:
                await store.txn((), [Delete(f"/k/{n % 90}")])
        found = await store.range("/", "0")
        await store.close()
        store = await JournalStore.open(path, env)
        assert await store.range("/", "0") == found
        assert (await store.keep_alive(lease.id)).ttl == 77
        await store.close()
        return {kv.key: kv.value for kv in found.kvs}

    expected = asyncio.run(main())
    assert (path / "snapshot").exists()
    assert sum(file.stat().st_size for file in path.iterdir()) < 120_000
    assert asyncio.run(contents(path, env)) == expected
    flip(path / "snapshot", next(iter(expected.values())))
    with pytest.raises(Corrupt, match="snapshot is damaged"):
        asyncio.run(contents(path, env))


def test_a_snapshot_that_fails_loses_nothing_and_is_tried_again(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "JOURNAL_LIMIT", 20_000)
    path = tmp_path / "store"
    path.mkdir()
    (path / "snapshot.new").mkdir()

    async def main(names: range) -> None:
        store = await JournalStore.open(path, env)
        for n in names:
            await put(store, f"/k/{n}", b"v" * 1000)
        await store.close()

    asyncio.run(main(range(60)))
    assert "cannot write a snapshot" in caplog.text
    assert not (path / "snapshot").exists()
    assert len(asyncio.run(contents(path, env))) == 60  # from both journals
    (path / "snapshot.new").rmdir()
    asyncio.run(main(range(60, 120)))
    assert (path / "snapshot").exists()
    assert len(asyncio.run(contents(path, env))) == 120


values = st.binary(max_size=40)
texts = st.text(max_size=12)
numbers = st.integers(0, 2**63 - 1)
changes = st.one_of(
    st.builds(KeyValue, texts, values, numbers, numbers, numbers, numbers),
    texts,
    st.builds(Lease, numbers, numbers),
    numbers,
)


@settings(max_examples=50)
@given(st.lists(st.tuples(numbers, st.lists(changes, max_size=5)), max_size=5), st.binary(max_size=30))
def test_frames_come_back_as_they_were(groups: list[tuple[int, list[frames.Change]]], noise: bytes) -> None:
    data = noise + noise.join(frames.encode(n, revision, group) for n, (revision, group) in enumerate(groups))
    found = list(frames.scan(data, 0))
    assert [frame.number for frame in found] == list(range(len(groups)))
    assert [frames.decode(frame) for frame in found] == [
        frames.Group(revision, tuple(group)) for revision, group in groups
    ]


WRITER = """
import asyncio, sys
from pybernetes.clock import Env
from pybernetes.store import journal
from pybernetes.store.types import Put
journal.JOURNAL_LIMIT = int(sys.argv[2])

async def one(store, worker):
    n = 0
    while True:
        done = await store.txn((), [Put(f"/w/{worker}/{n}", b"v%d" % n), Put(f"/last/{worker}", b"%d" % n)])
        sys.stdout.write(f"{worker} {n} {done.revision}\\n")
        sys.stdout.flush()
        n += 1

async def main():
    store = await journal.JournalStore.open(sys.argv[1], Env.real())
    await asyncio.gather(*(one(store, w) for w in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("limit", [16 * 1024 * 1024, 5_000])
def test_no_acknowledged_write_is_lost_when_the_process_is_killed(
    env: Env, tmp_path: Path, limit: int
) -> None:
    path = tmp_path / "store"
    newest = 0
    for _ in range(2):
        command = [sys.executable, "-c", WRITER, str(path), str(limit)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(800)]
        child.send_signal(signal.SIGKILL)
        lines += [line for line in child.stdout.readlines() if line.endswith("\n")]
        child.stdout.close()
        child.wait()
        acknowledged = [tuple(map(int, line.split())) for line in lines]

        async def check() -> int:
            store = await JournalStore.open(path, env)
            for worker, n, revision in acknowledged:  # noqa: B023  (run within the iteration)
                (kv,) = (await store.range(f"/w/{worker}/{n}")).kvs
                assert kv.value == b"v%d" % n
                assert kv.mod_revision >= revision
            highest = max(revision for _, _, revision in acknowledged)  # noqa: B023
            after = await put(store, "/after")
            assert after.revision > highest
            await store.close()
            return after.revision

        reached = asyncio.run(check())
        assert reached > newest
        newest = reached
