"""WebSocket (RFC 6455) on wsproto's frame machine: the handshake's facts, and whole messages over a `Stream`.

The handshake itself is plain HTTP: `accept` gives a handler's answer, `open_websocket` asks a server.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import cast
from urllib.parse import urlsplit

from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed

from pybernetes.wire.http.client import GivenHeaders, HttpClient
from pybernetes.wire.http.messages import Request, Response, Upgrade, header_pairs
from pybernetes.wire.stream import Stream

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LINGER = 1.0
"""Seconds that a peer is given to answer a close frame."""
MAX_MESSAGE = 16 * 1024 * 1024

Message = bytes | str


class WebSocketError(ConnectionError):
    """The peer broke the protocol, or the connection ended without a close frame."""


def accept_key(key: str) -> str:
    """The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + GUID).digest()).decode()


def choose_subprotocol(offered: Sequence[str], supported: Sequence[str]) -> str | None:
    """The first of the client's protocols that we speak; None where there is none.

    A client that offers nothing gets "" where that is among the supported ones (upstream's oldest protocol).
    """
    return next((protocol for protocol in (offered or ("",)) if protocol in supported), None)


class Frames:
    """The sans-IO half: bytes in, whole messages out; answers to pings and closes collect in `outgoing`."""

    def __init__(self, *, client: bool) -> None:
        self._protocol = FrameProtocol(client=client, extensions=[])
        self._parts: list[bytes | str] = []
        self._size = 0
        self.outgoing: list[bytes] = []
        self.closed = False
        self.close_code: int | None = None
        self._close_sent = False

    def receive(self, data: bytes) -> list[Message]:
        """The messages that became whole. Raises WebSocketError; `outgoing` then holds the close frame to send."""
        messages: list[Message] = []
        self._protocol.receive_bytes(data)
        try:
            for frame in self._protocol.received_frames():
                match frame.opcode:
                    case Opcode.PING:
                        self.outgoing.append(bytes(self._protocol.pong(cast(bytes, frame.payload))))
                    case Opcode.PONG:
                        continue
                    case Opcode.CLOSE:
                        self.closed, self.close_code = True, int(frame.payload[0])
                        self.close(CloseReason.NORMAL_CLOSURE)
                        break
                    case _:
                        payload = cast("bytes | bytearray | str", frame.payload)
                        self._add(payload if isinstance(payload, str) else bytes(payload))
                        if frame.message_finished:
                            messages.append(self._take())
        except ParseFailed as error:
            self.close(error.code)
            self.closed = True
            raise WebSocketError(str(error)) from error
        return messages

    def message(self, data: Message) -> bytes:
        """The frame of one message."""
        return bytes(self._protocol.send_data(data, fin=True))

    def ping(self) -> bytes:
        return bytes(self._protocol.ping(b""))

    def close(self, code: int, reason: str = "") -> None:
        """Puts a close frame into `outgoing`, once."""
        if not self._close_sent:
            self._close_sent = True
            # A control frame holds 125 bytes, two of them the code; what is cut must still be UTF-8.
            short = reason.encode()[:123].decode(errors="ignore")
            self.outgoing.append(bytes(self._protocol.close(CloseReason(code), short)))

    def _add(self, part: Message) -> None:
        self._size += len(part)
        if self._size > MAX_MESSAGE:
            raise ParseFailed("the message is too large", CloseReason.MESSAGE_TOO_BIG)
        self._parts.append(part)

    def _take(self) -> Message:
        parts, self._parts, self._size = self._parts, [], 0
        if len(parts) == 1:
            return parts[0]
        if isinstance(parts[0], str):
            return "".join(str(part) for part in parts)
        return b"".join(part for part in parts if isinstance(part, bytes))


