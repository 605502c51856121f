"""SPDY/3.1 framing (the draft's section 2), sans-IO, both roles: bytes in, events out; calls in, bytes out.

As Kubernetes speaks it: the peers (kubectl, containerd, upstream's kubelet) have no flow control by windows, they
neither send WINDOW_UPDATE nor wait for one. So windows are not enforced here either: a window that nobody opens again
would stop every stream at 64 KiB. The transport's own back-pressure holds a fast sender.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from pybernetes.wire.spdy_dictionary import DICTIONARY

VERSION = 3
FIN = 0x01
UNIDIRECTIONAL = 0x02
# Bounds on what a peer can make us hold: a control frame, its headers unpacked, and one data frame as we send it.
MAX_CONTROL = 64 * 1024
MAX_HEADERS = 256 * 1024
MAX_DATA = 32 * 1024
MAX_UNSENT = 10_000
STREAM_MASK = 0x7FFFFFFF


class FrameType(IntEnum):
    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class ResetStatus(IntEnum):
    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    CANCEL = 5
    INTERNAL_ERROR = 6


class SpdyError(ConnectionError):
    """The peer broke the protocol: the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """SYN_STREAM: answer with `reply` or `reset`."""

    stream: int
    headers: Mapping[str, str]
    fin: bool


@dataclass(frozen=True, slots=True)
class Replied:
    """SYN_REPLY to a stream that we opened, or HEADERS on one."""

    stream: int
    headers: Mapping[str, str]
    fin: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream, as they come: one frame may give several; `fin` ends the peer's half."""

    stream: int
    data: bytes
    fin: bool


@dataclass(frozen=True, slots=True)
class WasReset:
    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to our own ping."""

    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The peer takes no new streams after this one of ours."""

    last_stream: int


Event = StreamOpened | Replied | Data | WasReset | Pong | GoAway


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """The name/value block before compression; names go in lower case."""
    parts = [struct.pack("!I", len(headers))]
    for name, value in headers.items():
        for text in (name.lower(), value):
            raw = text.encode()
            parts += [struct.pack("!I", len(raw)), raw]
    return b"".join(parts)


def decode_headers(block: bytes) -> dict[str, str]:
    """The inverse; of several values (parted by NUL) the first. Raises SpdyError."""
    headers, at = {}, 4
    try:
        (count,) = struct.unpack_from("!I", block)
        for _ in range(count):
            pair = []
            for _ in range(2):
                (size,) = struct.unpack_from("!I", block, at)
                if at + 4 + size > len(block):
                    raise SpdyError("a header reaches beyond its block")
                pair.append(block[at + 4 : at + 4 + size].decode("utf-8", "replace"))
                at += 4 + size
            headers[pair[0].lower()] = pair[1].split("\0")[0]
    except struct.error as error:
        raise SpdyError("a truncated header block") from error
    return headers


