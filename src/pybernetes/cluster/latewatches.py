"""Watches that suffer: their events come late, or their connection breaks, in the process and over HTTPS alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from pybernetes.apiserver.watchers import Watcher
from pybernetes.apiserver.watchstream import WatchBody

T = TypeVar("T")
Delay = Callable[[], float]
"""By how many seconds what comes now is late."""


@dataclass(eq=False)
class OpenWatch:
    """A watch that is open."""

    user: str
    resource: str
    watcher: Watcher
    over_http: bool = False
    broken: bool = False

    def cut(self) -> None:
        """Breaks the connection: what was on its way is lost."""
        self.broken = True
        self.watcher.pending.clear()
        self.watcher.close(None if self.over_http else _error())  # type: ignore[arg-type]


def _error() -> ConnectionError:
    return ConnectionResetError("the connection broke (an injected fault)")


@asynccontextmanager
async def late(source: AsyncIterator[T], delay: Delay) -> AsyncIterator[AsyncGenerator[T, None]]:
    """The items of `source` in their order, each so much later than it came: they are taken in as they come, so that
    a burst is as late as a single one."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, T] | None] = asyncio.Queue()

    async def take() -> None:
        try:
            async for item in source:
                waiting.put_nowait((loop.time() + delay(), item))
        finally:
            waiting.put_nowait(None)

    taking = loop.create_task(take(), name="late watch")

    async def given() -> AsyncGenerator[T, None]:
        while (next_ := await waiting.get()) is not None:
            due, item = next_
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            yield item
        await taking  # raises what ended the source

    items = given()
    try:
        yield items
    finally:
        taking.cancel()
        await asyncio.wait({taking})
        await items.aclose()
        if not taking.cancelled():
            taking.exception()  # told already, or of no interest any more


class SufferingBody:
    """The body of a watch over HTTP: late, and cut off without an end where the connection is to break."""

    def __init__(self, body: WatchBody, watch: OpenWatch, delay: Delay, closed: Callable[[], None]) -> None:
        self._body = body
        self._watch = watch
        self._closed = closed
        self._lines = self._read(delay)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._lines)

    async def aclose(self) -> None:
        await self._lines.aclose()
        await self._body.aclose()
        self._closed()

    async def _read(self, delay: Delay) -> AsyncGenerator[bytes, None]:
        async with late(self._body, delay) as lines:
            async for line in lines:
                if self._watch.broken:
                    break
                yield line
        if self._watch.broken:
            raise _error()
