"""A request of this server's, asked of another one under its user's name, and the answer passed back as it comes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import orjson

from pybernetes.api.errors import (
    ApiError,
    InternalError,
    ServiceUnavailable,
    error_from_status,
)
from pybernetes.client.https import with_item_types
from pybernetes.client.interface import METHODS, PATCH_TYPES
from pybernetes.wire.http.messages import Headers, Request, Response, Upgrade

from ..connect.forward import forward
from ..context import RequestContext
from ..replies import HttpReply, Reply, TreeReply
from ..requestinfo import ABOUT_MANY
from .identity import headers_of
from .peers import Peers
from .remotes import Remote


async def pass_on(ctx: RequestContext, remote: Remote, peers: Peers) -> Reply:
    """What the other server answers; 503 where it is known to be away, or cannot be reached after all."""
    if ctx.request is None:
        return await _in_process(ctx, remote, peers)
    result = await _forwarded(ctx, ctx.request, remote, peers)
    if isinstance(result, Response) and ctx.info.verb == "watch":
        result.endless = True
    return HttpReply(result)


async def _forwarded(
    ctx: RequestContext, request: Request, remote: Remote, peers: Peers
) -> Response | Upgrade:
    if not remote.available:
        return Response.text(503, "service unavailable\n")
    try:
        base, client = peers.base(remote), peers.client(remote)
    except (ServiceUnavailable, OSError):
        return Response.text(503, "service unavailable\n")
    try:
        more = [*headers_of(ctx.user), ("Audit-Id", ctx.ensure_audit_id())]
        result = await forward(request, base + request.target, client, more)
        # Ours is put on every answer.
        result.headers = [pair for pair in result.headers if pair[0].lower() != "audit-id"]
        return result
    except InternalError as error:
        return Response.text(
            503, f"{error.message.replace('error dialing backend', 'error trying to reach service')}\n"
        )


async def _in_process(ctx: RequestContext, remote: Remote, peers: Peers) -> Reply:
    """The same for a caller in this process, who has no request and wants a tree; of a watch, the answer as it comes
    (`remotewatch.py`). Raises ApiError."""
    result = await _forwarded(ctx, _request_of(ctx), remote, peers)
    assert isinstance(result, Response)
    if ctx.info.verb == "watch" and result.status == 200:
        return HttpReply(result)
    data = await _whole(result)
    try:
        tree: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        tree = None
    if result.status >= 400 or not isinstance(tree, dict):
        raise _refusal(result.status, tree, data)
    return TreeReply(with_item_types(tree) if ctx.info.verb == "list" else tree, result.status)


def _refusal(status: int, tree: Any, data: bytes) -> ApiError:
    if isinstance(tree, dict) and tree.get("kind") == "Status":
        return error_from_status(tree)
    if status == 503:
        return ServiceUnavailable("the server is currently unable to handle the request")
    told = orjson.dumps(data[:200].decode("utf-8", "replace").strip()).decode()
    return InternalError(f"an error on the server ({told}) has prevented the request from succeeding")


def _request_of(ctx: RequestContext) -> Request:
    info = ctx.info
    parts = ["apis", info.group, info.version]
    parts += ["namespaces", info.namespace] if info.namespace else []
    name = "" if info.verb in ABOUT_MANY else info.name
    parts += [part for part in (info.resource, name, info.subresource) if part]
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    asked = {**ctx.query, "watch": "true"} if info.verb == "watch" else dict(ctx.query)
    query = f"?{urlencode(asked)}" if asked else ""
    headers, body = Headers([("accept", "application/json")]), b""
    if ctx.body is not None:
        body = orjson.dumps(ctx.body)
        headers.add("content-type", PATCH_TYPES[ctx.patch_type] if ctx.patch_type else "application/json")
    return Request(METHODS[info.verb], f"{path}{query}", headers, body)


async def _whole(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    parts: list[bytes] = []
    try:
        async for chunk in response.body:
            parts += chunk if isinstance(chunk, list) else [chunk]
    finally:
        close = getattr(response.body, "aclose", None)
        if close is not None:
            await close()
    return b"".join(parts)
