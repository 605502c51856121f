"""The durable store when the process dies, the power fails or the disk refuses, at every single step.

`Disk` follows what a store asks of the operating system. It knows two states of the directory at any moment: what the
next process would read (the kernel's pages), and what would be left if the power failed now.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from store_conformance import put
from watched_disk import Disk, Files, Moment, lay_out

from pybernetes.clock import Env
from pybernetes.store import frames, journal
from pybernetes.store.journal import JournalStore
from pybernetes.store.journalfile import JournalFile
from pybernetes.store.types import Corrupt, Unavailable


def state_of(path: Path) -> tuple[int, dict[str, bytes]]:
    file = JournalFile(path)
    file.close()
    return file.loaded.revision, {kv.key: kv.value for kv in file.loaded.kvs}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots often, and no waiting for the real disk."""
    monkeypatch.setattr(journal, "JOURNAL_LIMIT", 500)
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda _descriptor: None)


async def snapshot_of(store: JournalStore) -> None:
    """Waits for the snapshot that is being written."""
    if store._snapshot is not None:
        await asyncio.wait([store._snapshot])


History = dict[int, dict[str, bytes]]
"""What the store holds at each revision."""


async def write(disk: Disk, env: Env, history: History, count: int) -> None:
    """Opens the store and writes one thing after another, until the disk refuses for good."""
    store = await JournalStore.open(disk.path, env)
    found = await store.range("/", "0")
    history[found.revision] = {kv.key: kv.value for kv in found.kvs}
    disk.acknowledged = found.revision
    try:
        for n in range(count):
            before = history[(await store.range("/", "0")).revision]
            key, value = f"/k/{n % 4}", b"%d " % n * 9
            history[disk.acknowledged + 1] = {**before, key: value}
            try:
                done = await put(store, key, value)
            except Unavailable:
                if store._file.broken:
                    break
                continue
            disk.acknowledged = done.revision
            if n % 4 == 3:
                await snapshot_of(store)
    finally:
        await store.close()


def check(moment: Moment, history: History, path: Path, files: Files) -> int:
    lay_out(path, files)
    revision, contents = state_of(path)
    assert revision >= moment.acknowledged, f"{moment.step}: an acknowledged write is lost"
    assert contents == history.get(revision, {}), moment.step
    return revision


def test_nothing_acknowledged_is_lost_whenever_the_process_dies_or_the_power_fails(
    env: Env, tmp_path: Path
) -> None:
    disk, history = Disk(tmp_path / "store"), History()
    with disk.followed():
        asyncio.run(write(disk, env, history, 24))
    assert any("replace of snapshot" in moment.step for moment in disk.moments)
    for moment in disk.moments:
        for files in (moment.read, moment.left, moment.torn):
            check(moment, history, tmp_path / "other", files)


def test_what_a_new_process_shows_stays_also_if_the_power_fails_then(env: Env, tmp_path: Path) -> None:
    disk, history = Disk(tmp_path / "store"), History()
    with disk.followed():
        asyncio.run(write(disk, env, history, 9))
    for moment in disk.moments:
        again = Disk(tmp_path / "again")
        again.go_on(moment)
        later = dict(history)
        with again.followed():
            file = JournalFile(again.path)
            file.close()
            shown = file.loaded.revision
            again.note("opened")
            lay_out(tmp_path / "other", again.moments[-1].left)
            assert state_of(tmp_path / "other")[0] >= shown, f"{moment.step}, a new process, power cut"
            asyncio.run(write(again, env, later, 4))
        for next_moment in again.moments[4::3]:
            check(next_moment, later, tmp_path / "other", next_moment.left)


def test_leases_and_their_keys_come_and_go_together(env: Env, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "store")
    granted: list[tuple[int, int]] = []
    """(how many moments there were when it was acknowledged, the lease)."""
    revoked: list[tuple[int, int]] = []

    async def main() -> None:
        store = await JournalStore.open(disk.path, env)
        for n in range(8):
            lease = await store.grant(100 + n)
            granted.append((len(disk.moments), lease.id))
            for name in "ab":
                await put(store, f"/k/{n}/{name}", b"v" * 40, lease.id)
            if n % 2:
                await store.revoke(lease.id)
                revoked.append((len(disk.moments), lease.id))
        await store.close()

    with disk.followed():
        asyncio.run(main())
    for number, moment in enumerate(disk.moments):
        for files in (moment.read, moment.left, moment.torn):
            lay_out(tmp_path / "other", files)
            file = JournalFile(tmp_path / "other")
            file.close()
            there = {lease.id for lease in file.loaded.leases}
            assert {kv.lease for kv in file.loaded.kvs} <= there
            gone = {lease for at, lease in revoked if at <= number}
            assert not gone & there, moment.step
            assert {lease for at, lease in granted if at <= number} - {lease for _, lease in revoked} <= there


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_step_that_the_disk_refuses_loses_nothing_else(env: Env, tmp_path: Path, code: int) -> None:
    disk = Disk(tmp_path / "all")
    with disk.followed():
        asyncio.run(write(disk, env, {}, 12))
    for failing in range(1, disk.count + 1):
        history = History()
        one = Disk(tmp_path / f"{failing}", refuse=lambda n, _step, at=failing: code * (n == at))  # type: ignore[misc]
        with one.followed():
            with suppress(Unavailable):  # it may be the opening that is refused
                asyncio.run(write(one, env, history, 12))
            revision, contents = state_of(one.path)
            assert revision >= one.acknowledged, f"step {failing}: {one.moments[-1].step}"
            assert contents == history.get(revision, {})
            one.note("opened anew")
        lay_out(tmp_path / "other", one.moments[-1].left)
        assert state_of(tmp_path / "other")[0] == revision, f"step {failing}, opened anew, power cut"
        shutil.rmtree(one.path)


