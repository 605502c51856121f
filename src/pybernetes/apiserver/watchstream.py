"""A watch as the body of an HTTP response: one JSON line, or one protobuf frame, per event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import orjson

from pybernetes.aio import upkeep
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import Response, Sender, Upgrade

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
"""(type, object as it is stored) -> the event as it goes out."""


def watch_response(ctx: RequestContext, reply: WatchReply, form: Form) -> Response | Upgrade:
    """The open response; the watch is closed when the stream is."""
    response, request = _response(ctx, reply, form), ctx.request
    if request is None or not request.wants_upgrade("websocket"):
        return response
    from .overwebsocket import watch_over_websocket

    body = response.body
    assert isinstance(body, WatchBody)
    answer = watch_over_websocket(request, response, body.aclose)
    if isinstance(answer, Response):  # refused
        reply.close()
    return answer


def _response(ctx: RequestContext, reply: WatchReply, form: Form) -> Response:
    headers = [("Cache-Control", "no-cache, private"), ("Content-Type", form.content_type)]
    if form.protobuf:
        headers[1] = ("Content-Type", f"{form.content_type};stream=watch")
        writer = _protobuf_writer(reply.kind, form)
    else:
        if form.yaml:
            headers[1] = ("Content-Type", "application/json")
        as_stored = not form.shape and not reply.kind.storage_version
        writer = _writer(as_stored, _renderer(ctx, reply.kind, form))
    return Response(200, headers, WatchBody(reply, writer), endless=True)


class WatchBody:
    """The lines of a watch. Closing it, read or not, ends the watch."""

    def __init__(self, reply: WatchReply, writer: Writer) -> None:
        self.reply = reply
        self._writer = writer
        self._lines = _stream(reply, writer)

    def offer_sender(self, send: Sender) -> None:
        """Events that nobody has to be asked about are sent without waking who waits for the lines."""
        joined = self._writer.joined
        if joined is not None and self.reply.convert is None:
            self.reply.watcher.sink = lambda deliveries: send(joined(deliveries))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._lines)

    async def aclose(self) -> None:
        await self._lines.aclose()
        self.reply.watcher.sink = None
        self.reply.close()


@dataclass(frozen=True, slots=True)
class Writer:
    """How the events of one watch are written."""

    event: Line
    added: Callable[[Version], bytes]
    delivered: Callable[[Delivery], bytes]
    joined: Callable[[list[Delivery]], bytes] | None = None
    """`delivered` of several, where all who are sent the same may share the bytes."""


def _writer(as_stored: bool, event: Line) -> Writer:
    if as_stored:
        return Writer(event, _added_as_stored, attrgetter("line"), _joined)
    return Writer(event, lambda v: event("ADDED", v.tree()), lambda d: event(d.type, d.tree()))


class _Joined:
    """The lines of several events in one. What was last put together is kept: most watchers are sent the same."""

    def __init__(self) -> None:
        self._deliveries: list[Delivery] = []
        self._lines = b""

    def __call__(self, deliveries: list[Delivery]) -> bytes:
        if len(deliveries) == 1:
            return deliveries[0].line
        if self._deliveries != deliveries:
            self._lines = b"".join([delivery.line for delivery in deliveries])
            self._deliveries = deliveries.copy()  # the watcher goes on filling its own where nothing is sent
        return self._lines


_joined = _Joined()


def _added_as_stored(version: Version) -> bytes:
    return b'{"type":"ADDED","object":%b}\n' % version.encoded()


def _protobuf_writer(kind: Kind, form: Form) -> Writer:
    from . import encode_protobuf as binary

    def event(type_: str, tree: Obj) -> bytes:
        stored = kind.storage_version and type_ in ("ADDED", "MODIFIED", "DELETED")
        return binary.event(kind, type_, kind.from_stored(tree) if stored else tree, form)

    if form.shape:
        return Writer(event, lambda v: event("ADDED", v.decoded()), lambda d: event(d.type, d.tree()))
    return Writer(event, partial(binary.added, kind), partial(binary.delivered, kind))


def _renderer(ctx: RequestContext, kind: Kind, form: Form) -> Line:
    """(type, object) -> line, in the form asked for. Column definitions go with the first table only."""
    first = True
    include = tables.include_of(ctx.query.get("includeObject", "")) if form.shape == "Table" else ""

    def render(type_: str, tree: Obj) -> bytes:
        nonlocal first
        if type_ == "ERROR":
            return orjson.dumps({"type": type_, "object": tree}, option=orjson.OPT_APPEND_NEWLINE)
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


async def _stream(reply: WatchReply, write: Writer) -> AsyncGenerator[bytes, None]:
    watcher, kind = reply.watcher, reply.kind
    loop = asyncio.get_running_loop()
    deadline = upkeep.call_later(loop, reply.seconds, upkeep.ROUND, watcher.close)
    try:
        for start in range(0, len(reply.initial), CHUNK):
            yield b"".join([write.added(version) for version in reply.initial[start : start + CHUNK]])
            await asyncio.sleep(0)
        if reply.initial_end:
            yield write.event("BOOKMARK", bookmark(kind, reply.initial_end, initial_end=True))
        while True:
            deliveries = await watcher.drain()
            if deliveries:
                if reply.convert is not None:
                    try:
                        deliveries = await reply.convert(deliveries)
                    except ApiError as error:
                        watcher.close(error)
                        break
                if write.joined is not None:
                    yield write.joined(deliveries)
                else:
                    yield b"".join([write.delivered(delivery) for delivery in deliveries])
                continue
            if watcher.bookmark:
                watcher.bookmark = False
                if reply.bookmarks:
                    yield write.event("BOOKMARK", bookmark(kind, reply.revision()))
            if watcher.closed:
                break
        if watcher.error is not None:
            yield write.event("ERROR", watcher.error.status())
    finally:
        deadline.cancel()
        reply.close()


def bookmark(kind: Kind, revision: int, *, initial_end: bool = False) -> dict[str, Any]:
    """The object of a BOOKMARK event."""
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if initial_end:
        metadata["annotations"] = {INITIAL_END: "true"}
    return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
