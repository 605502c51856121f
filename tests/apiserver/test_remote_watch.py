"""A watch of another API server's as callers in this process get it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pybernetes.api.errors import Expired
from pybernetes.apiserver.aggregation.remotewatch import remote_events
from pybernetes.client.interface import WatchEvent
from pybernetes.wire.http.messages import Response


def line(event: str, /, **obj: Any) -> bytes:
    return json.dumps({"type": event, "object": obj}).encode() + b"\n"


class Body:
    """Chunks, and whether it was closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks, self.is_closed = list(chunks), False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    async def aclose(self) -> None:
        self.is_closed = True


async def events(body: Any) -> list[WatchEvent]:
    async with remote_events(Response(200, (), body)) as found:
        return [event async for event in found]


def test_events_however_they_are_cut() -> None:
    whole = line("ADDED", a=1) + line("MODIFIED", a="é" * 10) + b"\n" + line("BOOKMARK", b=2).rstrip()
    expected = [
        WatchEvent("ADDED", {"a": 1}),
        WatchEvent("MODIFIED", {"a": "é" * 10}),
        WatchEvent("BOOKMARK", {"b": 2}),
    ]
    for size in (1, 7, 30, len(whole)):
        body = Body(*(whole[at : at + size] for at in range(0, len(whole), size)))
        assert asyncio.run(events(body)) == expected
        assert body.is_closed


def test_an_error_ends_it() -> None:
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    body = Body(line("ADDED", a=1), line("ERROR", **status))
    with pytest.raises(Expired, match="too old resource version"):
        asyncio.run(events(body))
    assert body.is_closed


@pytest.mark.parametrize("text", [b"<html>", b"[]", b"{}", b'{"type": "ADDED"}'])
def test_what_is_no_event(text: bytes) -> None:
    with pytest.raises(ConnectionError, match="not an event of a watch"):
        asyncio.run(events(Body(text + b"\n")))
