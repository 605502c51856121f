"""Requests straight to the handler of a server, as its administrator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.apiserver.server import ApiServer
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .transports import body_of, serving

Scenario = Callable[["Asker"], Awaitable[None]]


class Asker:
    """Sends requests to the handler as the administrator."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server

    async def __call__(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        pairs = [
            ("x-test-user", "admin"),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        response = await self.server.handler(Request(method, target, Headers(pairs), body))
        assert isinstance(response, Response)
        return response

    async def tree(self, method: str, target: str, body: Any = None, **headers: str) -> Any:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return json.loads(await body_of(await self(method, target, data, **headers)))


def runner(env: Env) -> Callable[..., None]:
    """Runs a scenario with a server of the given configuration."""

    def run(scenario: Scenario, **config: object) -> None:
        async def main() -> None:
            async with serving(env, **config) as server, asyncio.timeout(20):
                await scenario(Asker(server))

        asyncio.run(main())

    return run


def header(response: Response, name: str) -> str | None:
    return next((value for key, value in response.headers if key.lower() == name.lower()), None)
