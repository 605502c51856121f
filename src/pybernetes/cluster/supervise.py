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
        self._failing: dict[str, str] = {}

    def problem(self, name: str) -> str:
        """Why a component does not run at this moment; "" where it does."""
        return self._failing.get(name, "")

    def start(self, name: str, component: Callable[[], Awaitable[None]]) -> None:
        """Starts `component()`, which is to run until cancelled, and starts it anew whenever it ends otherwise."""
        running = self._keep_running(name, component)
        self._tasks.append(asyncio.get_running_loop().create_task(running, name=name))

    async def stop(self) -> None:
        """Cancels every component, the last started first, and waits until each has cleaned up after itself."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            await asyncio.wait({task})

    async def _keep_running(self, name: str, component: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started = loop.time()
            self._failing.pop(name, None)
            try:
                await component()
                self._failing[name] = "it ended by itself"
                log.error("%s ended by itself; starting it again", name)
            except Exception as error:
                self._failing[name] = f"{type(error).__name__}: {error}"
                log.exception("%s failed; starting it again", name)
            failures = 0 if loop.time() - started > CALM_SECONDS else failures + 1
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1])
