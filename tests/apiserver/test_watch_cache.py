"""The watch cache on its own: freshness, indexes, the window, refilling after a gap, many watchers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Expired, Timeout
from pybernetes.apiserver import cacher as cacher_module
from pybernetes.apiserver.cacher import Cacher
from pybernetes.apiserver.registry import Registry
from pybernetes.apiserver.selection import Selection, selection_of
from pybernetes.apiserver.version import Version, encode
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore
from pybernetes.store.types import Delete, Put


def pod(name: str, node: str = "", **labels: str) -> bytes:
    metadata = {"name": name, "namespace": "a", "uid": name, "labels": labels}
    tree = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata}
    return encode({**tree, "spec": {"nodeName": node} if node else {}})


@asynccontextmanager
async def cache_of(store: MemoryStore, window: int = 100):
    registry = Registry(kinds.KINDS, window=window)
    cacher = Cacher(store, registry.caches.values())
    task = asyncio.create_task(cacher.run())
    try:
        await cacher.filled.wait()
        yield cacher, registry.cache(kinds.POD)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def put(store: MemoryStore, name: str, value: bytes) -> int:
    return (await store.txn((), [Put(f"/registry/pods/a/{name}", value)])).revision


def select(cache, **query: str) -> list[str]:
    selection = selection_of(kinds.POD, query.pop("namespace", ""), "", query)
    return [version.name for version in cache.select(selection)]


def test_encoding_puts_the_resource_version_where_it_is_found() -> None:
    tree = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "5", "name": "p"},
        "spec": {},
    }
    version = Version(kinds.POD, "/registry/pods/p", encode(tree), 7)
    assert orjson.loads(version.encoded()) == {**tree, "metadata": {"resourceVersion": "7", "name": "p"}}
    assert orjson.loads(version.document(9))["metadata"]["resourceVersion"] == "9"
    assert orjson.loads(b"".join(version.item())[1:]) == {
        "metadata": {"resourceVersion": "7", "name": "p"},
        "spec": {},
    }
    assert version.tree() is version.tree()
    foreign = Version(
        kinds.POD, "/registry/pods/p", orjson.dumps({"kind": "Pod", "metadata": {"name": "p"}}), 3
    )
    assert orjson.loads(foreign.encoded())["metadata"] == {"resourceVersion": "3", "name": "p"}


def test_indexes_follow_every_change(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        await put(store, "before", pod("before", "n1", app="web"))
        async with cache_of(store) as (cacher, cache):
            await put(store, "p1", pod("p1", "n1", app="web"))
            await put(store, "p2", pod("p2", "", app="db"))
            await cacher.fresh()
            assert select(cache, fieldSelector="spec.nodeName=n1") == ["before", "p1"]
            assert select(cache, labelSelector="app in (web,db)") == ["before", "p1", "p2"]
            await put(store, "p2", pod("p2", "n1", app="web"))
            await store.txn((), [Delete("/registry/pods/a/before")])
            await cacher.fresh()
            assert select(cache, fieldSelector="spec.nodeName=n1") == ["p1", "p2"]
            assert select(cache, labelSelector="app=web", namespace="a") == ["p1", "p2"]
            assert select(cache, labelSelector="app=db") == []
            assert select(cache, namespace="b") == []
            await store.txn((), [Delete("/registry/pods/", "/registry/pods0")])
            await cacher.fresh()
            assert select(cache) == []

    asyncio.run(main())


def test_a_revision_that_never_comes_times_out(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cacher_module, "WAIT", 0.01)

    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, _):
            with pytest.raises(Timeout) as caught:
                await cacher.wait_for(999)
            assert caught.value.message == "Timeout: Too large resource version: 999, current: 1"

    asyncio.run(main())


def test_the_window_forgets_and_says_so(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store, window=3) as (cacher, cache):
            revisions = [await put(store, f"p{n}", pod(f"p{n}")) for n in range(5)]
            await cacher.fresh()
            watcher = cache.watch(Selection(), revisions[2], takes_trees=False)
            assert [delivery.version.name for delivery in await watcher.drain()] == ["p3", "p4"]
            assert cache.watch(Selection(), revisions[1], takes_trees=False).pending
            with pytest.raises(Expired):
                cache.watch(Selection(), revisions[0], takes_trees=False)

    asyncio.run(main())


def test_only_those_concerned_are_woken(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, cache):
            by_node = {}
            for node in ("n1", "n2"):
                selection = selection_of(kinds.POD, "", "", {"fieldSelector": f"spec.nodeName={node}"})
                by_node[node] = cache.watch_from_now(selection, takes_trees=False)
            elsewhere = cache.watch_from_now(Selection("b"), takes_trees=False)
            named = cache.watch_from_now(
                selection_of(kinds.POD, "a", "", {"fieldSelector": "metadata.name=p"}), takes_trees=False
            )
            await put(store, "p", pod("p"))
            await put(store, "p", pod("p", "n1"))
            await put(store, "p", pod("p", "n2"))
            await cacher.fresh()
            assert [d.type for d in by_node["n1"].pending] == ["ADDED", "DELETED"]
            assert [d.type for d in by_node["n2"].pending] == ["ADDED"]
            assert [d.type for d in named.pending] == ["ADDED", "MODIFIED", "MODIFIED"]
            assert elsewhere.pending == []
            assert by_node["n1"].pending[1].tree()["spec"]["nodeName"] == "n1"
            for watcher in (*by_node.values(), elsewhere, named):
                cache.unwatch(watcher)
            assert len(cache.watchers) == 0

    asyncio.run(main())


def test_an_event_is_encoded_once_for_all(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, cache):
            watchers = [cache.watch_from_now(Selection(), takes_trees=False) for _ in range(3)]
            await put(store, "p", pod("p"))
            await cacher.fresh()
            lines = [watcher.pending[0].line for watcher in watchers]
            assert lines[0] is lines[1] is lines[2]

    asyncio.run(main())


def test_a_slow_watcher_is_dropped_and_costs_nobody_else(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.apiserver.watchers.PENDING_LIMIT", 5)

    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, cache):
            slow = cache.watch_from_now(Selection(), takes_trees=False)
            for number in range(7):
                await put(store, "p", pod("p", n=str(number)))
                await cacher.fresh()
            assert slow.closed
            assert await slow.drain() == []
            assert len(cache.watchers) == 0

    asyncio.run(main())


class Interrupted:
    """A store whose watch ends when told so."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.cut = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @asynccontextmanager
    async def watch(self, key: str, end: str | None = None, *, revision: int = 0):
        async with self.store.watch(key, end, revision=revision) as batches:

            async def until_cut():
                while True:
                    following = asyncio.ensure_future(anext(batches))
                    cut = asyncio.ensure_future(self.cut.wait())
                    await asyncio.wait((following, cut), return_when=asyncio.FIRST_COMPLETED)
                    cut.cancel()
                    if self.cut.is_set():
                        following.cancel()
                        return
                    yield following.result()

            yield until_cut()


def test_after_a_gap_the_cache_fills_anew_and_watches_end(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cacher_module, "RETRY", 0.0)

    async def main() -> None:
        store = Interrupted(MemoryStore(env))
        async with cache_of(store) as (cacher, cache):  # type: ignore[arg-type]
            seen = []
            cache.observers.append(lambda change: seen.append((change.old is None, change.new is None)))
            await put(store.store, "stays", pod("stays"))
            await put(store.store, "goes", pod("goes"))
            await cacher.fresh()
            watcher = cache.watch_from_now(Selection(), takes_trees=False)
            seen.clear()
            store.cut.set()
            assert await watcher.drain() == []
            assert watcher.closed
            await store.txn((), [Delete("/registry/pods/a/goes")])
            await put(store.store, "comes", pod("comes"))
            store.cut.clear()
            await cacher.fresh()
            assert isinstance(watcher.error, Expired)
            assert select(cache) == ["comes", "stays"]
            assert sorted(seen) == [(False, True), (True, False)]

    asyncio.run(main())
