"""One request over HTTP/2 and its answer, sent as fast as the client's windows allow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from pybernetes.wire.http import encode
from pybernetes.wire.http.messages import Chunk, Headers, Request, Response, Upgrade
from pybernetes.wire.http.parsing import Refusal, extended, header_name

if TYPE_CHECKING:
    from pybernetes.wire.http2.connection import Http2Connection

log = logging.getLogger(__name__)

OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
"""Headers of HTTP/1.1 that HTTP/2 forbids (RFC 9113, 8.2.2)."""


class ServerStream:
    """Arriving (`take`), then answered by a task (`answer`)."""

    def __init__(self, connection: Http2Connection, number: int, headers: list[tuple[Any, Any]]) -> None:
        self.id = number
        self.task: asyncio.Task[None] | None = None
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + connection.limits.body_timeout
        self._pseudo: dict[bytes, str] = {}
        self._headers = self._read(headers)
        self._body: bytes | bytearray = b""
        self._refusal: Refusal | None = None
        self._arrived = False
        self._endless = False
        self._window: asyncio.Future[None] | None = None

    def _read(self, pairs: list[tuple[bytes, bytes]]) -> Headers:
        headers, cookies = Headers(), []
        for name, value in pairs:
            text = value.decode("latin-1")
            if name.startswith(b":"):
                self._pseudo[name] = text
            elif name == b"cookie":  # may come in pieces (RFC 9113, 8.2.3)
                cookies.append(text)
            else:
                headers.add(header_name(name), text)
        if cookies:
            headers.add("cookie", "; ".join(cookies))
        if "host" not in headers and b":authority" in self._pseudo:
            headers.add("host", self._pseudo[b":authority"])
        return headers

    # -- arriving (the connection's calls) -----------------------------------------------------------------

    def opened(self, *, whole: bool) -> None:
        """The head is there; `whole` says that there is no body."""
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._connection.limits.body:
            self._too_large()
        elif not whole and self._headers.get("expect", "").lower() == "100-continue":
            self._connection.h2.send_headers(self.id, ((":status", "100"),))

    def take(self, data: bytes) -> None:
        """A piece of the body."""
        if self._refusal is not None:
            return
        if len(self._body) + len(data) > self._connection.limits.body:
            self._too_large()
        else:
            self._body = extended(self._body, data)

    def arrived(self) -> None:
        """The request is there whole."""
        self._arrived = True
        if self.task is None:
            self._connection.run(self)

    def overdue(self, now: float) -> bool:
        """Whether the body keeps us waiting too long."""
        return self.task is None and now > self._deadline

    def _too_large(self) -> None:
        """Answered at once; the rest of the body is no longer wanted."""
        self._body = b""
        self._refusal = Refusal(413, f"Request entity too large: limit is {self._connection.limits.body}")
        if self.task is None:
            self._connection.run(self)

    def window_opened(self) -> None:
        """The client takes more."""
        window, self._window = self._window, None
        if window is not None and not window.done():
            window.set_result(None)

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def end_if_endless(self) -> None:
        """A stream that is whole wherever it stops is stopped: the server shuts down."""
        if self._endless:
            self.cancel()

    # -- answering -----------------------------------------------------------------------------------------

    async def answer(self) -> None:
        """The stream's task: from the request to the last frame. Cancelled where the client goes."""
        try:
            await self._send(await self._result())
            if not self._arrived:
                self._connection.h2.reset_stream(self.id, ErrorCodes.NO_ERROR)  # RFC 9113, 8.1: stop sending
        except ProtocolError:
            log.debug("stream %d was ended by the client", self.id, exc_info=True)

    async def _result(self) -> Response:
        owner = self._connection.owner
        request = self._request()
        if isinstance(request, Refusal):
            return owner.refuse(request.status, request.message)
        try:
            result = await owner.handler(request)
            if isinstance(result, Upgrade):
                return owner.refuse(400, "400 Bad Request: HTTP/2 connections cannot be upgraded")
            encode.check(result.headers)
            return result
        except Exception:
            log.exception("the handler of %r failed", request)
            return owner.refuse(500, "500 Internal Server Error")

    def _request(self) -> Request | Refusal:
        if self._refusal is not None:
            return self._refusal
        method, target = self._pseudo.get(b":method", ""), self._pseudo.get(b":path", "")
        if method == "CONNECT" or not target.startswith("/"):
            return Refusal(400, "400 Bad Request: malformed request target")
        body, self._body = bytes(self._body), b""
        return self._connection.make_request(method, target, self._headers, body)

    async def _send(self, response: Response) -> None:
        body = response.body
        method = self._pseudo.get(b":method", "")
        wanted = encode.has_body(method, response.status)
        if isinstance(body, bytes):
            told = method == "HEAD" and "content-length" in encode.names(response.headers)
            length = None if told or not encode.has_body("GET", response.status) else len(body)
            self._send_head(response, length, end=not body or not wanted)
            if body and wanted:
                await self._write(body, end=True)
            else:
                self._connection.flush()
            return
        await self._send_stream(response, body, wanted)

    def _send_head(self, response: Response, length: int | None, *, end: bool) -> None:
        date = self._connection.owner.date_line()
        headers: list[tuple[str, str | bytes]] = [
            (":status", str(response.status)),
            ("date", date[6:-2]),
        ]
        if length is not None:
            headers.append(("content-length", str(length)))
        for name, value in response.headers:
            lower = name.lower()
            if lower not in OF_THE_CONNECTION:
                headers.append((lower, value.encode("latin-1", "replace")))  # as HTTP/1.1 writes it
        self._connection.h2.send_headers(self.id, headers, end_stream=end)

    async def _send_stream(self, response: Response, body: AsyncIterator[Chunk], wanted: bool) -> None:
        self._endless = response.endless
        try:
            self._send_head(response, None, end=not wanted)
            self._connection.flush()
            if wanted:
                if not (self._connection.ending and self._endless):
                    await self._pump(body)
                self._connection.h2.end_stream(self.id)
                self._connection.flush()
        except ProtocolError:
            raise
        except ConnectionResetError:  # the body wants the connection to break
            self._connection.reset(self, ErrorCodes.INTERNAL_ERROR)
        except Exception:
            log.exception("the stream of an answer failed")
            self._connection.reset(self, ErrorCodes.INTERNAL_ERROR)
        finally:
            self._endless = False
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()

    async def _pump(self, body: AsyncIterator[Chunk]) -> None:
        try:
            async for data in body:
                if data:
                    await self._write(b"".join(data) if isinstance(data, list) else data)
        except asyncio.CancelledError:
            # A server that shuts down ends its watches properly; a client that went just ends the task.
            task = asyncio.current_task()
            if not self._connection.ending or self._connection.lost or task is None:
                raise
            task.uncancel()

    async def _write(self, data: bytes, *, end: bool = False) -> None:
        """Sends bytes in frames, each as long as the windows of stream and connection allow."""
        h2, size, at = self._connection.h2, len(data), 0
        while at < size:
            room = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size)
            if room <= 0:
                self._connection.flush()
                await self._wait_for_window()
                continue
            piece = data if at == 0 and size <= room else data[at : at + room]
            at += len(piece)
            h2.send_data(self.id, piece, end_stream=end and at == size)
            self._connection.flush()
            if not self._connection.writable.is_set():
                await self._connection.writable.wait()

    async def _wait_for_window(self) -> None:
        self._window = self._loop.create_future()
        try:
            await self._window
        finally:
            self._window = None
