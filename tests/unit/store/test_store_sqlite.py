"""What only a durable store can get wrong: reopening, damage, locks, full disks, sudden death."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from store_conformance import END, PODS, collect, put

from pybernetes.clock import Env
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.types import (
    Compacted,
    Compare,
    Corrupt,
    Delete,
    LeaseNotFound,
    Locked,
    Put,
    Unavailable,
)


def edit(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


async def fill(path: Path, env: Env) -> int:
    store = await SqliteStore.open(path, env)
    for name in ("a", "b", "c"):
        last = await put(store, PODS + name, b"value of " + name.encode())
    await store.close()
    return last.revision


def test_values_revisions_and_leases_survive_reopening(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "s.db"
        store = await SqliteStore.open(path, env)
        kept, ended = await store.grant(100), await store.grant(100)
        await put(store, PODS + "a", b"1", kept.id)
        await put(store, PODS + "a", b"2", kept.id)
        await put(store, PODS + "b", b"1")
        await put(store, PODS + "e", b"1", ended.id)
        await store.revoke(ended.id)
        await store.txn((), [Delete(PODS + "b")])
        before = await store.range(PODS, END)
        await store.close()

        store = await SqliteStore.open(path, env)
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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            "UPDATE kv SET value = CAST('value oX b' AS BLOB) WHERE key = '/registry/pods/b'",
            'record "/registry/pods/b"',
        ),
        ("UPDATE kv SET version = 7 WHERE key = '/registry/pods/c'", 'record "/registry/pods/c"'),
        (
            "UPDATE kv SET key = '/registry/pods/z' WHERE key = '/registry/pods/a'",
            'record "/registry/pods/z"',
        ),
        ("UPDATE meta SET number = 2", "has revision"),
        ("DELETE FROM meta", "revision is missing"),
        ("PRAGMA user_version = 99", "has format 99"),
        ("PRAGMA application_id = 1", "not a store of this program"),
    ],
)
def test_a_damaged_file_is_refused_by_name(env: Env, tmp_path: Path, damage: str, message: str) -> None:
    async def main() -> None:
        path = tmp_path / "s.db"
        await fill(path, env)
        edit(path, damage)
        for _ in range(2):  # the second time shows that the lock was given back
            with pytest.raises(Corrupt, match=message) as error:
                await SqliteStore.open(path, env)
            assert str(path) in str(error.value)

    asyncio.run(main())


def test_a_file_that_is_no_database_is_refused(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(Corrupt, match=r"s\.db is damaged"):
        asyncio.run(SqliteStore.open(path, env))
    with pytest.raises(Unavailable, match="cannot open"):
        asyncio.run(SqliteStore.open(tmp_path / "none" / "s.db", env))


def test_a_second_process_is_told_who_has_the_file(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "s.db"
        store = await SqliteStore.open(path, env)
        with pytest.raises(Locked, match=rf"s\.db is in use by another store \(process {os.getpid()}\)"):
            await SqliteStore.open(path, env)
        await store.close()
        await (await SqliteStore.open(path, env)).close()

    asyncio.run(main())


def test_writes_that_queue_share_a_commit(env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        store = await SqliteStore.open(tmp_path / "s.db", env)
        groups: list[int] = []
        commit = store._file.commit
        monkeypatch.setattr(
            store._file, "commit", lambda group: (groups.append(len(group.kvs)), commit(group))
        )
        await asyncio.gather(*(put(store, f"{PODS}{i}") for i in range(64)))
        assert groups == [64]
        assert (await store.range(PODS, END)).count == 64
        await store.close()

    asyncio.run(main())


def test_nobody_sees_a_write_before_it_is_durable(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        store = await SqliteStore.open(tmp_path / "s.db", env)
        old = await put(store, "/k", b"old")
        await put(store, "/other", b"o")
        before = await store.range("/", "0")
        entered, let_go = asyncio.Event(), asyncio.Event()
        commit = store._file.commit

        def stuck(group: object) -> None:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(20)
            commit(group)  # type: ignore[arg-type]

        monkeypatch.setattr(store._file, "commit", stuck)
        async with store.watch("/", "0") as watch:
            write = asyncio.create_task(store.txn((), [Put("/k", b"new"), Delete("/other")]))
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


def test_a_failed_write_leaves_the_store_as_it_was(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "s.db"
        store = await SqliteStore.open(path, env)
        lease = await store.grant(50)
        await put(store, "/k", b"old", lease.id)
        before = await store.range("/", "0")
        (pages,) = store._file._db.execute("PRAGMA page_count").fetchone()
        store._file._db.execute(f"PRAGMA max_page_count = {pages}")
        big = b"x" * 100_000
        results = await asyncio.gather(
            put(store, "/k", big),
            put(store, "/n", b"neighbour"),
            store.revoke(lease.id),
            store.grant(5),
            return_exceptions=True,
        )
        assert [type(r) for r in results] == [Unavailable] * 4
        assert "full" in str(results[0])
        assert await store.range("/", "0") == before
        store._file._db.execute(f"PRAGMA max_page_count = {2**30}")
        assert (await put(store, "/k", big, lease.id)).revision == before.revision + 1
        await store.close()
        store = await SqliteStore.open(path, env)
        assert [(kv.key, kv.lease) for kv in (await store.range("/", "0")).kvs] == [("/k", lease.id)]
        await store.close()

    asyncio.run(main())


WRITER = """
import asyncio, sys
from pybernetes.clock import Env
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.types import Put

async def one(store, worker):
    n = 0
    while True:
        done = await store.txn((), [Put(f"/w/{worker}/{n}", b"v%d" % n), Put(f"/last/{worker}", b"%d" % n)])
        sys.stdout.write(f"{worker} {n} {done.revision}\\n")
        sys.stdout.flush()
        n += 1

async def main():
    store = await SqliteStore.open(sys.argv[1], Env.real())
    await asyncio.gather(*(one(store, w) for w in range(8)))

asyncio.run(main())
"""


def test_no_acknowledged_write_is_lost_when_the_process_is_killed(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    newest = 0
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(400)]
        child.send_signal(signal.SIGKILL)
        lines += [line for line in child.stdout.readlines() if line.endswith("\n")]
        child.stdout.close()
        child.wait()
        acknowledged = [tuple(map(int, line.split())) for line in lines]

        async def check() -> int:
            store = await SqliteStore.open(path, env)
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
