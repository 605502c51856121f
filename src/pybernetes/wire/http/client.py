"""The HTTP/1.1 client: pooled keep-alive connections, whole or streamed answers, upgrades.

No redirects, cookies, proxies or content codings: a caller that wants one of them does it where it is meant.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pybernetes.wire.http.exchange import ClientConnection, StreamedReply, UpgradeRefused, request_head
from pybernetes.wire.http.messages import HeaderPairs, Headers, Reply, header_pairs
from pybernetes.wire.stream import Stream

# A request of these methods is sent again when a kept connection turns out to have been closed by the server.
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
PORTS = {"http": 80, "https": 443}

GivenHeaders = Mapping[str, str] | HeaderPairs


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header: brackets around IPv6, no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"


@dataclass(slots=True)
class Upgraded:
    """The answer to an upgrade: its headers, and the stream that follows them (the caller closes it)."""

    headers: Headers
    stream: Stream


class HttpClient:
    """`base` (such as `https://10.0.0.1:6443`) is put before a URL that begins with `/`. With `unix_path`, every
    connection goes to that socket. `tls` is used for https URLs (default: the system's roots);
    `server_hostname` overrides the name that the server's certificate must have. `headers` go with every request.
    """

    def __init__(
        self,
        base: str = "",
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        unix_path: str = "",
        headers: GivenHeaders = (),
        max_idle: int = 32,
        idle_seconds: float = 60.0,
        connect_timeout: float = 30.0,
    ) -> None:
        self._base = base.rstrip("/")
        self._tls = tls
        self._server_hostname = server_hostname
        self._unix_path = unix_path
        self._headers = tuple(header_pairs(headers))
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._connect_timeout = connect_timeout
        self._idle: dict[Origin, list[ClientConnection]] = {}
        self._busy: set[ClientConnection] = set()
        self._swept = -math.inf
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: GivenHeaders = (),
        body: bytes = b"",
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Reply:
        """Sends and reads the whole answer, of whatever status (or the first `limit` bytes of its body).

        Raises OSError (ConnectionError, ssl.SSLError among them) and TimeoutError (after `timeout` seconds in all).
        """
        async with asyncio.timeout(timeout):
            async with self.stream(method, url, headers=headers, body=body) as reply:
                return Reply(reply.status, reply.headers, await reply.read(limit))

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: GivenHeaders = (),
        body: bytes = b"",
        timeout: float | None = None,
    ) -> AsyncIterator[StreamedReply]:
        """Sends and gives the answer as soon as its head is there (within `timeout` seconds, else TimeoutError).

        Leaving the block before the end of the body closes the connection.
        """
        try:
            async with asyncio.timeout(timeout):
                origin, connection = await self._exchange(method, url, header_pairs(headers), body)
        except TimeoutError as error:
            if error.args:
                raise  # the system's own, which tells what it is
            raise TimeoutError(f"no answer to {method} {url} within {timeout:g} s") from error
        try:
            yield StreamedReply(connection)
        finally:
            self._release(origin, connection)

    async def upgrade(
        self,
        method: str,
        url: str,
        *,
        headers: GivenHeaders,
        body: bytes = b"",
        timeout: float | None = None,
    ) -> Upgraded:
        """Asks to switch protocols (`headers` hold Connection and Upgrade) and gives the raw stream.

        Raises UpgradeRefused with the server's answer where it is not a 101, OSError, TimeoutError.
        """
        async with asyncio.timeout(timeout):
            origin, connection = await self._exchange(method, url, header_pairs(headers), body)
            try:
                stream = connection.take_over()
                if stream is not None:
                    self._busy.discard(connection)
                    return Upgraded(connection.headers, stream)
                reply = StreamedReply(connection)
                raise UpgradeRefused(Reply(reply.status, reply.headers, await reply.read()))
            finally:
                if connection in self._busy:
                    self._release(origin, connection)

    async def close(self) -> None:
        """Closes all connections; exchanges under way break with ConnectionError."""
        self._closed = True
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        for connection in tuple(self._busy):
            connection.close()
        # One turn of the loop, in which the transports close their sockets.
        await asyncio.sleep(0)

    # -- connections ---------------------------------------------------------------------------------------

    async def _exchange(
        self, method: str, url: str, headers: HeaderPairs, body: bytes
    ) -> tuple[Origin, ClientConnection]:
        """Sends the request and waits for the head, on a kept connection where there is one."""
        origin, target = self._locate(url)
        head = request_head(method, target, origin.authority, (*self._headers, *headers), len(body))
        while True:
            connection = self._kept(origin)
            fresh = connection is None
            if connection is None:
                connection = await self._connect(origin)
            self._busy.add(connection)
            try:
                connection.send(method, head, body)
                await connection.head()
            except ConnectionError:
                self._drop(connection)
                if fresh or connection.answered or method not in SAFE_METHODS or self._closed:
                    raise
            except BaseException:
                self._drop(connection)
                raise
            else:
                return origin, connection

    def _locate(self, url: str) -> tuple[Origin, str]:
        parts = urlsplit(self._base + url if url.startswith("/") else url)
        if parts.scheme not in PORTS or not (parts.hostname or self._unix_path):
            raise ValueError(f"not an http or https URL: {url!r}")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        origin = Origin(parts.scheme, parts.hostname or "localhost", parts.port or PORTS[parts.scheme])
        return origin, target

    def _kept(self, origin: Origin) -> ClientConnection | None:
        idle = self._idle.get(origin, [])
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while idle:
            connection = idle.pop()
            if connection.reusable and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin) -> ClientConnection:
        if self._closed:
            raise ConnectionError("the client is closed")
        loop = asyncio.get_running_loop()
        tls, name = None, None
        if origin.scheme == "https":
            self._tls = self._tls or ssl.create_default_context()
            tls, name = self._tls, self._server_hostname or origin.host
        try:
            async with asyncio.timeout(self._connect_timeout):
                if self._unix_path:
                    _, connection = await loop.create_unix_connection(
                        ClientConnection, self._unix_path, ssl=tls, server_hostname=name
                    )
                else:
                    _, connection = await loop.create_connection(
                        ClientConnection, origin.host, origin.port, ssl=tls, server_hostname=name
                    )
        except TimeoutError as error:
            raise ConnectionError(
                f"no connection to {origin.authority} in {self._connect_timeout:g} s"
            ) from error
        return connection

    def _release(self, origin: Origin, connection: ClientConnection) -> None:
        """Keeps a connection whose answer was read to its end; closes any other."""
        self._busy.discard(connection)
        now = asyncio.get_running_loop().time()
        if now - self._swept >= self._idle_seconds:
            self._sweep(now)
        idle = self._idle.setdefault(origin, [])
        if connection.reusable and not self._closed and len(idle) < self._max_idle:
            connection.idle_since = now
            idle.append(connection)
        else:
            connection.close()

    def _sweep(self, now: float) -> None:
        """Lets go of connections that were not used for long, of origins that may never be asked again."""
        self._swept, kept = now, self._idle
        self._idle = {}
        for origin, connections in kept.items():
            for connection in connections:
                if connection.reusable and now - connection.idle_since < self._idle_seconds:
                    self._idle.setdefault(origin, []).append(connection)
                else:
                    connection.close()

    def _drop(self, connection: ClientConnection) -> None:
        self._busy.discard(connection)
        connection.close()
