"""What an HTTP handler gets and gives: `Request` in, `Response` or `Upgrade` out.

The values know nothing of sockets, so a handler can be called without a server: build a `Request`, await the handler.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from pybernetes.wire.stream import Stream

HeaderPairs = Sequence[tuple[str, str]]
Chunk = bytes | list[bytes]
Body = bytes | AsyncIterator[Chunk]
Sender = Callable[[bytes], bool]
"""Sends a chunk at once; False where that cannot be now: the client is slow, or the stream ends."""


class MultiDict(dict[str, str]):
    """A dict of the FIRST value of each name (as Go's `Header.Get` and `Values.Get`), with `all` for the rest."""

    __slots__ = ("_more",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._more: dict[str, list[str]] | None = None
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Appends a value; the first one stays what `self[name]` gives."""
        if name not in self:
            self[name] = value
            return
        if self._more is None:
            self._more = {}
        self._more.setdefault(name, []).append(value)

    def first(self, name: str, default: str = "") -> str:
        return self.get(name, default)

    def all(self, name: str) -> list[str]:
        """Every value of `name` in order; [] where there is none."""
        if name not in self:
            return []
        more = self._more.get(name, []) if self._more else []
        return [self[name], *more]

    def several(self, name: str) -> bool:
        """Whether `name` has more than one value."""
        return self._more is not None and name in self._more

    def pairs(self) -> list[tuple[str, str]]:
        """All (name, value) pairs, grouped by name."""
        return [(name, value) for name in self for value in self.all(name)]


class Headers(MultiDict):
    """Headers by LOWER-CASE name: `headers.get("content-type")`. The server makes them so; so must a caller."""

    __slots__ = ()

    def tokens(self, name: str) -> list[str]:
        """The comma-separated elements of all values of `name`, stripped, empty ones left out."""
        return [part for value in self.all(name) for raw in value.split(",") if (part := raw.strip())]


class Request:
    """One request, its body read whole. `path` is percent-decoded; `raw_path` and `raw_query` are as sent.

    `peer_certificate` is the DER of the client certificate that TLS verified, or None.
    `connection` lives as long as the connection: a place to keep what need not be computed for each request
    (such as the user of the certificate).
    """

    __slots__ = (
        "_query",
        "body",
        "connection",
        "headers",
        "method",
        "path",
        "peer_certificate",
        "raw_path",
        "raw_query",
        "remote",
        "scheme",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Headers | None = None,
        body: bytes = b"",
        *,
        peer_certificate: bytes | None = None,
        remote: str = "",
        scheme: str = "https",
        connection: dict[str, Any] | None = None,
    ) -> None:
        """`target` is the request target in origin form: `/path?query`. `remote` is the peer's address (no port)."""
        path, _, query = target.partition("?")
        self.method = method
        self.raw_path = path
        self.raw_query = query
        self.path = unquote(path) if "%" in path else path
        self.headers = Headers() if headers is None else headers
        self.body = body
        self.peer_certificate = peer_certificate
        self.remote = remote
        self.scheme = scheme
        self.connection: dict[str, Any] = {} if connection is None else connection
        self._query: MultiDict | None = None

    @property
    def query(self) -> MultiDict:
        """The query parameters, decoded (`request.query.first("watch")`, `.all("command")`); parsed on first use."""
        query = self._query
        if query is None:
            pairs = parse_qsl(self.raw_query, keep_blank_values=True) if self.raw_query else ()
            query = self._query = MultiDict(pairs)
        return query

    @property
    def target(self) -> str:
        """The origin form as sent: `/path?query`."""
        return f"{self.raw_path}?{self.raw_query}" if self.raw_query else self.raw_path

    def wants_upgrade(self, protocol: str) -> bool:
        """Whether the client asks for `Upgrade: protocol` (upper and lower case alike)."""
        if "upgrade" not in (token.lower() for token in self.headers.tokens("connection")):
            return False
        return protocol.lower() in (token.lower() for token in self.headers.tokens("upgrade"))

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


@dataclass(slots=True)
class Response:
    """An answer. A `bytes` body is sent with its length; an iterator is sent chunk by chunk as it yields
    (a `list[bytes]` is one chunk), is pulled no faster than the client reads, and is closed (`aclose`) at the end
    or when the client goes. The server adds Date, Content-Length, Transfer-Encoding and Connection.
    An iterator that has a method `offer_sender` is given a `Sender`, where the connection can send chunks that do not
    come from the iterator; it must use it only while the iterator is being waited for.
    `endless` marks a stream that is whole wherever it stops (a watch, followed logs): a server that shuts down ends
    it at once, with its last chunk.
    """

    status: int = 200
    headers: HeaderPairs = ()
    body: Body = b""
    endless: bool = False

    @staticmethod
    def text(status: int, text: str, headers: HeaderPairs = ()) -> Response:
        """A plain-text answer, as Go's `http.Error` writes it."""
        kind = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
        return Response(status, (*kind, *headers), text.encode())


@dataclass(slots=True)
class Upgrade:
    """Switches protocols: the server sends the 101 with these headers (`Upgrade` included by the handler,
    `Connection: Upgrade` added by the server), then gives the raw stream to `serve`. The connection is closed when
    `serve` returns; `serve` is cancelled when the server shuts down.
    """

    headers: HeaderPairs
    serve: Callable[[Stream], Awaitable[None]]
    status: int = 101


Result = Response | Upgrade
Handler = Callable[[Request], Awaitable[Result]]


@dataclass(slots=True)
class Reply:
    """An answer as a client reads it: headers by lower-case name."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


def header_pairs(headers: Mapping[str, str] | HeaderPairs) -> HeaderPairs:
    """Headers given as a mapping or as pairs, as pairs."""
    return tuple(headers.items()) if isinstance(headers, Mapping) else headers
