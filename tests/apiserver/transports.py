"""The two ways into an API server, behind one interface: in process, and by HTTP requests given to the handler."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from pybernetes.api.errors import error_from_status
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS, by_kind
from pybernetes.api.meta import Obj
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import ANONYMOUS_USER, MASTERS, User
from pybernetes.client.interface import METHODS, PATCH_TYPES, Call, Transport, WatchEvent
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore
from pybernetes.wire.http.messages import Headers, Request, Response

ADMIN = User("admin", groups=(MASTERS,))


class FixedUser:
    """An authenticator that knows one user by a header and everybody else as anonymous."""

    def __init__(self, users: dict[str, User]) -> None:
        self.users = users

    def authenticate(self, request: Request) -> User:
        return self.users.get(request.headers.get("x-test-user", ""), ANONYMOUS_USER)


class HandlerTransport:
    """Builds the request that a client would send, and reads the response as a client would."""

    def __init__(self, server: ApiServer, user: User) -> None:
        self.server = server
        self.user = user

    async def call(self, call: Call) -> Obj:
        response = await self.server.handler(self._request(call))
        assert isinstance(response, Response)
        tree = json.loads(await body_of(response))
        if response.status >= 400:
            raise error_from_status(tree)
        if call.verb == "list" and by_kind(call.kind.api_version, call.kind.kind) is not None:
            types = {"apiVersion": call.kind.api_version, "kind": call.kind.kind}
            assert not any("kind" in item or "apiVersion" in item for item in tree["items"])
            return {**tree, "items": [{**item, **types} for item in tree["items"]]}
        return tree

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        response = await self.server.handler(self._request(call))
        assert isinstance(response, Response)
        if response.status >= 400:
            raise error_from_status(json.loads(await body_of(response)))
        events = self._events(response)
        try:
            yield events
        finally:
            await events.aclose()
            await response.body.aclose()

    async def close(self) -> None:
        """Nothing is open."""

    async def _events(self, response: Response):
        async for chunk in response.body:
            for line in chunk.splitlines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise error_from_status(event["object"])
                yield WatchEvent(event["type"], event["object"])

    def _request(self, call: Call) -> Request:
        path = call.kind.path(call.namespace, call.name, call.subresource)
        query = dict(call.query)
        if call.verb == "watch":
            query["watch"] = "true"
        if query:
            path = f"{path}?{urlencode(query)}"
        headers = [("accept", "application/json"), ("x-test-user", self.user.name)]
        body = b""
        if call.body is not None:
            body = json.dumps(call.body).encode()
            headers.append(
                ("content-type", PATCH_TYPES[call.patch_type] if call.patch_type else "application/json")
            )
        return Request(METHODS[call.verb], path, Headers(headers), body)


async def body_of(response: Response) -> bytes:
    """The whole body of a response."""
    if isinstance(response.body, bytes):
        return response.body
    parts: list[bytes] = []
    async for chunk in response.body:
        parts += chunk if isinstance(chunk, list) else [chunk]
    return b"".join(parts)


@asynccontextmanager
async def serving(
    env: Env, users: tuple[User, ...] = (), kinds: Sequence[Kind] = KINDS, **config: Any
) -> AsyncIterator[ApiServer]:
    """A server over a store in memory, whose handler knows `users` (and ADMIN) by the header x-test-user."""
    store = MemoryStore(env)
    server = ApiServer(store, env, ApiServerConfig(freeze_trees=True, **config), kinds=kinds)
    server.services.authenticator = FixedUser({user.name: user for user in (ADMIN, *users)})
    try:
        async with server:
            yield server
    finally:
        await store.close()


def transport_of(way: str, server: ApiServer, user: User = ADMIN) -> Transport:
    """`way` is "inprocess" or "http"."""
    return server.transport(user) if way == "inprocess" else HandlerTransport(server, user)
