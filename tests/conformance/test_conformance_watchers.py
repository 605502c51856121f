"""Watches of ConfigMaps (upstream: test/e2e/apimachinery/watch.go)."""

from __future__ import annotations

import asyncio

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.scenario import Seen, changed, watching

LABEL = "watch-this-configmap"


def config_map(ns: str, name: str, label: str) -> Obj:
    return {"metadata": {"name": name, "namespace": ns, "labels": {LABEL: label}}}


async def mutate(c: Cluster, obj: Obj, value: int) -> Obj:
    """Sets `data.mutation`."""
    metadata = obj["metadata"]
    patch = {"data": {"mutation": str(value)}}
    return await c.client.patch(kinds.CONFIGMAP, metadata["name"], metadata["namespace"], patch)


async def expect(type_: str, obj: Obj, *watchers: Seen) -> None:
    for seen in watchers:
        event = await seen.next()
        got = event.object
        assert event.type == type_
        assert (got["metadata"]["name"], got.get("data")) == (obj["metadata"]["name"], obj.get("data"))


async def test_several_watchers(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]"""
    kind, client = kinds.CONFIGMAP, c.client
    async with (
        watching(client, kind, ns, labels=f"{LABEL}=A") as a,
        watching(client, kind, ns, labels=f"{LABEL}=B") as b,
        watching(client, kind, ns, labels=f"{LABEL} in (A,B)") as both,
    ):
        one = await client.create(kind, config_map(ns, "a", "A"))
        await expect("ADDED", one, a, both)
        for value in (1, 2):
            one = await mutate(c, one, value)
            await expect("MODIFIED", one, a, both)
        await client.delete(kind, "a", ns)
        await expect("DELETED", one, a, both)
        two = await client.create(kind, config_map(ns, "b", "B"))
        await expect("ADDED", two, b, both)
        await client.delete(kind, "b", ns)
        await expect("DELETED", two, b, both)
        await a.nothing()
        await b.nothing()


async def test_from_a_version(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]"""
    made = await c.client.create(kinds.CONFIGMAP, config_map(ns, "x", "A"))
    first = await mutate(c, made, 1)
    second = await mutate(c, first, 2)
    await c.client.delete(kinds.CONFIGMAP, "x", ns)
    version = first["metadata"]["resourceVersion"]
    async with watching(c.client, kinds.CONFIGMAP, ns, labels=f"{LABEL}=A", resource_version=version) as seen:
        await expect("MODIFIED", second, seen)
        await expect("DELETED", second, seen)


async def test_restart(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]"""
    async with watching(c.client, kinds.CONFIGMAP, ns, labels=f"{LABEL}=A") as seen:
        made = await c.client.create(kinds.CONFIGMAP, config_map(ns, "x", "A"))
        first = await mutate(c, made, 1)
        await expect("ADDED", made, seen)
        await expect("MODIFIED", first, seen)
    second = await mutate(c, first, 2)
    version = first["metadata"]["resourceVersion"]
    async with watching(c.client, kinds.CONFIGMAP, ns, labels=f"{LABEL}=A", resource_version=version) as seen:
        await c.client.delete(kinds.CONFIGMAP, "x", ns)
        await expect("MODIFIED", second, seen)
        await expect("DELETED", second, seen)


async def test_leaving_the_selector(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]"""
    kind = kinds.CONFIGMAP
    async with watching(c.client, kind, ns, labels=f"{LABEL}=A") as seen:
        made = await c.client.create(kind, config_map(ns, "x", "A"))
        first = await mutate(c, made, 1)
        await c.client.update(kind, changed(first, labels={LABEL: "wrong"}))
        await expect("ADDED", made, seen)
        await expect("MODIFIED", first, seen)
        await expect("DELETED", first, seen)
        current = await c.client.get(kind, "x", ns)
        second = await mutate(c, current, 2)
        await seen.nothing()
        await c.client.update(kind, changed(second, labels={LABEL: "A"}))
        third = await mutate(c, second, 3)
        await c.client.delete(kind, "x", ns)
        await expect("ADDED", second, seen)
        await expect("MODIFIED", third, seen)
        await expect("DELETED", third, seen)


async def test_one_order_for_all(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]"""
    kind, iterations = kinds.CONFIGMAP, 30

    async def write() -> None:
        alive: list[str] = []
        for number in range(iterations * 3):
            draw = c.env.rng.randrange(3)
            if draw == 0 or not alive:
                alive.append(f"cm-{number}")
                await c.client.create(kind, config_map(ns, alive[-1], "A"))
            elif draw == 1:
                await c.client.patch(kind, alive[-1], ns, {"data": {"n": str(number)}})
            else:
                await c.client.delete(kind, alive.pop(), ns)
            await asyncio.sleep(0.01)

    start = (await c.client.list(kind, ns)).resource_version
    async with asyncio.TaskGroup() as group, watching(c.client, kind, ns, resource_version=start) as first:
        group.create_task(write())
        versions: list[str] = []
        for _ in range(iterations):
            event = await first.next()
            versions.append(event.object["metadata"]["resourceVersion"])
            async with watching(c.client, kind, ns, resource_version=start) as other:
                again = [(await other.next()).object["metadata"]["resourceVersion"] for _ in versions]
            assert again == versions
