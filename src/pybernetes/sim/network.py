"""The network of hollow nodes: addresses of pods, who listens there, and Services in between. No packet is sent."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from pybernetes.wire.http.messages import Headers, Reply, Request, Response

Handler = Callable[[Request], Awaitable[Any] | Any]
"""Answers a request with a Response, or with text, bytes, a status code, or anything that is JSON."""


class Names(Protocol):
    """What the network asks of the cluster."""

    def addresses(self, name: str, namespace: str) -> Sequence[str]:
        """The addresses of a host name, as a pod of a namespace resolves it."""

    def endpoints(self, ip: str, port: int) -> Sequence[tuple[str, int]] | None:
        """Where a Service's address and port lead; None where it is no Service's."""


class NoNames:
    """A network without a cluster around it."""

    def addresses(self, name: str, namespace: str) -> Sequence[str]:
        return ()

    def endpoints(self, ip: str, port: int) -> Sequence[tuple[str, int]] | None:
        return None


class HollowNetwork:
    """One per cluster. `pick` chooses among endpoints: (how many) -> index."""

    def __init__(self, names: Names | None = None, pick: Callable[[int], int] = lambda _count: 0) -> None:
        self.names = names or NoNames()
        self._pick = pick
        self._listeners: dict[tuple[str, int], Handler] = {}
        self._pods: dict[str, Callable[[], bool | None]] = {}

    def attach(self, ip: str, healthy: Callable[[], bool | None]) -> None:
        """A pod has this address; `healthy` says whether its scripted containers answer (None: it has none of these,
        and only what listens is there)."""
        self._pods[ip] = healthy

    def detach(self, ip: str) -> None:
        self._pods.pop(ip, None)
        for key in [key for key in self._listeners if key[0] == ip]:
            del self._listeners[key]

    def listen(self, ip: str, port: int, handler: Handler) -> None:
        """Raises OSError where somebody listens already."""
        if (ip, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        self._listeners[ip, port] = handler

    def unlisten(self, ip: str, port: int) -> None:
        self._listeners.pop((ip, port), None)

    def knows(self, ip: str) -> bool:
        """Whether the address is a pod's."""
        return ip in self._pods

    def dial(self, ip: str, port: int) -> Handler | None:
        """Who answers: a handler, or None for a scripted container, which accepts anything. Raises
        ConnectionRefusedError."""
        handler = self._listeners.get((ip, port))
        if handler is not None:
            return handler
        healthy = self._pods.get(ip)
        if healthy is None or not healthy():
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return None

    async def exchange(self, ip: str, port: int, request: Request) -> Reply:
        """One request to an address. Raises OSError."""
        handler = self.dial(ip, port)
        if handler is None:
            return Reply(200, Headers(), b"ok")
        return await reply_of(handler, request)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        namespace: str = "default",
    ) -> Reply:
        """A request as a pod of a namespace makes it: the name is resolved, a Service leads to one of its endpoints.
        Raises OSError where nobody answers."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http URL: {url!r}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        ip, port = self._route(self._resolve(parts.hostname, namespace), port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pairs = [("host", parts.netloc), *((k.lower(), v) for k, v in (headers or {}).items())]
        return await self.exchange(
            ip, port, Request(method, target, Headers(pairs), body, scheme=parts.scheme)
        )

    def _resolve(self, name: str, namespace: str) -> str:
        if name in self._pods or name.replace(".", "").isdigit():
            return name
        found = self.names.addresses(name, namespace)
        if not found:
            raise OSError(f"lookup {name}: no such host")
        return found[self._pick(len(found))]

    def _route(self, ip: str, port: int) -> tuple[str, int]:
        endpoints = self.names.endpoints(ip, port)
        if endpoints is None:
            return ip, port
        if not endpoints:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, "Connection refused: the Service has no endpoints"
            )
        return endpoints[self._pick(len(endpoints))]


async def reply_of(handler: Handler, request: Request) -> Reply:
    """What a handler answers, as a client reads it; its bug is a 500."""
    answer = handler(request)
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, Reply):
        return answer
    if not isinstance(answer, Response):
        answer = _response(answer)
    body = answer.body
    if not isinstance(body, bytes):
        chunks = [chunk async for chunk in body]
        body = b"".join(c if isinstance(c, bytes) else b"".join(c) for c in chunks)
    return Reply(answer.status, Headers((k.lower(), v) for k, v in answer.headers), body)


def _response(answer: Any) -> Response:
    if answer is None:
        return Response(204)
    if isinstance(answer, int) and not isinstance(answer, bool):
        return Response(answer)
    if isinstance(answer, bytes):
        return Response(200, (), answer)
    if isinstance(answer, str):
        return Response.text(200, answer)
    import orjson

    return Response(200, (("Content-Type", "application/json"),), orjson.dumps(answer))
