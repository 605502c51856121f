"""A watch of another API server's, for callers in this process: its answer as events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import orjson

from pybernetes.api.errors import error_from_status
from pybernetes.client.interface import WatchEvent
from pybernetes.wire.http.messages import Body, Response


@asynccontextmanager
async def remote_events(answer: Response) -> AsyncIterator[AsyncIterator[WatchEvent]]:
    """The events in the body of `answer`, until the other server ends it; leaving the block ends it, too. The iterator
    raises the ApiError of an ERROR event, ConnectionError where the answer breaks off or is no watch."""
    events = _events(answer.body)
    try:
        yield events
    finally:
        await events.aclose()
        close = getattr(answer.body, "aclose", None)
        if close is not None:
            await close()


async def _events(body: Body) -> AsyncGenerator[WatchEvent, None]:
    async for line in _lines(body):
        try:
            event = orjson.loads(line)
            kind, obj = event["type"], event["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ConnectionError(f"not an event of a watch: {line[:200]!r}") from error
        if kind == "ERROR":
            raise error_from_status(obj)
        yield WatchEvent(kind, obj)


async def _lines(body: Body) -> AsyncGenerator[bytes, None]:
    if isinstance(body, bytes):
        for line in body.splitlines():
            yield line
        return
    rest = b""
    async for chunk in body:
        *lines, last = (b"".join(chunk) if isinstance(chunk, list) else chunk).split(b"\n")
        if lines:
            lines[0], rest = rest + lines[0], last
        else:
            rest += last
        for line in lines:
            if line.strip():
                yield line
    if rest.strip():
        yield rest
