"""Keeping components running: what a service manager does for upstream's processes, for tasks of one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("supervisor")
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
CALM_SECONDS = 60.0


class Supervisor:
    """Runs components as tasks. One that fails is logged with its traceback and started again after a back-off; the
    others do not notice. `stop` ends them in the reverse order of their start."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, component: Callable[[], Awaitable[None]]) -> None:
        """Starts `component()`, which is to run until cancelled, and starts it anew whenever it ends otherwise."""
        self._tasks.append(asyncio.get_running_loop().create_task(_keep_running(name, component), name=name))

    async def stop(self) -> None:
        """Cancels every component, the last started first, and waits until each has cleaned up after itself."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            await asyncio.wait({task})


async def _keep_running(name: str, component: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        started = loop.time()
        try:
            await component()
            log.error("%s ended by itself; starting it again", name)
        except Exception:
            log.exception("%s failed; starting it again", name)
        failures = 0 if loop.time() - started > CALM_SECONDS else failures + 1
        await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1])
