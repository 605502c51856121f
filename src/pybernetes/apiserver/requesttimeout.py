"""`?timeout=10s`: how long a client is ready to wait for its answer. Source: upstream's
`apiserver/pkg/endpoints/filters/request_deadline.go`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pybernetes.api.errors import BadRequest, Timeout
from pybernetes.lang.durations import DurationError, parse_go_duration
from pybernetes.wire.http.messages import Request

from .context import RequestContext
from .replies import Reply
from .requestinfo import request_info

LONG_RUNNING = frozenset(("proxy", "log", "exec", "attach", "portforward"))
"""Subresources that go on for as long as both sides like; so do watches."""
NO_TIMEOUT = "Timeout: request did not complete within requested timeout - context deadline exceeded"


async def within_timeout(
    ctx: RequestContext, request: Request, handle: Callable[[RequestContext], Awaitable[Reply]]
) -> Reply:
    """Answers a request that may name a timeout: 0 is none, more than the server's own changes nothing. Raises BadRequest
    for what is no duration, Timeout, and what `handle` raises."""
    text = request.query.first("timeout")
    info = request_info(request.method, request.path, request.query)
    if not text or info.verb == "watch" or info.subresource in LONG_RUNNING:
        return await handle(ctx)
    try:
        seconds = parse_go_duration(text)
    except DurationError as error:
        raise BadRequest(f"invalid timeout specified in the request URL: {error}") from error
    if seconds <= 0:
        return await handle(ctx)
    try:
        async with asyncio.timeout(seconds):
            return await handle(ctx)
    except TimeoutError as error:
        raise Timeout(NO_TIMEOUT) from error
