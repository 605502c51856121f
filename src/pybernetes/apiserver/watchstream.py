"""A watch as the body of an HTTP response: one JSON line per event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import orjson

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import Response

from . import tables
from .context import RequestContext
from .negotiation import Form
from .replies import WatchReply
from .version import Version
from .window import Delivery

CHUNK = 200
"""Initial events sent before other requests get their turn."""
INITIAL_END = "k8s.io/initial-events-end"

Line = Callable[[str, Obj], bytes]


def watch_response(ctx: RequestContext, reply: WatchReply, form: Form) -> Response:
    """The open response; the watch is closed when the stream is."""
    headers = [("Cache-Control", "no-cache, private"), ("Content-Type", form.content_type)]
    if form.yaml:
        headers[1] = ("Content-Type", "application/json")
    lines = _as_stored if not form.shape and not reply.kind.storage_version else None
    body = WatchBody(reply, _stream(reply, lines, _renderer(ctx, reply.kind, form)))
    return Response(200, headers, body, endless=True)


class WatchBody:
    """The lines of a watch. Closing it, read or not, ends the watch."""

    def __init__(self, reply: WatchReply, lines: AsyncGenerator[bytes, None]) -> None:
        self._reply = reply
        self._lines = lines

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._lines)

    async def aclose(self) -> None:
        await self._lines.aclose()
        self._reply.close()


def _as_stored(deliveries: list[Delivery]) -> bytes:
    return b"".join([delivery.line for delivery in deliveries])


def _renderer(ctx: RequestContext, kind: Kind, form: Form) -> Line:
    """(type, object) -> line, in the form asked for. Column definitions go with the first table only."""
    first = True
    include = tables.include_of(ctx.query.get("includeObject", "")) if form.shape == "Table" else ""

    def render(type_: str, tree: Obj) -> bytes:
        nonlocal first
        shown: Any = kind.from_stored(tree) if kind.storage_version and type_ != "BOOKMARK" else tree
        if form.shape == "Table" and type_ == "BOOKMARK":
            shown = tables.table(kind, (), shown["metadata"], 0.0, version=form.version, headers=False)
        elif form.shape == "Table":
            now, metadata = ctx.services.env.now(), tables.table_metadata(shown)
            shown = tables.table(
                kind, [shown], metadata, now, include=include, version=form.version, headers=first
            )
            first = False
        elif form.shape:
            shown = tables.partial(shown, form.version)
        return orjson.dumps({"type": type_, "object": shown}, option=orjson.OPT_APPEND_NEWLINE)

    return render


async def _stream(
    reply: WatchReply, as_stored: Callable[[list[Delivery]], bytes] | None, render: Line
) -> AsyncGenerator[bytes, None]:
    watcher, kind = reply.watcher, reply.kind
    loop = asyncio.get_running_loop()
    deadline = loop.call_later(reply.seconds, watcher.close)
    try:
        for start in range(0, len(reply.initial), CHUNK):
            yield b"".join(
                [_added(version, as_stored, render) for version in reply.initial[start : start + CHUNK]]
            )
            await asyncio.sleep(0)
        if reply.initial_end:
            yield render("BOOKMARK", bookmark(kind, reply.initial_end, initial_end=True))
        while True:
            deliveries = await watcher.drain()
            if deliveries:
                if as_stored is not None:
                    yield as_stored(deliveries)
                else:
                    yield b"".join([render(d.type, d.tree()) for d in deliveries])
                continue
            if watcher.bookmark:
                watcher.bookmark = False
                if reply.bookmarks:
                    yield render("BOOKMARK", bookmark(kind, reply.revision()))
            if watcher.closed:
                break
        if watcher.error is not None:
            yield orjson.dumps(
                {"type": "ERROR", "object": watcher.error.status()}, option=orjson.OPT_APPEND_NEWLINE
            )
    finally:
        deadline.cancel()
        reply.close()


def _added(version: Version, as_stored: object, render: Line) -> bytes:
    if as_stored is None:
        return render("ADDED", version.tree())
    return b'{"type":"ADDED","object":%b}\n' % version.encoded()


def bookmark(kind: Kind, revision: int, *, initial_end: bool = False) -> dict[str, Any]:
    """The object of a BOOKMARK event."""
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if initial_end:
        metadata["annotations"] = {INITIAL_END: "true"}
    return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
