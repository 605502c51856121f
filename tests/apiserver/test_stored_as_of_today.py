"""A write that changes nothing brings an object to the version and the form in which it would be stored today; selectors
look at what the client sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env

from .transports import ADMIN, serving

NAME = "boxes.example.com"
KEY = "/registry/example.com/boxes/default/a"
V1 = Kind("example.com", "v1", "Box", "boxes", True)
V2 = Kind("example.com", "v2", "Box", "boxes", True)


def definition(storage: str, **size: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"size": {"type": "string", **size}, "old": {"type": "string"}}}
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == storage,
            # Fields of one version only are not allowed where the versions have the same schema.
            "schema": {"openAPIV3Schema": {**schema, "description": name}},
            "selectableFields": [{"jsonPath": f".{path}"}],
        }
        for name, path in (("v1", "size"), ("v2", "old"))
    ]
    names = {"plural": "boxes", "singular": "box", "kind": "Box", "listKind": "BoxList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions},
    }


async def served(server: ApiServer, t: Transport, storage: str) -> None:
    """Until the definition is at work with that storage version."""
    async with asyncio.timeout(10):
        while True:
            crd = await t.call(Call("get", CRD, name=NAME))
            found = server.services.registry.find("example.com", storage, "boxes")
            stored = (crd.get("status") or {}).get("storedVersions") or ()
            if found is not None and storage in stored and not found.kind.storage_version:
                return
            await asyncio.sleep(0)


async def change(t: Transport, tree: dict[str, Any]) -> None:
    crd = await t.call(Call("get", CRD, name=NAME))
    await t.call(Call("update", CRD, name=NAME, body={**json.loads(json.dumps(crd)), "spec": tree["spec"]}))


async def stored(server: ApiServer) -> tuple[Any, int]:
    [kv] = (await server.services.store.range(KEY)).kvs
    return json.loads(kv.value), kv.mod_revision


def scenario(env: Env, case: Callable[[ApiServer, Transport], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            t = server.transport(ADMIN)
            await t.call(Call("create", CRD, body=definition("v1")))
            await served(server, t, "v1")
            body = {"metadata": {"name": "a", "labels": {"x": "y"}}, "size": "big", "old": "yes"}
            await t.call(Call("create", V1, "default", body=body))
            await case(server, t)

    asyncio.run(main())


@pytest.mark.parametrize("way", ["patch", "update", "apply"])
def test_a_write_that_changes_nothing_migrates(env: Env, way: str) -> None:
    async def case(server: ApiServer, t: Transport) -> None:
        await change(t, definition("v2"))
        await served(server, t, "v2")
        tree, before = await stored(server)
        assert tree["apiVersion"] == "example.com/v1"
        read = await t.call(Call("get", V2, "default", "a"))
        assert read["apiVersion"] == "example.com/v2"
        if way == "patch":
            call = Call("patch", V1, "default", "a", body={}, patch_type="merge")
        elif way == "update":
            call = Call("update", V2, "default", "a", body=read)
        else:
            body = {"apiVersion": "example.com/v2", "kind": "Box", "metadata": {"name": "a"}}
            call = Call(
                "patch", V2, "default", "a", body=body, patch_type="apply", query={"fieldManager": "m"}
            )
        await t.call(call)
        tree, after = await stored(server)
        assert tree["apiVersion"] == "example.com/v2"
        assert after > before
        await t.call(Call("patch", V2, "default", "a", body={}, patch_type="merge"))
        assert (await stored(server))[1] == after, "now there is nothing left to do"
        assert server.services.registry.find("example.com", "v2", "boxes") is not None

    scenario(env, case)


def test_defaults_that_came_later_are_written(env: Env) -> None:
    async def case(server: ApiServer, t: Transport) -> None:
        tree = definition("v1")
        properties = tree["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        properties["colour"] = {"type": "string", "default": "red"}
        await change(t, tree)
        async with asyncio.timeout(5):
            while True:
                if "colour" in await t.call(Call("get", V1, "default", "a")):
                    break
                await asyncio.sleep(0)
        assert "colour" not in (await stored(server))[0]
        await t.call(Call("patch", V1, "default", "a", body={}, patch_type="merge"))
        assert (await stored(server))[0]["colour"] == "red"

    scenario(env, case)


def test_selectors_are_those_of_the_version_that_is_asked(env: Env) -> None:
    async def case(_server: ApiServer, t: Transport) -> None:
        async def names(kind: Kind, selector: str) -> list[str]:
            found = await t.call(Call("list", kind, query={"fieldSelector": selector}))
            return [item["metadata"]["name"] for item in found["items"]]

        assert await names(V1, "size=big") == ["a"]
        assert await names(V1, "size!=big") == []
        assert await names(V2, "old=yes") == ["a"]
        for kind, selector in ((V1, "old=yes"), (V2, "size=big")):
            with pytest.raises(BadRequest, match="field label not supported"):
                await names(kind, selector)
        async with t.watch(Call("watch", V2, query={"fieldSelector": "old=yes"})) as events:
            event = await anext(events)
            assert (event.type, event.object["apiVersion"]) == ("ADDED", "example.com/v2")
            await t.call(Call("patch", V1, "default", "a", body={"old": "no"}, patch_type="merge"))
            assert (await anext(events)).type == "DELETED"

    scenario(env, case)
