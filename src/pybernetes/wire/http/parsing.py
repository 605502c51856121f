"""Requests out of bytes: a sans-IO parser on httptools with every bound that protects the server.

`feed` never raises: what is wrong becomes the last turn, a refusal that is answered in its order.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

import httptools

from pybernetes.wire.http.heads import RememberedHeads
from pybernetes.wire.http.messages import Headers, Request

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection. Sizes in bytes, times in seconds."""

    body: int = 3 * MIB
    head: int = MIB
    head_timeout: float = 32.0
    body_timeout: float = 60.0
    idle_timeout: float = 90.0
    write_buffer: int = 256 * 1024
    # Requests read ahead of the one being answered; reading stops there.
    pipelined: int = 16
    # How much of a refused request is read and dropped, and how long, so that the client gets to read the refusal.
    discard: int = 16 * MIB
    discard_timeout: float = 5.0


class Phase(Enum):
    BETWEEN = "between messages"
    HEAD = "head"
    BODY = "body"


@dataclass(slots=True)
class Refusal:
    """What is wrong with a request that never reaches the handler."""

    status: int
    message: str


BAD_REQUEST = Refusal(400, "400 Bad Request")
UNKNOWN_METHOD = Refusal(405, "the server does not allow this method on the requested resource")
UNKNOWN_VERSION = Refusal(505, "505 HTTP Version Not Supported: unsupported protocol version")
ANY_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/1\.[01]\r\n")
"""A request line that is well-formed whatever the method is: the parser knows only those with a name of their own."""


@dataclass(slots=True)
class Turn:
    """A request to answer, or the refusal to send in its place; `keep_alive` False ends the connection after it."""

    request: Request | Refusal
    keep_alive: bool = True
    http11: bool = True


@dataclass(slots=True)
class Incoming:
    """The message being parsed."""

    url: bytes = b""
    headers: Headers = field(default_factory=Headers)
    body: bytes | bytearray = b""
    size: int = 0
    version: str = ""
    head_done: bool = False


class _Stop(Exception):
    """Ends parsing from inside a callback of the parser."""


@lru_cache(maxsize=512)
def header_name(name: bytes) -> str:
    """Clients send the same few names again and again."""
    return name.decode("latin-1").lower()


def extended(body: bytes | bytearray, piece: bytes) -> bytes | bytearray:
    """A body with one more piece. Pieces are not kept: a client may send millions of one or two bytes each."""
    if not body:
        return piece
    if isinstance(body, bytes):
        body = bytearray(body)
    body += piece
    return body


MakeRequest = Callable[[str, str, Headers, bytes], Request]


class RequestParser:
    """`turns` fills as `feed` is called. `held` is not None once a request asks for another protocol: parsing stands
    still and keeps the bytes that follow, until `go_on` says that the request was answered as plain HTTP.
    `finished` says that no more input will be parsed.
    """

    def __init__(
        self, limits: Limits, make_request: MakeRequest, heads: RememberedHeads | None = None
    ) -> None:
        self.turns: deque[Turn] = deque()
        self.held: bytearray | None = None
        self.finished = False
        self.refused = False
        self.phase = Phase.BETWEEN
        self.begun = 0
        self.wants_continue = False
        self._limits = limits
        self._make_request = make_request
        self._heads = RememberedHeads() if heads is None else heads
        self._parser = httptools.HttpRequestParser(self)
        self._incoming = Incoming()
        self._head_size = 0
        self._refusal: Refusal | None = None

    def feed(self, data: bytes) -> None:
        if self.finished:
            return
        if self.held is not None:
            self.held += data
            return
        between = self.phase is Phase.BETWEEN
        if between and (known := self._heads.read(data)) is not None:
            self.turns.append(Turn(self._make_request(*known)))
            return
        begun, waiting = self.begun, len(self.turns)
        try:
            self._parser.feed_data(data)
            if between and len(self.turns) == waiting + 1 and not self.finished:
                self._remember(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.held = bytearray(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            # After a request that ends the connection, the parser calls any further byte an error.
            if not self.finished:
                unknown = isinstance(error, httptools.HttpParserInvalidMethodError)
                refusal = UNKNOWN_METHOD if unknown and ANY_METHOD.match(data) else BAD_REQUEST
                self._refuse(self._refusal or refusal)
        if self.phase is Phase.HEAD:
            # The bytes of a head that began in this very piece are not worth telling from the message before.
            self._head_size = len(data) + (self._head_size if begun == self.begun else 0)
            if self._head_size > self._limits.head:
                self._refuse(Refusal(431, "431 Request Header Fields Too Large"))

    def _remember(self, data: bytes) -> None:
        request = self.turns[-1].request
        if self.turns[-1].http11 and isinstance(request, Request):
            self._heads.remember(data, request.headers, len(request.body))

    def go_on(self) -> None:
        """The request that asked for another protocol was answered without it: what follows is HTTP again."""
        held, self.held = bytes(self.held or b""), None
        self._parser = httptools.HttpRequestParser(self)
        self.phase = Phase.BETWEEN
        if held:
            self.feed(held)

    # -- httptools' callbacks ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.begun += 1
        self.phase = Phase.HEAD
        self._head_size = 0
        self._incoming = Incoming()

    def on_url(self, url: bytes) -> None:
        self._incoming.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        incoming = self._incoming
        if not incoming.head_done:  # a trailer is no header: filters in front of us do not see it
            incoming.headers.add(header_name(name), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        self.phase = Phase.BODY
        incoming = self._incoming
        incoming.head_done = True
        headers, version = incoming.headers, self._parser.get_http_version()
        incoming.version = version
        if version != "1.1" and version != "1.0":
            self._stop(UNKNOWN_VERSION)
        if "host" not in headers:
            if version == "1.1":
                self._stop(Refusal(400, "400 Bad Request: missing required Host header"))
        elif headers.several("host"):
            self._stop(Refusal(400, "400 Bad Request: too many Host headers"))
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limits.body:
            self._too_large()
        if "expect" in headers:
            self.wants_continue = headers["expect"].lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        incoming = self._incoming
        incoming.size += len(body)
        if incoming.size > self._limits.body:
            self._too_large()
        incoming.body = extended(incoming.body, body)
        self.wants_continue = False

    def on_message_complete(self) -> None:
        self.phase = Phase.BETWEEN
        self.wants_continue = False
        parser, incoming = self._parser, self._incoming
        method = parser.get_method().decode("latin-1")
        target = incoming.url.decode("latin-1")
        if not target.startswith("/"):
            target = self._origin_form(method, target)
        request = self._make_request(method, target, incoming.headers, bytes(incoming.body))
        keep_alive = parser.should_keep_alive() or parser.should_upgrade()
        self.turns.append(Turn(request, keep_alive, incoming.version == "1.1"))
        self.finished = not keep_alive

    # -- refusing ------------------------------------------------------------------------------------------

    def _origin_form(self, method: str, target: str) -> str:
        """The path and query of an absolute target (`http://host/path`)."""
        scheme, found, rest = target.partition("://")
        if method == "CONNECT" or not found or not scheme.isalpha():
            self._stop(Refusal(400, "400 Bad Request: malformed request target"))
        return "/" + rest.partition("/")[2]

    def _too_large(self) -> None:
        self._stop(Refusal(413, f"Request entity too large: limit is {self._limits.body}"))

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Stop

    def _refuse(self, refusal: Refusal) -> None:
        self._incoming = Incoming()
        self.turns.append(Turn(refusal, keep_alive=False))
        self.finished = self.refused = True
        self.wants_continue = False
        self.phase = Phase.BETWEEN
