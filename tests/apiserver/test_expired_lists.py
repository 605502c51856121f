"""A paged list whose revision is compacted away meanwhile: 410, with a token to go on with what is there now."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Expired
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env

from .transports import serving, transport_of


def names(tree) -> list[str]:
    return [item["metadata"]["name"] for item in tree["items"]]


@pytest.mark.parametrize("way", ["inprocess", "http"])
def test_the_token_of_an_expired_list_goes_on(way: str, env: Env) -> None:
    async def scenario(t: Transport, compact) -> None:
        async def create(name: str) -> None:
            body = {"metadata": {"name": name, "namespace": "default"}}
            await t.call(Call("create", kinds.CONFIGMAP, namespace="default", body=body))

        async def page(**query: str):
            return await t.call(Call("list", kinds.CONFIGMAP, "default", query={"limit": "2", **query}))

        for number in range(5):
            await create(f"c{number}")
        first = await page()
        token = first["metadata"]["continue"]
        await t.call(Call("delete", kinds.CONFIGMAP, "default", "c3"))
        await create("c5")
        await compact()
        with pytest.raises(Expired) as refused:
            await page(**{"continue": token})
        assert refused.value.message.startswith("The provided continue parameter is too old")
        second = await page(**{"continue": refused.value.continue_token})
        assert names(second) == ["c2", "c4"], "where the first page ended, as it is now"
        assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
        third = await page(**{"continue": second["metadata"]["continue"]})
        assert names(third) == ["c5"]

    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            store, cacher = server.services.store, server.services.cacher
            await scenario(transport_of(way, server), lambda: store.compact(cacher.revision))

    asyncio.run(main())
