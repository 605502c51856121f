"""Selectors on a version that a webhook converts to look at what the webhook made: fields and labels, lists and watches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.apiserver.customresources.selected import SelectedEvents
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from tests.httpspeer import Peer, self_signed

from .test_conversion_webhooks import GROUP, definition, host, reviewing
from .transports import serving, transport_of
from .waiting import until


def labelled(response: Any) -> Any:
    """A webhook that says by a label which version it made."""
    for tree in response["convertedObjects"]:
        labels = {**(tree["metadata"].get("labels") or {}), "made": tree["apiVersion"].rpartition("/")[2]}
        tree["metadata"] = {**tree["metadata"], "labels": labels}
    return response


def selectable(crd: dict[str, Any]) -> dict[str, Any]:
    first, second = crd["spec"]["versions"]
    first["selectableFields"] = [{"jsonPath": ".spec.hostPort"}]
    second["selectableFields"] = [{"jsonPath": ".spec.port"}]
    return crd


async def kind_of(server: ApiServer, version: str) -> Kind:
    return (await until(lambda: server.services.registry.find(GROUP, version, "hosts"))).kind


def with_port(name: str, port: str) -> dict[str, Any]:
    tree = host(name, "v1")
    return {**tree, "spec": {"hostPort": f"a:{port}"}}


@pytest.mark.parametrize("way", ["inprocess", "http"])
def test_lists_watches_and_collections(way: str) -> None:
    certificate = self_signed("hook.default.svc")

    async def names(t: Transport, kind: Kind, **query: str) -> list[str]:
        found = await t.call(Call("list", kind, "default", query=query))
        return [item["metadata"]["name"] for item in found["items"]]

    async def main() -> None:
        with Peer(reviewing(labelled), certificate) as peer:
            async with serving(Env.real()) as server, asyncio.timeout(30):
                t = transport_of(way, server)
                await t.call(Call("create", CRD, body=selectable(definition(peer, certificate))))
                v1, v2 = await kind_of(server, "v1"), await kind_of(server, "v2")
                for name, port in (("one", "1"), ("two", "2"), ("three", "1")):
                    await t.call(Call("create", v1, "default", body=with_port(name, port)))
                assert await names(t, v1, fieldSelector="spec.hostPort=a:1") == ["one", "three"]
                assert await names(t, v2, fieldSelector="spec.port=1") == ["one", "three"]
                assert await names(t, v2, fieldSelector="spec.port!=1,metadata.name!=x") == ["two"]
                assert await names(t, v2, fieldSelector="spec.port=1,metadata.name=three") == ["three"]
                assert await names(t, v2, labelSelector="made=v2") == ["one", "three", "two"]
                assert await names(t, v1, labelSelector="made=v2") == []
                page = await t.call(
                    Call("list", v2, "default", query={"fieldSelector": "spec.port=1", "limit": "1"})
                )
                assert "remainingItemCount" not in page["metadata"]
                with pytest.raises(BadRequest, match="field label not supported"):
                    await names(t, v2, fieldSelector="spec.hostPort=a:1")

                watch = Call("watch", v2, "default", query={"fieldSelector": "spec.port=1"})
                async with t.watch(watch) as events:
                    first = [await anext(events), await anext(events)]
                    assert {event.object["metadata"]["name"] for event in first} == {"one", "three"}
                    await change(t, v1, "two", "a:3")
                    await change(t, v1, "two", "a:1")
                    await change(t, v1, "one", "a:7")
                    await change(t, v1, "two", "b:1")
                    seen = [await anext(events) for _ in range(3)]
                    assert [(e.type, e.object["metadata"]["name"]) for e in seen] == [
                        ("ADDED", "two"),
                        ("DELETED", "one"),
                        ("MODIFIED", "two"),
                    ]
                    await t.call(Call("delete", v1, "default", "one"))
                    await t.call(Call("delete", v1, "default", "two"))
                    gone = await anext(events)
                    assert (gone.type, gone.object["metadata"]["name"]) == ("DELETED", "two")
                    assert gone.object["apiVersion"] == f"{GROUP}/v2"
                await t.call(Call("create", v1, "default", body=with_port("four", "4")))
                await t.call(Call("deletecollection", v2, "default", query={"fieldSelector": "spec.port=1"}))
                assert await names(t, v1) == ["four"]

    asyncio.run(main())


async def change(t: Transport, kind: Kind, name: str, value: str) -> None:
    body = {"spec": {"hostPort": value}}
    await t.call(Call("patch", kind, "default", name, body=body, patch_type="merge"))


class Stub:
    """What `SelectedEvents` needs of a version, a delivery and a selection."""

    def __init__(self, type_: str, key: str, fits: bool) -> None:
        self.type, self.key, self.fits, self.revision = type_, key, fits, 1
        self.version = self

    def matches(self, version: Any) -> bool:
        return bool(version.fits)


def test_a_watch_that_does_not_know_the_beginning() -> None:
    async def same(versions: Any) -> Any:
        return list(versions)

    async def main() -> None:
        events = SelectedEvents(same, Stub("", "", False), None)  # type: ignore[arg-type]
        given = [
            Stub("MODIFIED", "a", False),
            Stub("MODIFIED", "a", False),
            Stub("MODIFIED", "b", True),
            Stub("ADDED", "c", False),
            Stub("DELETED", "c", False),
            Stub("DELETED", "d", True),
        ]
        told = await events(given)  # type: ignore[arg-type]
        assert [(each.type, each.version.key) for each in told] == [
            ("DELETED", "a"),
            ("MODIFIED", "b"),
            ("DELETED", "d"),
        ]

    asyncio.run(main())
