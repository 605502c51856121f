"""The remotecommand channel protocols over WebSocket: one byte that names the channel, then its data.

`v5.channel.k8s.io` can half-close a channel (a message of the two bytes 255 and the channel); `v4` ends with a Status
on the error channel; the older ones end with text there. The `base64.` variants carry text messages: the channel as a
digit, then base64.
"""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum

from pybernetes.wire.websocket import Message, WebSocket, WebSocketError

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
V4_BASE64 = "v4.base64.channel.k8s.io"
V1 = "channel.k8s.io"
V1_BASE64 = "base64.channel.k8s.io"

# What exec and attach accept, as upstream; "" is a client that names no protocol and means V1.
REMOTE_COMMAND = (V5, V4, V4_BASE64, V1, V1_BASE64, "")
CLOSE = 255


class Channel(IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


class HalfClosed(bytes):
    """What `receive` gives for the end of a channel: empty data of its own kind."""


def is_base64(subprotocol: str) -> bool:
    return "base64" in subprotocol


def encode(channel: int, data: bytes, *, text: bool) -> Message:
    """One message."""
    return f"{channel}{base64.b64encode(data).decode()}" if text else bytes((channel,)) + data


def encode_close(channel: int) -> bytes:
    """The v5 message that ends one channel."""
    return bytes((CLOSE, channel))


def decode(message: Message, *, text: bool, half_close: bool) -> tuple[int, bytes] | None:
    """Channel and data; None for an empty message (some clients send one to begin). Raises WebSocketError."""
    if not message:
        return None
    if not text:
        if isinstance(message, str):
            raise WebSocketError("a text message where binary ones were agreed")
        if half_close and message[0] == CLOSE:
            if len(message) != 2:
                raise WebSocketError("malformed close of a channel")
            return message[1], HalfClosed()
        return message[0], message[1:]
    content = message if isinstance(message, str) else message.decode("ascii", "replace")
    if not content[0].isdigit():
        raise WebSocketError("a text message that does not begin with its channel")
    try:
        return int(content[0]), base64.b64decode(content[1:], validate=True)
    except binascii.Error as error:
        raise WebSocketError(f"malformed base64: {error}") from error


class ChannelSocket:
    """Channels over one WebSocket, server's or client's side, by its subprotocol."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.subprotocol = websocket.subprotocol
        self.half_close = websocket.subprotocol == V5
        # From v4 on the error channel carries a Status.
        self.status_errors = websocket.subprotocol in (V5, V4, V4_BASE64)
        self._text = is_base64(websocket.subprotocol)

    async def receive(self) -> tuple[int, bytes] | None:
        """The next (channel, data), where data is a `HalfClosed` for the end of that channel; None at the end of
        all. Raises ConnectionError.
        """
        while (message := await self._websocket.receive()) is not None:
            decoded = decode(message, text=self._text, half_close=self.half_close)
            if decoded is not None:
                return decoded
        return None

    async def send(self, channel: int, data: bytes) -> None:
        """Raises ConnectionError where the peer is gone."""
        await self._websocket.send(encode(channel, data, text=self._text))

    async def end(self, channel: int) -> None:
        """Ends one channel where the protocol can; says nothing where it cannot."""
        if self.half_close:
            await self._websocket.send(encode_close(channel))

    async def close(self) -> None:
        await self._websocket.close()
