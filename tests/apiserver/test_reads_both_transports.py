"""Lists and watches, on both ways into a server."""

from __future__ import annotations

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import (
    BadRequest,
    Expired,
    Invalid,
)
from pybernetes.client.interface import Call, Transport

from .bothways import configmap, create, fails


def test_lists_select_and_page(run) -> None:
    async def scenario(t: Transport) -> None:
        for number in range(7):
            labels = {"app": "web" if number % 2 else "db", "n": str(number)}
            await create(t, kinds.CONFIGMAP, configmap(f"c{number}", metadata={"labels": labels}))
        await create(t, kinds.CONFIGMAP, configmap("other", "kube-system"))

        async def names(namespace: str = "default", **query: str) -> list[str]:
            found = await t.call(Call("list", kinds.CONFIGMAP, namespace=namespace, query=query))
            assert found["kind"] == "ConfigMapList"
            return [item["metadata"]["name"] for item in found["items"]]

        assert await names() == [f"c{n}" for n in range(7)]
        assert "other" in await names("")
        assert await names(labelSelector="app=web") == ["c1", "c3", "c5"]
        assert await names(labelSelector="app in (web),n notin (3)") == ["c1", "c5"]
        assert await names(fieldSelector="metadata.name=c4") == ["c4"]
        assert await names(fieldSelector="metadata.name!=c4", labelSelector="app=db") == ["c0", "c2", "c6"]

        first = await t.call(Call("list", kinds.CONFIGMAP, "default", query={"limit": "3"}))
        assert first["metadata"]["remainingItemCount"] == 4
        await create(t, kinds.CONFIGMAP, configmap("c55"))
        await t.call(Call("delete", kinds.CONFIGMAP, "default", "c4"))
        token = first["metadata"]["continue"]
        second = await t.call(
            Call("list", kinds.CONFIGMAP, "default", query={"limit": "10", "continue": token})
        )
        assert [item["metadata"]["name"] for item in second["items"]] == ["c3", "c4", "c5", "c6"]
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        await fails(BadRequest, t, Call("list", kinds.CONFIGMAP, query={"fieldSelector": "data.k=1"}))
        await fails(BadRequest, t, Call("list", kinds.CONFIGMAP, query={"continue": "nonsense"}))
        await fails(Invalid, t, Call("list", kinds.CONFIGMAP, query={"resourceVersionMatch": "Exact"}))

    run(scenario)


def test_a_list_at_an_old_revision(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "1"}))
        await t.call(
            Call("patch", kinds.CONFIGMAP, "default", "a", body={"data": {"k": "2"}}, patch_type="merge")
        )
        query = {"resourceVersion": made["metadata"]["resourceVersion"], "resourceVersionMatch": "Exact"}
        found = await t.call(Call("list", kinds.CONFIGMAP, "default", query=query))
        assert found["items"] == [made]

    run(scenario)


def test_watch_sees_every_change_and_selections(run) -> None:
    async def scenario(t: Transport) -> None:
        start = (await t.call(Call("list", kinds.CONFIGMAP, "default")))["metadata"]["resourceVersion"]
        query = {"resourceVersion": start, "labelSelector": "app=web"}
        async with t.watch(Call("watch", kinds.CONFIGMAP, "default", query=query)) as events:
            await create(t, kinds.CONFIGMAP, configmap("no"))
            await create(t, kinds.CONFIGMAP, configmap("a", metadata={"labels": {"app": "web"}}))

            async def patch(labels: dict) -> dict:
                body = {"metadata": {"labels": labels}}
                return await t.call(
                    Call("patch", kinds.CONFIGMAP, "default", "a", body=body, patch_type="merge")
                )

            await patch({"x": "1"})
            left = await patch({"app": "db"})
            await patch({"app": "web"})
            await t.call(Call("delete", kinds.CONFIGMAP, "default", "a"))
            seen = [await anext(events) for _ in range(5)]
            assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
            assert seen[2].object["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
            assert seen[2].object["metadata"]["labels"]["app"] == "web"
            revisions = [int(event.object["metadata"]["resourceVersion"]) for event in seen]
            assert revisions == sorted(set(revisions))

    run(scenario)


def test_watch_with_initial_events_ends_them_with_a_bookmark(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a"))
        query = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        }
        async with t.watch(Call("watch", kinds.CONFIGMAP, "default", query=query)) as events:
            first, second = await anext(events), await anext(events)
            assert (first.type, first.object["metadata"]["name"]) == ("ADDED", "a")
            assert second.type == "BOOKMARK"
            assert second.object["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            made = await create(t, kinds.CONFIGMAP, configmap("b"))
            assert (await anext(events)).object == made

    run(scenario)


def test_watch_without_revision_starts_with_what_is_there(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a"))
        async with t.watch(Call("watch", kinds.CONFIGMAP, "default")) as events:
            assert (await anext(events)).object["metadata"]["name"] == "a"

    run(scenario)


def test_watch_from_a_forgotten_revision_is_expired(run) -> None:
    async def scenario(t: Transport) -> None:
        for number in range(5):
            await create(t, kinds.CONFIGMAP, configmap(f"c{number}"))
        with pytest.raises(Expired) as caught:
            async with t.watch(
                Call("watch", kinds.CONFIGMAP, "default", query={"resourceVersion": "2"})
            ) as events:
                await anext(events)
        assert caught.value.message.startswith("too old resource version: 2 (")

    run(scenario, watch_window=3)


def test_watch_ends_after_its_timeout(run) -> None:
    async def scenario(t: Transport) -> None:
        query = {"resourceVersion": "0", "timeoutSeconds": "1"}
        async with t.watch(Call("watch", kinds.SECRET, "default", query=query)) as events:
            assert [event async for event in events] == []

    run(scenario)
