"""Passing a request on: streamed answers, upgrades as raw bytes both ways, logs with their errors wrapped."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

from pybernetes.api.errors import ApiError, BadRequest, InternalError, NotFound, error_from_status
from pybernetes.apiserver.connect.pod_targets import KubeletTarget
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.exchange import StreamedReply, UpgradeRefused
from pybernetes.wire.http.messages import HeaderPairs, Headers, Request, Response, Result, Upgrade
from pybernetes.wire.stream import Stream, splice

# What belongs to one connection, and what must not leave the API server: the caller's credentials.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
CREDENTIALS = frozenset(("authorization", "cookie"))
SECRET_PREFIXES = ("impersonate-", "x-remote-")
# How much of a kubelet's error text is passed on.
ERROR_LIMIT = 50_000
DIAL_TIMEOUT = 30.0


class StreamBody:
    """The body of a streamed answer; closing it, read or not, gives the connection back."""

    def __init__(self, reply: StreamedReply, stack: contextlib.AsyncExitStack) -> None:
        self._chunks = aiter(reply)
        self._stack = stack

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    async def aclose(self) -> None:
        await self._stack.aclose()


async def connect_to_kubelet(request: Request, target: KubeletTarget, client: HttpClient) -> Result:
    """Forwards exec, attach or port-forward: the kubelet's 101 and then raw bytes both ways, or its refusal as it is.

    Raises BadRequest where no upgrade is asked for, InternalError where the kubelet cannot be reached.
    """
    require_upgrade(request)
    return await forward(request, target.url, client)


def require_upgrade(request: Request) -> None:
    """exec, attach and port-forward are nothing without streams. Raises BadRequest."""
    if "upgrade" not in request.headers:
        raise BadRequest("Upgrade request required")


async def stream_logs(target: KubeletTarget, client: HttpClient, *, name: str, follow: bool) -> Response:
    """The kubelet's log stream. Raises the ApiError that its answer stands for, InternalError where there is none."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            reply = await stack.enter_async_context(client.stream("GET", target.url))
        except (OSError, TimeoutError) as error:
            raise InternalError(f'Internal error occurred: Get "{target.url}": {error}') from error
        if not 200 <= reply.status <= 206:
            text = (await reply.read(ERROR_LIMIT)).decode("utf-8", "replace")
            raise log_error(reply.status, text.rstrip("\n"), name)
        body = StreamBody(reply, stack.pop_all())
        return Response(200, (("Content-Type", "text/plain"),), body, endless=follow)
    raise AssertionError("unreachable")


def log_error(status: int, text: str, name: str) -> ApiError:
    """How upstream reports a kubelet's refusal of a log."""
    if status == 400:
        return BadRequest(text)
    if status == 500:
        return InternalError(f"Internal error occurred: {text}")
    if status == 404:
        message = f"the server could not find the requested resource ( pods/log {name})"
        return NotFound(message, kind="pods/log", name=name)
    message = (
        f"the server responded with the status code {status} but did not return more information: {text}"
    )
    return error_from_status(
        {"code": status, "message": message, "details": {"name": name, "kind": "pods/log"}}
    )


async def forward(request: Request, url: str, client: HttpClient, more: HeaderPairs = ()) -> Result:
    """Passes a request on and its answer back, body by body as it comes; an upgrade becomes raw bytes both ways. `more`
    are headers that are added.

    Raises InternalError where nobody answers.
    """
    headers = [*forwarded_headers(request), *more]
    try:
        if "upgrade" in request.headers:
            return await _forward_upgrade(request, url, client, headers)
        async with contextlib.AsyncExitStack() as stack:
            exchange = client.stream(request.method, url, headers=headers, body=request.body)
            reply = await stack.enter_async_context(exchange)
            kept = answer_headers(reply.headers)
            return Response(reply.status, kept, StreamBody(reply, stack.pop_all()))
    except (OSError, TimeoutError) as error:
        raise InternalError(f"error dialing backend: {error or type(error).__name__}") from error
    raise AssertionError("unreachable")


async def _forward_upgrade(
    request: Request, url: str, client: HttpClient, headers: list[tuple[str, str]]
) -> Result:
    headers += [("Connection", "Upgrade"), ("Upgrade", request.headers["upgrade"])]
    try:
        upgraded = await client.upgrade(
            request.method, url, headers=headers, body=request.body, timeout=DIAL_TIMEOUT
        )
    except UpgradeRefused as refused:
        reply = refused.reply
        return Response(reply.status, answer_headers(reply.headers, drop=("content-length",)), reply.body)

    async def serve(stream: Stream) -> None:
        await splice(stream, upgraded.stream)

    answer = [("Upgrade", upgraded.headers.get("upgrade", request.headers["upgrade"]))]
    answer += [pair for pair in answer_headers(upgraded.headers) if pair[0] != "content-length"]
    return Upgrade(answer, serve)


def forwarded_headers(request: Request) -> list[tuple[str, str]]:
    """The caller's headers without what is its connection's or its own; the backend learns the path that was asked."""
    dropped = HOP_BY_HOP | CREDENTIALS | {"host", "content-length", "expect", "x-forwarded-uri", "audit-id"}
    dropped |= {token.lower() for token in request.headers.tokens("connection")}
    kept = [
        (name, value)
        for name, value in request.headers.pairs()
        if name not in dropped and not name.startswith(SECRET_PREFIXES)
    ]
    if request.remote:
        earlier = request.headers.all("x-forwarded-for")
        kept = [(name, value) for name, value in kept if name != "x-forwarded-for"]
        kept.append(("X-Forwarded-For", ", ".join((*earlier, request.remote))))
    kept.append(("X-Forwarded-Uri", request.raw_path))
    return kept


def answer_headers(headers: Headers, drop: Iterable[str] = ()) -> list[tuple[str, str]]:
    """A backend's headers that are passed back; a length holds for the streamed body too."""
    dropped = {*HOP_BY_HOP, *drop, "date"} | {token.lower() for token in headers.tokens("connection")}
    return [(name, value) for name, value in headers.pairs() if name not in dropped]
