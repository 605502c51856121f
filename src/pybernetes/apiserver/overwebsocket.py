"""Watches and logs over a WebSocket: what comes piece by piece, for clients that can read nothing else so (browsers).

Source: upstream's `apiserver/pkg/endpoints/handlers/watch.go` (`HandleWS`) and `apimachinery/pkg/util/httpstream/wsstream`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from pybernetes.wire.http.messages import Chunk, Request, Response, Upgrade
from pybernetes.wire.websocket import WebSocket, accept

READERS = ("", "binary.k8s.io", "base64.binary.k8s.io")
"""What a reader of a log may ask for."""
BEARER = "base64url.bearer.authorization.k8s.io."
"""A subprotocol that is a token."""

Send = Callable[[bytes], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


def log_over_websocket(
    request: Request, body: AsyncIterator[Chunk] | bytes, close: Close
) -> Response | Upgrade:
    """A log as binary messages, or as text in base64; the first message is empty. `close` is awaited at the end."""

    async def serve(websocket: WebSocket) -> None:
        text = websocket.subprotocol.startswith("base64.")

        async def send(piece: bytes) -> None:
            await websocket.send(base64.b64encode(piece).decode() if text else piece)

        await _serve(websocket, _begun(body), send, close)

    return accept(request, READERS, serve)


def watch_over_websocket(request: Request, response: Response, close: Close) -> Response | Upgrade:
    """The events of a watch, a text message each (binary in protobuf)."""
    body = response.body
    assert not isinstance(body, bytes)
    as_text = dict(response.headers)["Content-Type"].startswith("application/json")

    async def serve(websocket: WebSocket) -> None:
        async def send(piece: bytes) -> None:
            if not as_text:
                await websocket.send(piece)
                return
            for line in piece.splitlines(keepends=True):
                await websocket.send(line.decode())

        await _serve(websocket, body, send, close)

    offered = request.headers.tokens("sec-websocket-protocol")
    return accept(request, [each for each in offered if not each.startswith(BEARER)] or [""], serve)


async def _begun(body: AsyncIterator[Chunk] | bytes) -> AsyncIterator[Chunk]:
    yield b""
    if isinstance(body, bytes):
        yield body
        return
    async for chunk in body:
        yield chunk


async def _serve(websocket: WebSocket, body: AsyncIterator[Chunk], send: Send, close: Close) -> None:
    """Sends until the body ends or the client goes."""

    async def sending() -> None:
        async for chunk in body:
            await send(b"".join(chunk) if isinstance(chunk, list) else chunk)

    async def listening() -> None:
        while await websocket.receive() is not None:
            pass  # what a client says here means nothing

    loop = asyncio.get_running_loop()
    tasks = {loop.create_task(sending()), loop.create_task(listening())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await close()
    for task in done:
        with contextlib.suppress(ConnectionError):  # the client has gone
            task.result()
