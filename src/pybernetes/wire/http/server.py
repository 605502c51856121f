"""The HTTP server: listens on TCP and unix sockets, plain or TLS, and owns the connections.

Over TLS the client and the context's ALPN protocols choose between HTTP/1.1 and HTTP/2; without TLS it is HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Callable
from typing import cast

from pybernetes.wire.http import encode
from pybernetes.wire.http.connection import Connection, HttpConnection, Refuse, plain_refusal
from pybernetes.wire.http.heads import RememberedHeads
from pybernetes.wire.http.listening import listen
from pybernetes.wire.http.messages import Handler
from pybernetes.wire.http.parsing import Limits
from pybernetes.wire.stream import probe

HTTP2 = "h2"
"""Its name in ALPN."""

# How often connections that keep us waiting are looked for, in seconds.
SWEEP = 5.0


class HttpServer:
    """Serves one handler on any number of sockets.

    `refuse(status, message)` makes the body of answers that never reach the handler: 413 for a body over the limit,
    400 and 431 for what is no request, 500 for a handler that raised. `now` is Unix time, for the Date header.
    Use: `server = HttpServer(handler, now=env.now); port = await server.listen("127.0.0.1", 0, tls=context);
    …; await server.close(grace=5)`.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        now: Callable[[], float],
        limits: Limits | None = None,
        refuse: Refuse = plain_refusal,
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.heads = RememberedHeads()
        self.refuse = refuse
        self._now = now
        self._listeners: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._date = ""
        self._date_until = -math.inf
        self._sweep: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None
        self._ended = False

    async def listen(
        self,
        host: str | None = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        backlog: int = 1024,
    ) -> int:
        """Listens on TCP; `host` None or "" is every address. Gives the port (the system's choice for 0).

        Raises OSError where the address is taken.
        """
        factory = self._factory("http" if tls is None else "https")
        listener = await listen(factory, host=host or None, port=port, tls=tls, backlog=backlog)
        self._keep(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def listen_unix(self, path: str, *, backlog: int = 1024) -> None:
        """Listens on a unix socket (plain)."""
        loop = asyncio.get_running_loop()
        self._keep(await loop.create_unix_server(self._factory("http"), path, backlog=backlog))

    async def listen_socket(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Listens on a bound socket made elsewhere (such as inside a network namespace)."""
        self._keep(await listen(self._factory("http" if tls is None else "https"), sock=sock, tls=tls))

    async def close(self, grace: float = 0.0) -> None:
        """Stops accepting, ends watches with their last chunk, lets running requests finish for `grace` seconds,
        then breaks what is left.
        """
        self._ended = True
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.drain()
        if self._connections and grace > 0:
            await self._wait_empty(grace)
        for connection in tuple(self._connections):
            connection.abort()
        if self._connections:
            await self._wait_empty(1.0)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def date_line(self) -> str:
        """The Date header, made anew once a second."""
        at = asyncio.get_running_loop().time()
        if at >= self._date_until:
            self._date, self._date_until = encode.date_line(self._now()), at + 1.0
        return self._date

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._ended:  # its TLS handshake was under way when the server was closed
            connection.abort()
            return
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP, self._close_overdue)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _keep(self, listener: asyncio.Server) -> None:
        for sock in listener.sockets:
            probe(sock)
        self._listeners.append(listener)

    def _factory(self, scheme: str) -> Callable[[], asyncio.Protocol]:
        if scheme == "https":
            return lambda: ChosenByAlpn(self)
        return lambda: HttpConnection(self, scheme)

    def _close_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in [c for c in self._connections if c.overdue(loop.time())]:
            connection.abort()
        # No timer while nobody is connected: an idle server sleeps.
        self._sweep = loop.call_later(SWEEP, self._close_overdue) if self._connections else None

    async def _wait_empty(self, seconds: float) -> None:
        self._empty = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._empty,), timeout=seconds)


class ChosenByAlpn(asyncio.Protocol):
    """Gives a TLS connection to the version of HTTP that was agreed on, as soon as the handshake is done."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol: asyncio.Protocol
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == HTTP2:
            from pybernetes.wire.http2.connection import Http2Connection  # only where somebody speaks it

            protocol = Http2Connection(self._server, "https")
        else:
            protocol = HttpConnection(self._server, "https")
        cast(asyncio.Transport, transport).set_protocol(protocol)
        protocol.connection_made(transport)
