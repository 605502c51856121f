"""One connection of the HTTP/1.1 server: answers requests in order, streams, upgrades.

The parser queues whole requests; one task per connection (`_work`) takes them in turn, calls the handler and writes
the answer. That task is the handler's owner: when the client goes, it is cancelled, and with it the handler or the
iterator being streamed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, cast

from pybernetes.wire.http import encode
from pybernetes.wire.http.heads import RememberedHeads
from pybernetes.wire.http.messages import Chunk, Handler, Headers, Request, Response, Result, Upgrade
from pybernetes.wire.http.parsing import Limits, Phase, Refusal, RequestParser, Turn
from pybernetes.wire.stream import Stream

log = logging.getLogger(__name__)

Refuse = Callable[[int, str], Response]


def plain_refusal(status: int, message: str) -> Response:
    """The answer to a request that never reaches the handler, as plain text."""
    return Response.text(status, message + "\n")


class Connection(Protocol):
    """What a server needs of its connections, of whatever version of HTTP."""

    def overdue(self, now: float) -> bool: ...

    def drain(self) -> None: ...

    def abort(self) -> None: ...


class Owner(Protocol):
    """What a connection needs of its server."""

    handler: Handler
    limits: Limits
    heads: RememberedHeads
    refuse: Refuse

    def date_line(self) -> str: ...

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...


class HttpConnection(asyncio.Protocol):
    def __init__(self, owner: Owner, scheme: str) -> None:
        self._owner = owner
        self._scheme = scheme
        self._limits = owner.limits
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(owner.limits, self._request, owner.heads)
        self._worker: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._deadline = self._loop.time() + owner.limits.head_timeout
        self._timed = (0, Phase.BETWEEN)
        self._dropped = 0
        self._paused_reading = False
        self._endless = False
        self._ending = False
        self._lost = False
        self._remote = ""
        self._certificate: bytes | None = None
        self._scope: dict[str, Any] = {}

    # -- the transport's calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._remote = peer[0]
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._certificate = tls.getpeercert(True) or None
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser.finished:
            self._drop(len(data))
            return
        parser.feed(data)
        if parser.turns:
            self._start()
        if parser.phase is not Phase.BETWEEN:
            self._time_message()
        if parser.held is not None and len(parser.held) > self._limits.write_buffer:
            self._pause_reading()

    def eof_received(self) -> bool:
        """The client has gone (HTTP clients do not half-close while they wait): what was written is flushed, what
        runs is cancelled by `connection_lost`.
        """
        return False

    def connection_lost(self, _: Exception | None) -> None:
        self._lost = True
        self.resume_writing()
        if self._worker is not None:
            self._worker.cancel()
        else:
            self._closed()

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # -- the server's calls --------------------------------------------------------------------------------

    def overdue(self, now: float) -> bool:
        """Whether the client has kept us waiting too long. Never while an answer is being made."""
        return now > self._deadline and (self._worker is None or self._idle is not None)

    def drain(self) -> None:
        """Ends the connection when what it does now is done; an endless stream gets its last chunk at once."""
        self._ending = True
        if self._worker is None or (self._idle is not None and not self._idle.done()):
            self._parser.finished = True
            self._transport.close()
        elif self._endless:
            self._worker.cancel()

    def abort(self) -> None:
        self._transport.abort()
        if self._worker is not None:
            self._worker.cancel()

    # -- reading -------------------------------------------------------------------------------------------

    def _request(self, method: str, target: str, headers: Headers, body: bytes) -> Request:
        return Request(
            method,
            target,
            headers,
            body,
            peer_certificate=self._certificate,
            remote=self._remote,
            scheme=self._scheme,
            connection=self._scope,
        )

    def _start(self) -> None:
        if len(self._parser.turns) >= self._limits.pipelined:
            self._pause_reading()
        if self._worker is None:
            self._worker = self._loop.create_task(self._work())
            # Not by the task itself, which may be cancelled before it has begun.
            self._worker.add_done_callback(self._closed)
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _time_message(self) -> None:
        """A message is under way: its head and its body each have their time, however slowly the bytes drip."""
        at = (self._parser.begun, self._parser.phase)
        if at != self._timed:
            self._timed = at
            head = self._parser.phase is Phase.HEAD
            seconds = self._limits.head_timeout if head else self._limits.body_timeout
            self._deadline = self._loop.time() + seconds
        if self._parser.wants_continue and (self._worker is None or self._idle is not None):
            self._send_continue()

    def _send_continue(self) -> None:
        if not self._parser.turns and not self._lost:
            self._parser.wants_continue = False
            self._transport.write(encode.CONTINUE)

    def _drop(self, size: int) -> None:
        """Input no longer matters: read it, so that the answer is not lost to a reset, but keep nothing."""
        self._dropped += size
        if self._dropped > self._limits.discard:
            self.abort()

    def _pause_reading(self) -> None:
        if not self._paused_reading:
            self._paused_reading = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused_reading and not self._lost:
            self._paused_reading = False
            self._transport.resume_reading()

    # -- answering -----------------------------------------------------------------------------------------

    async def _work(self) -> None:
        turns = self._parser.turns
        try:
            while turns or await self._wait_for_turn():
                turn = turns.popleft()
                result = await self._result(turn.request)
                keep_alive = turn.keep_alive and not self._ending
                method = turn.request.method if isinstance(turn.request, Request) else "GET"
                if isinstance(result, Response) and isinstance(result.body, bytes):
                    self._send(result, result.body, method, turn.http11, keep_alive)
                else:
                    keep_alive = await self._answer_at_length(turn, result, method, keep_alive)
                if self._writable is not None:
                    await self._writable
                if not keep_alive:
                    break
                self._read_on()
            if self._parser.refused:
                await self._linger()
        except asyncio.CancelledError:
            self._transport.abort()
        finally:
            self._transport.close()

    def _closed(self, _: object = None) -> None:
        self._owner.closed(self)

    def _read_on(self) -> None:
        """After an answer: what stood still for it goes on."""
        if self._parser.held is not None:
            self._parser.go_on()
        if self._paused_reading and self._parser.held is None and not self._parser.turns:
            self._resume_reading()

    async def _wait_for_turn(self) -> bool:
        """Waits for a request; False where none will come."""
        if self._parser.finished or self._ending:
            return False
        if self._parser.phase is Phase.BETWEEN:
            self._deadline = self._loop.time() + self._limits.idle_timeout
        elif self._parser.wants_continue:
            self._send_continue()
        self._idle = self._loop.create_future()
        try:
            await self._idle
        finally:
            self._idle = None
        return True

    async def _linger(self) -> None:
        """After a refusal the rest of the request is still on its way: read it away for a moment (RFC 9112, 9.6),
        else the reset that follows could overtake the answer.
        """
        if self._transport.can_write_eof():
            self._transport.write_eof()
        await asyncio.sleep(self._limits.discard_timeout)

    async def _answer_at_length(self, turn: Turn, result: Result, method: str, keep_alive: bool) -> bool:
        """Sends what is no mere head and body; False where the connection ends with it."""
        if isinstance(result, Upgrade):
            await self._upgrade(result)
            return False
        assert not isinstance(result.body, bytes)
        return await self._send_stream(result, result.body, method, turn.http11, keep_alive)

    async def _result(self, request: Request | Refusal) -> Result:
        if isinstance(request, Refusal):
            return self._owner.refuse(request.status, request.message)
        try:
            result = await self._owner.handler(request)
            encode.check(result.headers)
            return result
        except Exception:
            log.exception("the handler of %r failed", request)
            return self._owner.refuse(500, "500 Internal Server Error")

    def _send(self, response: Response, body: bytes, method: str, http11: bool, keep_alive: bool) -> None:
        lines = [self._owner.date_line()]
        # The answer to a HEAD may itself tell the length of the body that it leaves out.
        told = method == "HEAD" and "content-length" in encode.names(response.headers)
        if not told and encode.has_body("GET", response.status):
            lines.append(f"Content-Length: {len(body)}\r\n")
        if not keep_alive:
            lines.append("Connection: close\r\n")
        elif not http11:
            lines.append("Connection: keep-alive\r\n")
        head = encode.head(response.status, response.headers, *lines)
        if not body or not encode.has_body(method, response.status):
            self._transport.write(head)
        elif len(body) < encode.JOIN_LIMIT:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    async def _send_stream(
        self, response: Response, body: AsyncIterator[Chunk], method: str, http11: bool, keep_alive: bool
    ) -> bool:
        """Sends the head at once, then each chunk as it comes; says whether the connection may go on."""
        size = encode.length(response.headers)
        chunked = http11 and size is None
        keep_alive = keep_alive and (chunked or size is not None)
        wanted = encode.has_body(method, response.status)
        lines = [self._owner.date_line()]
        if chunked and wanted:
            lines.append("Transfer-Encoding: chunked\r\n")
        if not keep_alive:
            lines.append("Connection: close\r\n")
        self._transport.write(encode.head(response.status, response.headers, *lines))
        self._endless = response.endless
        offer = getattr(body, "offer_sender", None)
        if chunked and offer is not None:
            offer(self._send_chunk)
        try:
            if wanted and not (self._ending and self._endless):
                await self._pump(body if size is None else encode.exactly(size, body), chunked)
                if chunked:
                    self._transport.write(encode.LAST_CHUNK)
        except ConnectionResetError:  # the body wants the connection to break
            self._transport.abort()
            return False
        except Exception:
            log.exception("the stream of an answer failed")
            self._transport.abort()
            return False
        finally:
            self._endless = False
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
        return keep_alive and not self._ending

    async def _pump(self, body: AsyncIterator[Chunk], chunked: bool) -> None:
        try:
            async for data in body:
                if data:
                    if chunked and data.__class__ is bytes and len(data) < encode.JOIN_LIMIT:
                        self._transport.write(encode.framed(data))
                    else:
                        self._write(encode.chunk(data) if chunked else data)
                    if self._writable is not None:
                        await self._writable
        except asyncio.CancelledError:
            # A server that shuts down ends its watches properly; a client that went just ends the task.
            task = asyncio.current_task()
            if not self._ending or self._lost or task is None:
                raise
            task.uncancel()

    def _send_chunk(self, data: bytes) -> bool:
        """The `Sender` of an endless stream: no task has to be woken for the chunk."""
        if self._writable is not None or self._lost or self._ending or not self._endless:
            return False
        self._write(encode.framed(data) if len(data) < encode.JOIN_LIMIT else encode.chunk(data))
        return True

    def _write(self, data: Chunk) -> None:
        if not isinstance(data, list):
            self._transport.write(data)
        elif sum(map(len, data)) < encode.JOIN_LIMIT:
            self._transport.write(b"".join(data))
        else:
            self._transport.writelines(data)

    async def _upgrade(self, upgrade: Upgrade) -> None:
        named = "connection" in encode.names(upgrade.headers)
        lines = () if named else ("Connection: Upgrade\r\n",)
        self._transport.write(encode.head(upgrade.status, upgrade.headers, *lines))
        held, self._parser.held = self._parser.held, None
        self._resume_reading()  # before the stream decides about that
        stream = Stream.adopt(self._transport, bytes(held or b""))
        try:
            await upgrade.serve(stream)
        except ConnectionError:
            log.debug("an upgraded connection broke", exc_info=True)
        except Exception:
            log.exception("an upgraded connection failed")
        finally:
            stream.close()
