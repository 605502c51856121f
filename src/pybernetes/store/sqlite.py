"""The durable store of one machine: the core in memory, every change in a SQLite file before anyone hears of it.

Group commit: while the writer thread makes one group durable, changes queue; they run when it returns and share the
next commit. A single writer pays one disk sync per write, sixty-four pay one together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pybernetes.clock import Env

from .embedded import EmbeddedStore
from .mvcc import Mvcc
from .sqlitefile import Group, Loaded, SqliteFile
from .types import KeyValue, Lease, Unavailable

T = TypeVar("T")

GROUP_LIMIT = 2000
"""Changes in one commit: bounds how long the loop and a disk transaction are held."""
GATHERING_TURNS = 8
"""Turns of the loop for which a group waits at most, as long as each of them brings more changes: what a busy loop is
about to ask for shares the commit, instead of the thread taking the processor from it for a few changes at a time."""


class SqliteStore(EmbeddedStore):
    """Made by `open`. After a write that failed, the store is as before it and goes on; if even that cannot be
    told, every call raises Unavailable until the store is opened anew."""

    def __init__(self, env: Env, file: SqliteFile, writer: ThreadPoolExecutor, loaded: Loaded) -> None:
        super().__init__(env, Mvcc(loaded.kvs, loaded.revision), loaded.leases)
        self._file = file
        self._writer = writer
        self._queue: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._lease_changes: list[tuple[Lease, bool]] = []
        self._committing: asyncio.Task[None] | None = None
        self._broken: Unavailable | None = None

    @classmethod
    async def open(cls, path: str | Path, env: Env) -> SqliteStore:
        """Opens or creates the file. Raises Locked, Corrupt, Unavailable."""
        writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        loop = asyncio.get_running_loop()
        try:
            file = await loop.run_in_executor(writer, SqliteFile, str(path))
        except BaseException:
            writer.shutdown(wait=False)
            raise
        try:
            loaded = await loop.run_in_executor(writer, file.load)
        except BaseException:
            await loop.run_in_executor(writer, file.close)
            writer.shutdown(wait=False)
            raise
        return cls(env, file, writer, loaded)

    async def _apply(self, change: Callable[[], T]) -> T:
        self._check_open()
        if self._broken is not None:
            raise self._broken
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.append((change, answer))
        if self._committing is None:
            self._committing = loop.create_task(self._commit_all())
        # A caller that gives up cancels its answer, not the write: that has begun.
        return await answer

    async def _commit_all(self) -> None:
        """Commits group after group until nothing is queued."""
        try:
            while self._queue:
                await self._gather()
                group, self._queue = self._queue[:GROUP_LIMIT], self._queue[GROUP_LIMIT:]
                await self._commit(group)
        finally:
            self._committing = None

    async def _gather(self) -> None:
        """Lets the group grow while it does."""
        for _ in range(GATHERING_TURNS):
            queued = len(self._queue)
            await asyncio.sleep(0)
            if len(self._queue) == queued or queued >= GROUP_LIMIT:
                return

    async def _commit(self, changes: list[tuple[Callable[[], Any], asyncio.Future[Any]]]) -> None:
        answers = [(answer, _outcome(change)) for change, answer in changes]
        try:
            await self._make_durable()
        except Exception as error:  # noqa: BLE001  (handed to the callers, who raise it)
            answers = [(answer, error) for answer, _ in answers]
        else:
            self._publish()
        for answer, outcome in answers:
            if answer.done():
                continue  # the caller gave up
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
                answer.exception()  # whoever gave up does not have to look at it
            else:
                answer.set_result(outcome)

    async def _make_durable(self) -> None:
        """Writes what the core has beyond what is published. Where it raises, the core has been taken back."""
        changed, self._lease_changes = self._lease_changes, []
        if self._broken is not None:
            self._take_back(changed)
            raise self._broken
        leases = {lease.id: lease if granted else None for lease, granted in changed}
        group = Group(self._mvcc.revision, self._changed(), leases)
        if not group.kvs and not leases:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._writer, self._file.commit, group)
        except Exception as error:
            on_disk = await loop.run_in_executor(self._writer, self._file.revision)
            self._take_back(changed)
            if on_disk != self._hub.revision:
                self._broken = Unavailable(f"{error}; the store has to be opened anew")
            raise

    def _changed(self) -> dict[str, KeyValue | None]:
        """The last word on each key that changed since the last commit."""
        return {
            event.kv.key: event.kv if event.type == "put" else None
            for revision in range(self._hub.revision + 1, self._mvcc.revision + 1)
            for event in self._mvcc.events_at(revision)
        }

    def _take_back(self, lease_changes: list[tuple[Lease, bool]]) -> None:
        """Makes the core what it was before the failed group."""
        self._mvcc.rollback(self._hub.revision)
        for lease, granted in reversed(lease_changes):
            if granted:
                self._leases.remove(lease.id)
            else:
                self._leases.add(lease)
        self._leases.attach(self._mvcc.current())

    def _lease_changed(self, lease: Lease, granted: bool) -> None:
        self._lease_changes.append((lease, granted))

    async def _release(self) -> None:
        if self._committing is not None:
            await self._committing
        await asyncio.get_running_loop().run_in_executor(self._writer, self._file.close)
        self._writer.shutdown()


def _outcome(change: Callable[[], Any]) -> Any:
    """The answer of a change, or the exception it raised: one caller's mistake is not its neighbours'."""
    try:
        return change()
    except Exception as error:  # noqa: BLE001  (handed to the caller, who raises it)
        return error
