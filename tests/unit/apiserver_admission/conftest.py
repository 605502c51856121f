"""A server with all default admission, and short words for writing to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import by_plural
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from tests.apiserver.transports import ADMIN, serving


class Client:
    """Writes to a server as somebody."""

    def __init__(self, server: ApiServer, user: User = ADMIN) -> None:
        self.server = server
        self.user = user

    def as_(self, user: User) -> Client:
        return Client(self.server, user)

    async def call(self, verb: str, kind: Kind, name: str = "", body: Any = None, **rest: Any) -> Any:
        namespace = rest.pop("namespace", "default")
        namespace = namespace if kind.namespaced else ""
        return await self.server.transport(self.user).call(
            Call(verb, kind, namespace, name, body=body, **rest)
        )

    async def create(self, kind: Kind, name: str, **tree: Any) -> Any:
        metadata = {"name": name, **tree.pop("metadata", {})}
        namespace = tree.pop("namespace", "default")
        query = tree.pop("query", {})
        return await self.call(
            "create", kind, body={"metadata": metadata, **tree}, namespace=namespace, query=query
        )

    async def patch(self, kind: Kind, name: str, change: Any, subresource: str = "", **rest: Any) -> Any:
        return await self.call(
            "patch", kind, name, change, patch_type="merge", subresource=subresource, **rest
        )

    async def pod(self, name: str = "p", **spec: Any) -> Any:
        """Makes a pod; `container` gives fields of its one container, `metadata` of its metadata."""
        container = {"name": "c", "image": "nginx", **spec.pop("container", {})}
        metadata, namespace, query = (
            spec.pop("metadata", {}),
            spec.pop("namespace", "default"),
            spec.pop("query", {}),
        )
        return await self.create(
            kinds.POD,
            name,
            metadata=metadata,
            namespace=namespace,
            query=query,
            spec={"containers": [container], **spec},
        )


Scenario = Callable[[Client], Awaitable[None]]


@pytest.fixture
def run(env: Env) -> Callable[..., None]:
    """Runs a scenario against a fresh server whose namespace `default` has its service account."""

    def runner(scenario: Scenario, **config: Any) -> None:
        async def main() -> None:
            async with serving(env, **config) as server, asyncio.timeout(30):
                client = Client(server)
                await client.create(kinds.SERVICEACCOUNT, "default")
                await scenario(client)

        asyncio.run(main())

    return runner


def kind(group: str, version: str, plural: str) -> Kind:
    found = by_plural(group, version, plural)
    assert found is not None, f"{plural}.{group}/{version} is not in the table"
    return found