class Framer:
    """One connection. `outgoing` collects bytes to send (answers to pings among them): take it with `take`."""

    def __init__(self, *, client: bool) -> None:
        self._next_stream = 1 if client else 2
        self._next_ping = 1 if client else 2
        self._parity = 1 if client else 0
        self._last_peer_stream = 0
        self._buffer = bytearray()
        self._data: tuple[int, int, bool] | None = None  # stream, bytes still to come, fin
        self._deflate = zlib.compressobj(level=zlib.Z_BEST_SPEED, zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._outgoing: list[bytes] = []

    # -- receiving -----------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Raises SpdyError; then only `take` (a GOAWAY) is of use."""
        self._buffer += data
        events: list[Event] = []
        while self._step(events):
            pass
        return events

    def _step(self, events: list[Event]) -> bool:
        """Reads one frame, or a piece of a data frame; False where more bytes are needed."""
        buffer = self._buffer
        if self._data is not None:
            return self._read_data(events)
        if len(buffer) < 8:
            return False
        word, flags_length = struct.unpack_from("!II", buffer)
        flags, length = flags_length >> 24, flags_length & 0xFFFFFF
        if not word >> 31:
            del buffer[:8]
            self._data = (word, length, bool(flags & FIN))
            return self._read_data(events)
        version, kind = (word >> 16) & 0x7FFF, word & 0xFFFF
        if version != VERSION:
            raise self._broken(f"SPDY version {version}")
        if length > MAX_CONTROL:
            raise self._broken(f"a control frame of {length} bytes")
        if len(buffer) < 8 + length:
            return False
        payload = bytes(buffer[8 : 8 + length])
        del buffer[: 8 + length]
        try:
            self._control(kind, flags, payload, events)
        except struct.error as error:
            raise self._broken("a truncated control frame") from error
        return True

    def _read_data(self, events: list[Event]) -> bool:
        assert self._data is not None
        stream, left, fin = self._data
        piece = bytes(self._buffer[:left])
        if not piece and left:
            return False
        del self._buffer[: len(piece)]
        done = len(piece) == left
        self._data = None if done else (stream, left - len(piece), fin)
        events.append(Data(stream, piece, fin and done))
        return True

    def _control(self, kind: int, flags: int, payload: bytes, events: list[Event]) -> None:
        match kind:
            case FrameType.SYN_STREAM:
                stream = struct.unpack_from("!I", payload)[0] & STREAM_MASK
                headers = self._headers(payload[10:])
                if stream % 2 == self._parity or stream <= self._last_peer_stream:
                    raise self._broken(f"stream {stream} after {self._last_peer_stream}")
                self._last_peer_stream = stream
                events.append(StreamOpened(stream, headers, bool(flags & FIN)))
            case FrameType.SYN_REPLY | FrameType.HEADERS:
                stream = struct.unpack_from("!I", payload)[0] & STREAM_MASK
                events.append(Replied(stream, self._headers(payload[4:]), bool(flags & FIN)))
            case FrameType.RST_STREAM:
                stream, status = struct.unpack_from("!II", payload)
                events.append(WasReset(stream & STREAM_MASK, status))
            case FrameType.PING:
                (ping,) = struct.unpack_from("!I", payload)
                if ping % 2 == self._parity:
                    events.append(Pong(ping))
                elif len(self._outgoing) > MAX_UNSENT:
                    raise self._broken("pings without end from a peer that reads nothing")
                else:
                    self._emit(FrameType.PING, 0, payload[:4])
            case FrameType.GOAWAY:
                events.append(GoAway(struct.unpack_from("!I", payload)[0] & STREAM_MASK))
            case _:
                return  # SETTINGS and WINDOW_UPDATE mean nothing without flow control; unknown frames are ignored

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, MAX_HEADERS)
        except zlib.error as error:
            raise self._broken(f"a header block that does not unpack: {error}") from error
        if self._inflate.unconsumed_tail:
            raise self._broken("a header block that is too large")
        return decode_headers(plain)

    def _broken(self, message: str) -> SpdyError:
        self._emit(FrameType.GOAWAY, 0, struct.pack("!II", self._last_peer_stream, 1))
        return SpdyError(f"SPDY: {message}")

    # -- sending -------------------------------------------------------------------------------------------

    def open(self, headers: Mapping[str, str], *, fin: bool = False) -> int:
        """Opens a stream and gives its id."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        payload = struct.pack("!IIH", stream, 0, 0) + self._pack(headers)
        self._emit(FrameType.SYN_STREAM, FIN if fin else 0, payload)
        return stream

    def reply(self, stream: int, headers: Mapping[str, str] | None = None) -> None:
        """Accepts a stream that the peer opened."""
        self._emit(FrameType.SYN_REPLY, 0, struct.pack("!I", stream) + self._pack(headers or {}))

    def data(self, stream: int, data: bytes, *, fin: bool = False) -> None:
        """Data frames of at most MAX_DATA; `fin` ends our half."""
        view = memoryview(data)
        pieces = [view[at : at + MAX_DATA] for at in range(0, len(view), MAX_DATA)] or [view]
        for index, piece in enumerate(pieces):
            flags = FIN if fin and index == len(pieces) - 1 else 0
            self._outgoing += [struct.pack("!II", stream, flags << 24 | len(piece)), bytes(piece)]

    def reset(self, stream: int, status: ResetStatus = ResetStatus.CANCEL) -> None:
        self._emit(FrameType.RST_STREAM, 0, struct.pack("!II", stream, status))

    def ping(self) -> int:
        """Asks for a sign of life; its `Pong` has the id given."""
        ping, self._next_ping = self._next_ping, self._next_ping + 2
        self._emit(FrameType.PING, 0, struct.pack("!I", ping))
        return ping

    def go_away(self) -> None:
        self._emit(FrameType.GOAWAY, 0, struct.pack("!II", self._last_peer_stream, 0))

    def take(self) -> list[bytes]:
        """What is to be sent, in order; empties it."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def _pack(self, headers: Mapping[str, str]) -> bytes:
        return self._deflate.compress(encode_headers(headers)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def _emit(self, kind: FrameType, flags: int, payload: bytes) -> None:
        head = struct.pack("!II", 1 << 31 | VERSION << 16 | kind, flags << 24 | len(payload))
        self._outgoing.append(head + payload)
