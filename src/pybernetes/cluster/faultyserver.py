"""An API server whose clients can be made to suffer: rules look at each request on its way in, and at open watches.

Without rules it is the API server and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pybernetes.api.errors import ApiError, error_from_status
from pybernetes.api.meta import Obj
from pybernetes.apiserver.context import RequestContext
from pybernetes.apiserver.encode import error_response
from pybernetes.apiserver.inprocess import InProcessTransport
from pybernetes.apiserver.replies import WatchReply
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.apiserver.watchstream import WatchBody
from pybernetes.client.discovery import Path
from pybernetes.client.interface import Call, WatchEvent
from pybernetes.wire.http.messages import Request, Response, Upgrade

from .latewatches import OpenWatch, SufferingBody, late

WRITES = ("create", "update", "patch", "delete", "deletecollection")
REASONS = {
    409: ("Conflict", "Operation cannot be fulfilled: the object has been modified (an injected fault)"),
    410: ("Expired", "The resourceVersion for the provided watch is too old (an injected fault)"),
    429: ("TooManyRequests", "Too many requests, please try again later (an injected fault)"),
    500: ("InternalError", "Internal error occurred: an injected fault"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request (an injected fault)"),
    504: ("Timeout", "request did not complete within the allotted timeout (an injected fault)"),
}


@dataclass(eq=False)
class Rule:
    """What happens to requests of `users` (patterns) with these verbs (empty: all) to a resource (pattern).

    `effect` raises, or returns seconds to wait. `broken`: the answer is lost, the write has happened.
    """

    users: Sequence[str] = ("*",)
    verbs: Sequence[str] = ()
    resource: str = "*"
    left: int | None = None
    """How often it still happens; None: without end."""
    happened: int = 0

    def matches(self, user: str, verb: str, resource: str) -> bool:
        return (
            self.left != 0
            and (not self.verbs or verb in self.verbs)
            and fnmatchcase(resource, self.resource)
            and any(fnmatchcase(user, pattern) for pattern in self.users)
        )

    async def before(self, user: str) -> None:
        """Runs before the request; raises in its place."""

    def delay(self) -> float:
        """Seconds by which an event of a watch comes late."""
        return 0.0

    def count(self) -> None:
        self.happened += 1
        if self.left is not None:
            self.left -= 1


class FaultyApiServer(ApiServer):
    """`rules` are asked in order; `watches` are those that are open, inside the process and over HTTP."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.rules: list[Rule] = []
        self.watches: dict[OpenWatch, None] = {}

    def transport(self, user: User) -> InProcessTransport:
        return FaultyTransport(self, user)

    async def handler(self, request: Request) -> Response | Upgrade:
        if self.rules:
            try:
                user = self.services.authenticator.authenticate(request)
                info = request_info(request.method, request.path, request.query)
                await self.suffer(user.name, info.verb, info.resource)
            except ApiError as error:
                return error_response(RequestContext(self.services, request), error)
            except ConnectionError as error:
                return Response.text(502, f"{error}\n")
        answer = await super().handler(request)
        if isinstance(answer, Response) and isinstance(answer.body, WatchBody):
            answer.body = await self._followed(request, answer.body)
        return answer

    async def _followed(self, request: Request, body: WatchBody) -> SufferingBody:
        """The body of a watch, which is known as long as it is open."""
        user = self.services.authenticator.authenticate(request)
        info = request_info(request.method, request.path, request.query)
        watch = OpenWatch(user.name, info.resource, body.reply.watcher, over_http=True)
        self.watches[watch] = None
        return SufferingBody(
            body, watch, lambda: self.delay(user.name, info.resource), lambda: self.watches.pop(watch, None)
        )

    def delay(self, user: str, resource: str) -> float:
        """By how many seconds an event that a watch of a user gets now is late."""
        return sum(rule.delay() for rule in self.rules if rule.matches(user, "watch", resource))

    async def suffer(self, user: str, verb: str, resource: str) -> None:
        """Lets the rules have their way with a request. Raises ApiError, ConnectionError."""
        for rule in [*self.rules]:
            if rule.matches(user, verb, resource):
                await rule.before(user)

    def drop(self, users: Sequence[str], resource: str) -> int:
        """Breaks open watches; how many."""
        found = [
            watch
            for watch in self.watches
            if fnmatchcase(watch.resource, resource) and any(fnmatchcase(watch.user, u) for u in users)
        ]
        for watch in found:
            watch.cut()
        return len(found)


class FaultyTransport(InProcessTransport):
    """The way in for one user, past the rules."""

    def __init__(self, server: FaultyApiServer, user: User) -> None:
        super().__init__(server, user)
        self._faulty = server
        self._name = user.name

    async def call(self, call: Call) -> Obj:
        if self._faulty.rules:
            await self._faulty.suffer(self._name, call.verb, call.kind.plural)
        return await super().call(call)

    async def discover(self, path: Path) -> Obj:
        if self._faulty.rules:
            await self._faulty.suffer(self._name, "get", "")  # as over HTTP
        return await super().discover(path)

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        server, resource = self._faulty, call.kind.plural
        if server.rules:
            await server.suffer(self._name, "watch", resource)
        async with super().watch(call) as events:
            if not server.rules:
                yield events
                return
            async with late(events, lambda: server.delay(self._name, resource)) as delayed:
                yield delayed

    @contextmanager
    def opened(self, call: Call, reply: WatchReply) -> Iterator[None]:
        watch = OpenWatch(self._name, call.kind.plural, reply.watcher)
        self._faulty.watches[watch] = None
        try:
            yield
        finally:
            del self._faulty.watches[watch]


def api_error(code: int) -> ApiError:
    """An error as the server answers it."""
    reason, message = REASONS.get(code, ("", f"an injected fault ({code})"))
    details = {"retryAfterSeconds": 1} if code == 429 else {}
    return error_from_status({"code": code, "reason": reason, "message": message, "details": details})
