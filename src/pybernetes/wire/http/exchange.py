"""One client connection: sends a request, parses its answer. One exchange at a time; the pool is in `client.py`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import cast

import httptools

from pybernetes.wire.http.messages import HeaderPairs, Headers, Reply
from pybernetes.wire.stream import READ_BUFFER, Stream, probe

MAX_HEAD = 1024 * 1024
"""Bytes of an answer before its body."""


class BadAnswer(ConnectionError):
    """What came back is not HTTP, or ended in the middle."""


class UpgradeRefused(Exception):
    """The server answered an upgrade with something else; `reply` is its whole answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"the server answered {reply.status} instead of switching protocols")
        self.reply = reply


def request_head(method: str, target: str, host: str, headers: HeaderPairs, length: int) -> bytes:
    """The bytes before a request's body. Raises ValueError where a part would break out of its line."""
    given = {name.lower() for name, _ in headers}
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {host}")
    if "content-length" not in given and (length or method in ("POST", "PUT", "PATCH")):
        lines.append(f"Content-Length: {length}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    if any("\r" in line or "\n" in line for line in lines) or " " in target:
        raise ValueError(f"a line break or space in the request line or headers of {method} {target!r}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class ClientConnection(asyncio.Protocol):
    """States: idle (no exchange), waiting for the head, reading the body, then idle again or closed."""

    def __init__(self) -> None:
        self.headers = Headers()
        self.status = 0
        self.idle_since = 0.0
        self.answered = False
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._wait: asyncio.Future[None] | None = None
        self._head_size = 0
        self._head_done = False
        self._complete = True
        self._bodiless = False
        self._keep_alive = True
        self._upgraded: bytes | None = None
        self._error: Exception | None = None
        self._lost = False

    # -- the pool's and the reader's calls -----------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Whether the answer is over and was read whole, and the connection goes on."""
        read = self._complete and not self._chunks
        return read and self._keep_alive and not self._lost and not self._transport.is_closing()

    def send(self, method: str, head: bytes, body: bytes) -> None:
        """Starts an exchange."""
        self.headers, self.status = Headers(), 0
        self._head_done, self._head_size = False, 0
        self._complete, self.answered = False, False
        self._bodiless = method == "HEAD"
        if self._lost or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
            self._transport.write(body)

    async def head(self) -> None:
        """Waits for status and headers. Raises ConnectionError."""
        while not self._head_done:
            self._check()
            await self._more()

    async def chunk(self) -> bytes:
        """The next bytes of the body; b"" at its end. Raises ConnectionError where it ended early."""
        while not self._chunks:
            if self._complete:
                return b""
            self._check()
            await self._more()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused and not self._lost:
            self._paused = False
            self._transport.resume_reading()
        return data

    def take_over(self) -> Stream | None:
        """The raw stream after a 101; None where the server did not switch."""
        if self._upgraded is None:
            return None
        self._keep_alive = False
        stream = Stream.adopt(self._transport, self._upgraded)
        if self._lost:
            stream.connection_lost(None)
        if self._paused:
            self._transport.resume_reading()
        return stream

    def close(self) -> None:
        """Closes at once; what was not read is dropped."""
        self._keep_alive = False
        if not self._lost:
            self._transport.abort()

    async def _more(self) -> None:
        self._wait = asyncio.get_running_loop().create_future()
        try:
            await self._wait
        finally:
            self._wait = None

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._lost:
            raise ConnectionResetError("the server closed the connection")

    def _wake(self) -> None:
        if self._wait is not None and not self._wait.done():
            self._wait.set_result(None)

    # -- the transport's calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            probe(sock)

    def data_received(self, data: bytes) -> None:
        if self._upgraded is not None:
            self._upgraded += data
            return
        if self._complete:
            # Nothing was asked: a server's last word (such as a 408) before it closes.
            self.close()
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            if not self._complete:
                self._error = BadAnswer(f"malformed HTTP response: {error}")
            self.close()
        if not self._head_done:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD and self._error is None:
                self._error = BadAnswer(f"the head of the answer is longer than {MAX_HEAD} bytes")
                self.close()
        self._wake()
        if self._buffered > READ_BUFFER and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        until_close = self._head_done and not {"content-length", "transfer-encoding"} & self.headers.keys()
        if not self._complete and until_close and exc is None:
            self._complete = True
        elif exc is not None and self._error is None:
            self._error = exc if isinstance(exc, ConnectionError) else ConnectionResetError(str(exc))
        self._keep_alive = False
        self._wake()

    # -- httptools' callbacks ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:  # `data_received` closes the connection over it
            raise BadAnswer("an answer that was not asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_done:  # trailers are of no use to anybody here
            self.headers.add(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if 100 <= self.status < 200 and self.status != 101:
            return
        self._head_done = True
        self._keep_alive = self._parser.should_keep_alive() and not self._bodiless
        # The parser cannot know that the answer to a HEAD has no body.
        self._complete = self._bodiless

    def on_body(self, body: bytes) -> None:
        if not self._bodiless:
            self._chunks.append(body)
            self._buffered += len(body)

    def on_message_complete(self) -> None:
        if 100 <= self.status < 200 and self.status != 101:
            self.headers, self.status = Headers(), 0
        else:
            self._complete = True


class StreamedReply:
    """An answer whose body is read as it comes: `async for chunk in reply`, `reply.lines()` or `await reply.read()`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.status = connection.status
        self.headers = connection.headers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self._connection.chunk():
            yield data

    async def lines(self) -> AsyncIterator[bytes]:
        """Whole lines without their line feed (a watch's events); a last line without one is given as well."""
        rest: list[bytes] = []
        async for data in self:
            first, *others = data.split(b"\n")
            rest.append(first)
            if others:
                yield b"".join(rest)
                for line in others[:-1]:
                    yield line
                rest = [others[-1]]
        if last := b"".join(rest):
            yield last

    async def read(self, limit: int | None = None) -> bytes:
        """The whole body, or its first `limit` bytes."""
        parts, size = [], 0
        while data := await self._connection.chunk():
            parts.append(data)
            size += len(data)
            if limit is not None and size >= limit:
                break
        return b"".join(parts)[:limit]
