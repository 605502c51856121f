"""The components of a cluster inside a process, by name: started, crashed and started again one by one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context, ContextVar, copy_context

from .supervise import BACKOFF_SECONDS

log = logging.getLogger("cluster")

_OWNED: ContextVar[bool] = ContextVar("of a cluster", default=False)

Run = Callable[[], Awaitable[None]]


def owned(context: Context) -> bool:
    """Whether a callback's context is that of a cluster's own task."""
    return context.get(_OWNED, False)


def cluster_context() -> Context:
    """The context in which a cluster's own tasks run."""
    context = copy_context()
    context.run(_OWNED.set, True)
    return context


class Components:
    """Runs each component as a task, and again with a back-off where it fails by itself (which is logged)."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.failures: list[tuple[str, Exception]] = []
        """What components have failed with so far."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def add(self, name: str, run: Run) -> None:
        """Starts `run()`, which is to run until cancelled."""
        self._runs[name] = run
        self.start(name)

    def running(self, name: str) -> bool:
        return name in self._tasks

    def start(self, name: str) -> None:
        """Starts a component that was stopped. Raises KeyError for a name there is not."""
        run = self._runs[name]
        if name not in self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks[name] = loop.create_task(self._keep(name, run), name=name, context=cluster_context())

    async def stop(self, name: str) -> None:
        """Cancels a component, and waits until it has ended. Raises KeyError for a name there is not."""
        if name not in self._runs:
            raise KeyError(name)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def close(self) -> None:
        """Stops all, the last started first."""
        for name in reversed([*self._tasks]):
            await self.stop(name)

    async def _keep(self, name: str, run: Run) -> None:
        attempts = 0
        while True:
            try:
                await run()
                log.error("%s ended by itself; starting it again", name)
            except Exception as error:
                self.failures.append((name, error))
                log.exception("%s failed; starting it again", name)
            await asyncio.sleep(BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS) - 1)])
            attempts += 1
