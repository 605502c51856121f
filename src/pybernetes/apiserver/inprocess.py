"""The way into the API server from the same process: the same pipeline, carrying trees, encoding nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from pybernetes.aio import upkeep
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.discovery import Path
from pybernetes.client.interface import Call, WatchEvent
from pybernetes.wire.http.messages import Response

from .aggregation.remotewatch import remote_events
from .authn.told import told
from .context import RequestContext
from .pipeline import handle
from .replies import HttpReply, TreeReply, WatchReply
from .requestinfo import RequestInfo, name_in_selector
from .user import AUTHENTICATED, UNAUTHENTICATED, User
from .watchstream import bookmark

if TYPE_CHECKING:
    from .server import ApiServer

READS = ("list", "watch")


class InProcessTransport:
    """`client.interface.Transport` over an `ApiServer` of this process.

    Trees that come back are those of the server's cache, shared by everybody: never change them.
    """

    def __init__(self, server: ApiServer, user: User) -> None:
        self._server = server
        self._user = user if UNAUTHENTICATED in user.groups else user.with_group(AUTHENTICATED)
        self._authenticated = told(self._user, certificate=False, token=False)

    async def call(self, call: Call) -> Obj:
        """See `Transport.call`. Raises ApiError."""
        reply = await handle(self._context(call))
        assert not isinstance(reply, WatchReply)
        return reply.tree()

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """See `Transport.watch`. Raises ApiError."""
        reply = await handle(self._context(call))
        if isinstance(reply, HttpReply):  # another API server's
            assert isinstance(reply.result, Response)
            async with remote_events(reply.result) as theirs:
                yield theirs
            return
        assert isinstance(reply, WatchReply)
        events = _events(reply)
        try:
            with self.opened(call, reply):
                yield events
        finally:
            await events.aclose()
            reply.close()

    async def discover(self, path: Path) -> Obj:
        """See `Transport.discover`. Raises ApiError."""
        info = RequestInfo("get", path, is_resource=False)
        reply = await handle(RequestContext(self._server.services, info=info, user=self._user))
        assert isinstance(reply, TreeReply)
        return reply.tree()

    def opened(self, _call: Call, _reply: WatchReply) -> AbstractContextManager[None]:
        """Entered while a watch is open: for whoever wants to know of it."""
        return nullcontext()

    async def close(self) -> None:
        """Nothing is held open: the server ends watches."""

    def _context(self, call: Call) -> RequestContext:
        kind, verb = call.kind, call.verb
        name = call.name or (name_in_selector(call.query) if verb in READS else "")
        info = RequestInfo(
            verb,
            group=kind.group,
            version=kind.version,
            namespace=_namespace(kind, call),
            resource=kind.plural,
            subresource=call.subresource,
            name=name,
        )
        return RequestContext(
            services=self._server.services,
            query=call.query,
            info=info,
            user=self._user,
            body=call.body,
            patch_type=call.patch_type,
            reaction=call.reaction,
            verdicts=[self._authenticated],
        )


def _namespace(kind: Kind, call: Call) -> str:
    """The namespace that the request's path would have; a Namespace is in its own."""
    if kind.namespaced:
        return call.namespace
    return call.name if kind.plural == "namespaces" and not kind.group else ""


async def _events(reply: WatchReply) -> AsyncGenerator[WatchEvent, None]:
    watcher, kind = reply.watcher, reply.kind
    convert = kind.from_stored if kind.storage_version else None
    loop = asyncio.get_running_loop()
    deadline = upkeep.call_later(loop, reply.seconds, upkeep.ROUND, watcher.close)
    try:
        for version in reply.initial:
            tree = version.tree()
            yield WatchEvent("ADDED", convert(tree) if convert else tree)
        if reply.initial_end:
            yield WatchEvent("BOOKMARK", bookmark(kind, reply.initial_end, initial_end=True))
        while True:
            deliveries = await watcher.drain()
            if reply.convert is not None and deliveries:
                deliveries = await reply.convert(deliveries)
            for delivery in deliveries:
                tree = delivery.tree()
                yield WatchEvent(delivery.type, convert(tree) if convert else tree)
            if deliveries:
                continue
            if watcher.bookmark:
                watcher.bookmark = False
                if reply.bookmarks:
                    yield WatchEvent("BOOKMARK", bookmark(kind, reply.revision()))
            if watcher.closed:
                break
        if watcher.error is not None:
            raise watcher.error
    finally:
        deadline.cancel()
        reply.close()
