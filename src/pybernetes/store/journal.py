"""The durable store of one machine: the core in memory, every change in a journal on the disk before anyone hears of it.

Group commit: while the writer thread waits for the disk, changes queue; they run when it is done and share the next
group. A single writer pays one disk sync per write, sixty-four pay one together.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from pybernetes.clock import Env

from . import frames, snapshotfile
from .embedded import EmbeddedStore
from .frames import Change
from .journalfile import SNAPSHOT, JournalFile
from .mvcc import Mvcc
from .snapshotfile import Abandoned, Snapshot
from .types import Lease, StoreError, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_LIMIT = 500
"""Changes in one group: bounds how long the loop is held."""
GATHERING_TURNS = 8
"""Turns of the loop for which a group waits at most, as long as each of them brings more changes: what a busy loop is
about to ask for shares the commit, instead of the thread taking the processor from it for a few changes at a time."""
JOURNAL_LIMIT = 16 * 1024 * 1024
"""Bytes after which a journal is replaced by a snapshot, unless the last snapshot was half as large or larger."""

BROKEN = "the store cannot be written any more and has to be opened anew"


class JournalStore(EmbeddedStore):
    """Made by `open`. After a group that could not be written, the store is as before it and goes on; if the disk
    cannot tell what it holds, every call raises Unavailable until the store is opened anew."""

    def __init__(self, env: Env, file: JournalFile) -> None:
        loaded = file.loaded
        del file.loaded  # the core's from now on: nothing else may hold versions that it forgets
        super().__init__(env, Mvcc(loaded.kvs, loaded.revision), loaded.leases)
        self._loop = asyncio.get_running_loop()
        self._file = file
        self._queue: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._answers: list[tuple[asyncio.Future[Any], Any]] = []
        """Who waits for the group that is being written, and for what."""
        self._lease_changes: list[tuple[Lease, bool]] = []
        self._gathered = self._turns = 0
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._frames: SimpleQueue[bytes | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._writer.start()
        self._stop = threading.Event()
        self._snapshot: asyncio.Task[None] | None = None
        self._snapshot_from = self._limit()

    @classmethod
    async def open(cls, directory: str | Path, env: Env) -> JournalStore:
        """Opens or creates the directory. Raises Locked, Corrupt, Unavailable."""
        opening = asyncio.ensure_future(asyncio.to_thread(JournalFile, Path(directory)))
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_let_go)
            raise
        store = cls(env, file)
        if file.crowded:
            store._replace_journal()
        return store

    # ---- changes

    def _apply(self, change: Callable[[], T]) -> asyncio.Future[T]:
        self._check_usable()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._queue.append((change, answer))
        if not self._busy:
            self._begin()
        return answer  # a caller that gives up cancels its answer, not the write: that has begun

    def _begin(self) -> None:
        self._busy = True
        self._idle.clear()
        self._gathered, self._turns = 0, GATHERING_TURNS
        self._loop.call_soon(self._gather)

    def _gather(self) -> None:
        """Lets the group grow while it does, then commits it."""
        queued = len(self._queue)
        if self._gathered < queued < GROUP_LIMIT and self._turns:
            self._gathered = queued
            self._turns -= 1
            self._loop.call_soon(self._gather)
        else:
            self._commit()

    def _commit(self) -> None:
        group, self._queue = self._queue[:GROUP_LIMIT], self._queue[GROUP_LIMIT:]
        if self._file.broken:
            self._answers = [(answer, None) for _, answer in group]
            self._written(Unavailable(BROKEN))
            return
        self._answers = [(answer, _outcome(change)) for change, answer in group]
        revision, leases = self._mvcc.revision, self._lease_changes
        if revision == self._hub.revision and not leases:
            self._written(None)
            return
        try:
            frame = frames.encode(self._file.number + 1, revision, self._changes())
        except (struct.error, ValueError, MemoryError) as error:
            self._written(Unavailable(f"a group of changes has no form in the journal: {error}"))
        else:
            self._frames.put(frame)

    def _changes(self) -> Iterator[Change]:
        """What the core has beyond what is published."""
        for lease, granted in self._lease_changes:
            yield lease if granted else lease.id
        for revision in range(self._hub.revision + 1, self._mvcc.revision + 1):
            for event in self._mvcc.events_at(revision):
                yield event.kv if event.type == "put" else event.kv.key

    def _write(self) -> None:
        """The writer thread."""
        while (frame := self._frames.get()) is not None:
            error: StoreError | None = None
            try:
                self._file.append(frame)
            except StoreError as refused:
                error = refused
            except BaseException as bug:  # noqa: BLE001  (told to everybody who waits)
                self._file.broken = True
                error = Unavailable(f"the journal cannot be written: {bug!r}")
            self._loop.call_soon_threadsafe(self._written, error)

    def _written(self, error: StoreError | None) -> None:
        """A group is on the disk, or cannot be."""
        answers, self._answers = self._answers, []
        if error is None:
            self._publish()
        else:
            self._take_back()
        self._lease_changes = []
        for answer, outcome in answers:
            if answer.done():
                continue  # the caller gave up
            if error is not None:
                outcome = error
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
                answer.exception()  # whoever gave up does not have to look at it
            else:
                answer.set_result(outcome)
        if self._file.size > self._snapshot_from and self._snapshot is None and not self._closed:
            self._replace_journal()
        if self._queue:
            self._begin()
        else:
            self._busy = False
            self._idle.set()

    def _take_back(self) -> None:
        """Makes the core what it was before the failed group."""
        self._mvcc.rollback(self._hub.revision)
        for lease, granted in reversed(self._lease_changes):
            if granted:
                self._leases.remove(lease.id)
            else:
                self._leases.add(lease)
        self._leases.attach(self._mvcc.current())

    def _lease_changed(self, lease: Lease, granted: bool) -> None:
        self._lease_changes.append((lease, granted))

    def _check_usable(self) -> None:
        self._check_open()
        if self._file.broken:
            raise Unavailable(BROKEN)

    # ---- snapshots

    def _limit(self) -> int:
        return max(JOURNAL_LIMIT, 2 * self._file.snapshot_size)

    def _everything(self) -> Snapshot:
        """What is published: called where nothing else is on its way."""
        return Snapshot(
            self._file.number, self._hub.revision, tuple(self._mvcc.current()), tuple(self._leases.all())
        )

    def _replace_journal(self) -> None:
        """Begins a snapshot, which makes the journal until now unnecessary; the other one takes over."""
        everything = self._everything()
        if not self._file.crowded:
            self._file.turn()
        self._snapshot = self._loop.create_task(self._save(everything), name="store snapshot")

    async def _save(self, everything: Snapshot) -> None:
        """Writes a snapshot; where that fails it is tried again, of all there is by then, after as much again was
        written: until then nothing of the journals is given up."""
        path = self._file.directory / SNAPSHOT
        try:
            self._file.snapshot_size = await asyncio.to_thread(
                snapshotfile.write, path, everything, self._stop
            )
            self._file.crowded = False
            self._snapshot_from = self._limit()
        except Abandoned:
            return
        except OSError as error:
            log.warning("%s: cannot write a snapshot: %s", path, error.strerror)
            self._snapshot_from = self._file.size + JOURNAL_LIMIT
        finally:
            self._snapshot = None

    # ---- the end

    async def _release(self) -> None:
        await self._idle.wait()
        self._stop.set()
        if self._snapshot is not None:
            await self._snapshot
        self._frames.put(None)
        await asyncio.to_thread(self._writer.join)
        self._file.close()


def _let_go(opening: asyncio.Future[JournalFile]) -> None:
    """Nobody waits for the file any more: its lock is free for who comes next."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _outcome(change: Callable[[], Any]) -> Any:
    """The answer of a change, or the exception it raised: one caller's mistake is not its neighbours'."""
    try:
        return change()
    except Exception as error:  # noqa: BLE001  (handed to the caller, who raises it)
        return error