class WebSocket:
    """Whole messages over a stream. One receiver; any number of senders."""

    def __init__(self, stream: Stream, *, client: bool, subprotocol: str = "") -> None:
        self.subprotocol = subprotocol
        self._stream = stream
        self._frames = Frames(client=client)
        self._messages: deque[Message] = deque()

    async def receive(self) -> Message | None:
        """The next message (bytes or text); None once the peer has closed. Raises ConnectionError."""
        while not self._messages:
            if self._frames.closed:
                return None
            data = await self._stream.read()
            if not data:
                raise WebSocketError("the connection ended without a close frame")
            try:
                self._messages.extend(self._frames.receive(data))
            finally:
                self._send_control()
        return self._messages.popleft()

    async def send(self, data: Message) -> None:
        """Sends one message; waits while the peer reads too slowly. Raises ConnectionError."""
        if self._frames.closed:
            raise WebSocketError("the peer has closed the connection")
        await self._stream.write(self._frames.message(data))

    def ping(self) -> None:
        """Keeps the connection alive through what forgets idle ones; the answer is not waited for."""
        self._stream.send(self._frames.ping())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Sends a close frame (once) and closes the stream."""
        self._frames.close(code, reason)
        self._send_control()
        self._stream.close()

    async def finish(self) -> None:
        """Closes as a server does that has said all: what the peer still sends is read and dropped until it has seen
        the close frame, because a connection that is closed over unread bytes loses what was sent last."""
        self._frames.close(CloseReason.NORMAL_CLOSURE)
        self._send_control()
        try:
            async with asyncio.timeout(LINGER):
                while not self._frames.closed and not self._stream.closing:
                    data = await self._stream.read()
                    if not data:
                        break
                    self._frames.receive(data)
        except (TimeoutError, ConnectionError):
            pass  # the peer is gone, or does not listen
        finally:
            self._stream.close()

    def _send_control(self) -> None:
        frames, self._frames.outgoing = self._frames.outgoing, []
        if self._stream.clogged:
            del frames[
                :-1
            ]  # a peer that reads no pongs gets the latest one (RFC 6455, 5.5.3), or the close frame
        if frames and not self._stream.closing:
            self._stream.send(frames)


class WebSocketTunnel:
    """A byte stream inside binary messages (SPDY in a port-forward's WebSocket); the same calls as `Stream`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def read(self) -> bytes:
        """b"" at the end; an empty message, which Go's clients send for an empty write, is not the end."""
        while (message := await self._websocket.receive()) is not None:
            if isinstance(message, str):
                raise WebSocketError("a text message inside a tunnel of bytes")
            if message:
                return message
        return b""

    async def write(self, data: bytes | list[bytes]) -> None:
        await self._websocket.send(b"".join(data) if isinstance(data, list) else data)

    async def close(self) -> None:
        await self._websocket.close()


def accept(
    request: Request, supported: Sequence[str], serve: Callable[[WebSocket], Awaitable[None]]
) -> Response | Upgrade:
    """A handler's answer to a request for `Upgrade: websocket`: the upgrade, or the refusal with its reason.

    `serve` gets the socket with the chosen `subprotocol`; it is closed with 1000 when `serve` returns.
    """
    key = request.headers.get("sec-websocket-key", "")
    if request.method != "GET" or not key or not request.wants_upgrade("websocket"):
        return Response.text(400, "not a WebSocket handshake\n")
    if request.headers.get("sec-websocket-version") != "13":
        return Response.text(426, "unsupported WebSocket version\n", (("Sec-WebSocket-Version", "13"),))
    offered = request.headers.tokens("sec-websocket-protocol")
    subprotocol = choose_subprotocol(offered, supported)
    if subprotocol is None:
        return Response.text(
            403,
            f"unable to negotiate protocol: client supports {offered}, server accepts {list(supported)}\n",
        )

    async def serve_stream(stream: Stream) -> None:
        websocket = WebSocket(stream, client=False, subprotocol=subprotocol)
        try:
            await serve(websocket)
        finally:
            await websocket.finish()

    headers = [("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept_key(key))]
    if subprotocol:
        headers.append(("Sec-WebSocket-Protocol", subprotocol))
    return Upgrade(headers, serve_stream)


async def open_websocket(
    client: HttpClient,
    url: str,
    key: bytes,
    *,
    subprotocols: Sequence[str] = (),
    headers: GivenHeaders = (),
    timeout: float | None = None,
) -> WebSocket:
    """Asks the server for a WebSocket; `key` is 16 random bytes. `url` may be ws, wss, http, https or a path.

    Raises UpgradeRefused with the server's answer, WebSocketError for a wrong one, OSError, TimeoutError.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("ws", "wss"):
        url = "http" + url.removeprefix("ws")
    encoded = base64.b64encode(key).decode()
    asked = [
        *header_pairs(headers),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", encoded),
    ]
    if subprotocols:
        asked.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    upgraded = await client.upgrade("GET", url, headers=asked, timeout=timeout)
    if upgraded.headers.get("sec-websocket-accept") != accept_key(encoded):
        upgraded.stream.close()
        raise WebSocketError("the server's Sec-WebSocket-Accept does not answer our key")
    chosen = upgraded.headers.get("sec-websocket-protocol", "")
    return WebSocket(upgraded.stream, client=True, subprotocol=chosen)
