"""SPDY streams over a byte stream: `async with SpdySession(…)` reads frames in a task and hands data to its streams.

A stream that nobody reads holds back the whole connection once its buffer is full: the transport's window is the only
flow control that peers in the Kubernetes world have (see `spdy.py`). So read every stream, or reset it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from pybernetes.wire.spdy import Data, Framer, GoAway, Replied, ResetStatus, StreamOpened, WasReset

log = logging.getLogger(__name__)

BUFFER = 256 * 1024
UNANSWERED = 100
# How long a peer that broke the protocol may take to read that it did, in seconds.
LAST_WORDS = 1.0


class Duplex(Protocol):
    """A byte stream: `wire.stream.Stream`, or a tunnel inside WebSocket messages."""

    async def read(self) -> bytes: ...

    async def write(self, data: bytes | list[bytes]) -> None: ...


class SpdyStream:
    """One stream. `read` until b"", `write`, then `finish`."""

    def __init__(self, session: SpdySession, id: int, headers: Mapping[str, str]) -> None:
        self.id = id
        self.headers = headers
        self._session = session
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._finished = False
        self._error: ConnectionError | None = None
        self._replied = asyncio.Event()
        self._changed = asyncio.Event()

    async def read(self) -> bytes:
        """The next bytes; b"" at the end. Raises ConnectionError where the stream or the session broke."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        self._session.consumed()
        return data

    async def read_all(self, limit: int = 64 * 1024) -> bytes:
        """Everything to the end; what is beyond `limit` is read and dropped."""
        parts, size = [], 0
        while data := await self.read():
            if size < limit:
                parts.append(data[: limit - size])
            size += len(data)
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError where the stream or the session has ended."""
        if self._error is not None or self._finished:
            raise self._error or ConnectionResetError("the stream is finished")
        self._session.framer.data(self.id, data)
        await self._session.flush()

    async def finish(self) -> None:
        """Ends our half; the peer reads an end of file. Once; quiet where the session has gone."""
        if not self._finished and self._error is None:
            self._finished = True
            self._session.framer.data(self.id, b"", fin=True)
            with contextlib.suppress(ConnectionError):
                await self._session.flush()
            self._session.forget(self)

    async def reset(self, status: ResetStatus = ResetStatus.CANCEL) -> None:
        """Gives the stream up, both halves."""
        if self._error is None:
            self.fail(ConnectionResetError("the stream was reset"))
            self._chunks.clear()
            self._buffered = 0
            self._session.framer.reset(self.id, status)
            with contextlib.suppress(ConnectionError):
                await self._session.flush()
            self._session.forget(self)

    # -- the session's calls -------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self._error is not None or (self._ended and self._finished)

    @property
    def full(self) -> bool:
        return self._buffered > BUFFER

    async def replied(self) -> None:
        """Waits until the peer has accepted the stream. Raises ConnectionError where it refused."""
        await self._replied.wait()
        if self._error is not None:
            raise self._error

    def accepted(self) -> None:
        self._replied.set()

    def feed(self, data: bytes, fin: bool) -> None:
        if data and self._error is None:
            self._chunks.append(data)
            self._buffered += len(data)
        self._ended = self._ended or fin
        self._changed.set()

    def was_reset(self, status: int) -> None:
        """The peer takes no more. Go's peers close a connection by resetting its streams, right behind the last data:
        for the reader that is an end of file, unless it still waits for the stream to be accepted.
        """
        if not self._replied.is_set() or status != ResetStatus.CANCEL:
            self.fail(ConnectionResetError(f"the peer reset the stream (status {status})"))
        else:
            self._finished = True
            self.feed(b"", fin=True)

    def fail(self, error: ConnectionError) -> None:
        """Breaks the stream; data that had arrived can still be read."""
        self._error = self._error or error
        self._changed.set()
        self._replied.set()
        self._session.consumed()


class SessionEnded(ConnectionResetError):
    """The connection under the streams is gone."""


class SpdySession:
    """`accept` gives the streams that the peer opens (already replied to), `open` opens our own."""

    def __init__(self, transport: Duplex, *, client: bool) -> None:
        self.framer = Framer(client=client)
        self._transport = transport
        self._streams: dict[int, SpdyStream] = {}
        self._incoming: asyncio.Queue[SpdyStream | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._to_send = asyncio.Event()
        self._flushing: list[asyncio.Future[None]] = []
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._ended: ConnectionError | None = None

    async def __aenter__(self) -> SpdySession:
        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(self._read()), loop.create_task(self._write()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops reading and breaks the streams. The transport stays its owner's to close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._end(SessionEnded("the session is closed"))

    async def open(
        self, headers: Mapping[str, str], *, fin: bool = False, timeout: float | None = 30.0
    ) -> SpdyStream:
        """Opens a stream and waits for the peer's reply. Raises ConnectionError, TimeoutError."""
        if self._ended is not None:
            raise self._ended
        stream = SpdyStream(self, self.framer.open(headers, fin=fin), headers)
        self._streams[stream.id] = stream
        try:
            await self.flush()
            async with asyncio.timeout(timeout):
                await stream.replied()
        except BaseException:
            # Nobody will read what the peer may still send on it, and that would hold up all other streams.
            if self._streams.pop(stream.id, None) is not None:
                self.framer.reset(stream.id)
                self._to_send.set()
            raise
        return stream

    async def accept(self) -> SpdyStream | None:
        """The next stream that the peer opened; None once the connection has ended."""
        return None if self._ended is not None and self._incoming.empty() else await self._incoming.get()

    async def go_away(self) -> None:
        """Says that no new streams are taken; quiet where the peer has gone."""
        self.framer.go_away()
        with contextlib.suppress(ConnectionError):
            await self.flush()

    async def flush(self) -> None:
        """Waits until what was framed is on its way, in order. Raises ConnectionError."""
        if self._ended is not None:
            raise self._ended
        flushed = asyncio.get_running_loop().create_future()
        self._flushing.append(flushed)
        self._to_send.set()
        await flushed

    def consumed(self) -> None:
        self._room.set()

    def forget(self, stream: SpdyStream) -> None:
        if stream.done:
            self._streams.pop(stream.id, None)

    # -- reading -------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        error: ConnectionError = SessionEnded("the peer closed the connection")
        try:
            while data := await self._transport.read():
                for event in self.framer.receive(data):
                    await self._handle(event)
                # Never waits for the writer: a peer that reads nothing until it is read from would stop both.
                self._to_send.set()
        except ConnectionError as broken:
            log.debug("a SPDY session broke", exc_info=True)
            error = broken if isinstance(broken, SessionEnded) else SessionEnded(str(broken))
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self.flush()
        finally:
            self._end(error)

    async def _write(self) -> None:
        waiting: list[asyncio.Future[None]] = []
        error: ConnectionError = SessionEnded("the session is closed")
        try:
            while await self._to_send.wait():
                self._to_send.clear()
                waiting, self._flushing = self._flushing, []
                if outgoing := self.framer.take():
                    await self._transport.write(outgoing)
                for flushed in waiting:
                    if not flushed.done():
                        flushed.set_result(None)
        except ConnectionError as broken:
            error = SessionEnded(str(broken))
        finally:
            self._flushing += waiting
            self._end(error)

    async def _handle(self, event: object) -> None:
        match event:
            case StreamOpened(id, headers, fin):
                await self._opened(SpdyStream(self, id, headers), fin)
            case Replied(id, _, fin):
                if (stream := self._streams.get(id)) is not None:
                    stream.accepted()
                    if fin:
                        stream.feed(b"", fin)
            case Data(id, data, fin):
                await self._feed(id, data, fin)
            case WasReset(id, status):
                if (stream := self._streams.pop(id, None)) is not None:
                    stream.was_reset(status)
            case GoAway():
                self._incoming.put_nowait(None)

    async def _opened(self, stream: SpdyStream, fin: bool) -> None:
        if self._incoming.qsize() >= UNANSWERED:
            self.framer.reset(stream.id, ResetStatus.REFUSED_STREAM)
            return
        self._streams[stream.id] = stream
        stream.accepted()
        stream.feed(b"", fin)
        self.framer.reply(stream.id)
        self._incoming.put_nowait(stream)

    async def _feed(self, id: int, data: bytes, fin: bool) -> None:
        stream = self._streams.get(id)
        if stream is None:
            return  # reset by us while it was on its way
        stream.feed(data, fin)
        self.forget(stream)
        while stream.full and not stream.done:
            self._room.clear()
            await self._room.wait()

    def _end(self, error: ConnectionError) -> None:
        if self._ended is None:
            self._ended = error
            for stream in tuple(self._streams.values()):
                stream.fail(error)
            self._streams.clear()
            for flushed in self._flushing:
                if not flushed.done():
                    flushed.set_exception(error)
                    flushed.exception()  # the waiter may be gone
            self._flushing.clear()
            self._incoming.put_nowait(None)
