"""Two API servers on one store: neither believes its own cache too much."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import AlreadyExists, Conflict, NotFound
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore

from .transports import ADMIN


@asynccontextmanager
async def two_servers(env: Env):
    store = MemoryStore(env)
    try:
        async with AsyncExitStack() as stack:
            servers = [ApiServer(store, env, ApiServerConfig(freeze_trees=True)) for _ in range(2)]
            async with asyncio.timeout(20):
                for server in servers:
                    await stack.enter_async_context(server)
                yield [server.transport(ADMIN) for server in servers]
    finally:
        await store.close()


def patch(data: dict) -> Call:
    return Call("patch", kinds.CONFIGMAP, "default", "a", body={"data": data}, patch_type="merge")


async def create(t: Transport, name: str = "a"):
    return await t.call(Call("create", kinds.CONFIGMAP, "default", body={"metadata": {"name": name}}))


def test_what_one_writes_the_other_reads(env: Env) -> None:
    async def main() -> None:
        async with two_servers(env) as (first, second):
            made = await create(first)
            assert await second.call(Call("get", kinds.CONFIGMAP, "default", "a")) == made
            with pytest.raises(AlreadyExists):
                await create(second)
            changed = await second.call(patch({"k": "2"}))
            assert await first.call(Call("get", kinds.CONFIGMAP, "default", "a")) == changed
            with pytest.raises(Conflict):
                await first.call(Call("update", kinds.CONFIGMAP, "default", "a", body=made))
            # The second has the newer version; the first must accept it at once.
            latest = {**changed, "data": {"k": "3"}}
            await first.call(Call("update", kinds.CONFIGMAP, "default", "a", body=latest))
            await second.call(Call("delete", kinds.CONFIGMAP, "default", "a"))
            with pytest.raises(NotFound):
                await first.call(patch({"k": "4"}))

    asyncio.run(main())


def test_patches_through_both_lose_nothing(env: Env) -> None:
    async def main() -> None:
        async with two_servers(env) as transports:
            await create(transports[0])
            await asyncio.gather(*(transports[n % 2].call(patch({f"k{n}": "v"})) for n in range(40)))
            found = await transports[1].call(Call("get", kinds.CONFIGMAP, "default", "a"))
            assert len(found["data"]) == 40

    asyncio.run(main())


def test_watches_on_either_see_the_same_in_order(env: Env) -> None:
    async def main() -> None:
        async with two_servers(env) as transports:
            call = Call("watch", kinds.CONFIGMAP, "default", query={"resourceVersion": "0"})
            async with AsyncExitStack() as stack:
                watches = [await stack.enter_async_context(t.watch(call)) for t in transports]
                await asyncio.gather(*(create(transports[n % 2], f"c{n}") for n in range(20)))
                seen = [[(await anext(events)).object for _ in range(20)] for events in watches]
            assert seen[0] == seen[1]
            revisions = [int(tree["metadata"]["resourceVersion"]) for tree in seen[0]]
            assert revisions == sorted(revisions)

    asyncio.run(main())
