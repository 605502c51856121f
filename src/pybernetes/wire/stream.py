"""`Stream`: a raw two-way byte stream over an asyncio transport, with back-pressure both ways.

Made by a server's upgrade, by a client's upgrade, by `connect`, or as a pair in memory's stead by a socket pair.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from asyncio.trsock import TransportSocket
from collections import deque
from typing import Any, cast

# Reading from the transport pauses while more than this waits to be read here.
READ_BUFFER = 256 * 1024

PROBES = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""After how many seconds of silence, how many apart, and how many in vain until the peer is taken for gone; where the
system has the option."""


def probe(sock: TransportSocket | socket.socket) -> None:
    """Lets the system probe a silent TCP peer: a watch of one that has vanished would wait forever. On a listening
    socket, all that are accepted are probed."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in PROBES:
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class Stream(asyncio.Protocol):
    """Bytes in with `read`, bytes out with `write`. One reader and any number of writers at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._paused_reading = False
        self._eof = False
        self._lost = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] | None = None

    @classmethod
    def adopt(cls, transport: asyncio.Transport, first: bytes = b"") -> Stream:
        """Takes over a connected transport from another protocol; `first` was already received."""
        stream = cls()
        stream.connection_made(transport)
        if first:
            stream.data_received(first)
        transport.set_protocol(stream)
        return stream

    # -- what the owner calls ------------------------------------------------------------------------------

    async def read(self) -> bytes:
        """The next bytes, all that are there; b"" at the end of the stream. Raises ConnectionError where it broke."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._eof or self._lost:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused_reading and self._transport is not None and not self._lost:
            self._paused_reading = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes | list[bytes]) -> None:
        """Sends, and waits while the peer reads too slowly. Raises ConnectionError where the stream is closed."""
        self.send(data)
        await self.drain()

    def send(self, data: bytes | list[bytes]) -> None:
        """Queues without waiting; for small control frames. Raises ConnectionError where the stream is closed."""
        if self._transport is None or self.closing:
            raise self._error or ConnectionResetError("the stream is closed")
        if isinstance(data, list):
            self._transport.writelines(data)
        else:
            self._transport.write(data)

    async def drain(self) -> None:
        """Waits until the write buffer is below its bound."""
        while self._drained is not None and not self._lost:
            await asyncio.shield(self._drained)
        if self._error is not None:
            raise self._error

    def write_eof(self) -> bool:
        """Closes the writing half where the transport can (TLS cannot); says whether it did."""
        if self._transport is None or self._lost or not self._transport.can_write_eof():
            return False
        try:
            self._transport.write_eof()
        except OSError:
            return False  # the peer is gone already
        return True

    def close(self) -> None:
        """Flushes what was written, then closes. Never waits."""
        if self._transport is not None and not self._lost:
            self._transport.close()

    def abort(self) -> None:
        """Closes at once, dropping what was not sent."""
        if self._transport is not None and not self._lost:
            self._transport.abort()

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._transport is None or self._lost or self._transport.is_closing()

    @property
    def clogged(self) -> bool:
        """Whether so much waits for the peer to read that `write` would wait."""
        return self._drained is not None

    async def wait_closed(self) -> None:
        """Returns when the transport is gone."""
        if self._closed is not None and not self._lost:
            await asyncio.shield(self._closed)

    def extra(self, name: str) -> Any:
        """`transport.get_extra_info(name)`."""
        return None if self._transport is None else self._transport.get_extra_info(name)

    # -- what the transport calls --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._closed = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)
        self._wake()
        if self._buffered > READ_BUFFER and not self._paused_reading and self._transport is not None:
            self._paused_reading = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake()
        return self.extra("ssl_object") is None

    def pause_writing(self) -> None:
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if exc is not None:
            self._error = (
                exc if isinstance(exc, ConnectionError) else ConnectionResetError(str(exc) or repr(exc))
            )
        self._wake()
        self.resume_writing()
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


async def connect(
    host: str = "",
    port: int = 0,
    *,
    unix_path: str = "",
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> Stream:
    """A stream to a TCP port or a unix socket. Raises OSError (ConnectionError, ssl.SSLError among them)."""
    loop = asyncio.get_running_loop()
    stream = Stream()
    name = (server_hostname or host or None) if tls is not None else None
    if unix_path:
        await loop.create_unix_connection(lambda: stream, unix_path, ssl=tls, server_hostname=name)
    else:
        await loop.create_connection(lambda: stream, host, port, ssl=tls, server_hostname=name)
    return stream


async def splice(left: Stream, right: Stream) -> None:
    """Copies both ways until both directions ended; an end of one direction is passed on as a half close where the
    transport can, and closes both where it cannot. Both streams are closed on return. A broken stream ends it
    quietly: the peer sees its own stream end.
    """

    async def one_way(source: Stream, sink: Stream) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read():
                await sink.write(data)
            if sink.write_eof():
                return
        source.close()
        sink.close()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(one_way(left, right))
            group.create_task(one_way(right, left))
    finally:
        left.close()
        right.close()