def test_a_full_disk_refuses_writes_until_there_is_room(env: Env, tmp_path: Path) -> None:
    """Snapshots fail, journals cannot grow; reads go on, and all is well once there is room."""
    full = [False]

    def refuse(_number: int, step: str) -> int:
        return errno.ENOSPC if full[0] and step in ("pwrite", "write") else 0

    async def main() -> None:
        disk = Disk(tmp_path / "store", refuse=refuse)
        with disk.followed():
            store = await JournalStore.open(disk.path, env)
            for n in range(40):
                full[0] = 10 <= n < 30
                if full[0]:
                    with pytest.raises(Unavailable, match="No space left on device"):
                        await put(store, f"/k/{n}", b"x" * 50)
                    assert (await store.range("/", "0")).count == 10
                else:
                    await put(store, f"/k/{n}", b"x" * 50)
            await store.close()
        assert len(state_of(disk.path)[1]) == 20

    asyncio.run(main())


def groups(path: Path, env: Env, count: int) -> History:
    """A store with so many groups; what it holds after each."""
    history: History = {1: {}}

    async def main() -> None:
        store = await JournalStore.open(path, env)
        for n in range(count):
            done = await put(store, f"/k/{n}", b"v%d" % n)
            history[done.revision] = {**history[done.revision - 1], f"/k/{n}": b"v%d" % n}
        await snapshot_of(store)
        await store.close()

    asyncio.run(main())
    return history


def test_a_journal_cut_or_changed_at_any_byte_is_a_prefix_or_refused_by_name(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNAL_LIMIT", 1 << 20)
    path = tmp_path / "store"
    history = groups(path, env, 3)
    whole = (path / "journal.0").read_bytes()
    last = whole.rindex(frames.MARK)
    for size in range(len(whole)):
        (path / "journal.0").write_bytes(whole[:size])
        revision, contents = state_of(path)
        assert contents == history[revision]
    for at in range(len(whole)):
        (path / "journal.0").write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        if at >= last:
            assert state_of(path) == (3, history[3]), "as a group that was cut off"
        else:
            with pytest.raises(Corrupt) as error:
                state_of(path)
            found = str(error.value)
            assert str(path / "journal.0") in found or ("byte" in found and "journal.0" in found), found


def test_a_damaged_group_is_told_with_its_place(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNAL_LIMIT", 1 << 20)
    path = tmp_path / "store"
    groups(path, env, 3)
    whole = bytearray((path / "journal.0").read_bytes())
    first = whole.index(frames.MARK)
    second = whole.index(frames.MARK, first + 1)
    third = whole.index(frames.MARK, second + 1)
    whole[third - 1] ^= 1
    (path / "journal.0").write_bytes(whole)
    with pytest.raises(Corrupt) as error:
        JournalFile(path)
    assert str(error.value) == (
        f"{path}: group 2 of the journal is damaged or missing, behind byte {second} of journal.0"
        f" (group 3 is there, at byte {third} of journal.0)"
    )


def test_a_snapshot_cut_or_changed_at_any_byte_is_refused_by_name(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "store"
    groups(path, env, 30)
    whole = (path / "snapshot").read_bytes()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]):
            (path / "snapshot").write_bytes(damaged)
            with pytest.raises(Corrupt, match=f"{path}"):
                state_of(path)
    (path / "snapshot").write_bytes(whole)
    assert len(state_of(path)[1]) == 30


def test_a_group_that_cannot_be_written_down_fails_alone(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        store = await JournalStore.open(tmp_path / "store", env)
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable, match="no form in the journal"):
                await put(store, "/k/\ud800", b"v")
            await put(store, "/k/a", b"v")
        assert (await store.range("/", "0")).count == 1
        await store.close()

    asyncio.run(main())


def test_an_opening_that_is_given_up_leaves_no_lock(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        loop, entered, let_go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def slow(path: Path) -> JournalFile:
            loop.call_soon_threadsafe(entered.set)
            let_go.wait(5)
            return JournalFile(path)

        monkeypatch.setattr(journal, "JournalFile", slow)
        opening = asyncio.create_task(JournalStore.open(tmp_path / "store", env))
        await entered.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        let_go.set()
        await loop.shutdown_default_executor()
        await asyncio.sleep(0)

    asyncio.run(main())
    JournalFile(tmp_path / "store").close()


def test_a_lock_on_a_full_disk_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    JournalFile(tmp_path / "store").close()
    monkeypatch.setattr(os, "write", refuse)
    JournalFile(tmp_path / "store").close()
