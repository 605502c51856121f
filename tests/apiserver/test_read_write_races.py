"""What happens between the awaits of a read or a write: caches that are behind, stores that are away, clients that are
slow, requests that are given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
import pytest

from pybernetes.api.errors import Conflict, Expired, ServiceUnavailable
from pybernetes.api.kinds import CONFIGMAP, EVENT, KINDS
from pybernetes.apiserver import cacher as cacher_module
from pybernetes.apiserver.cacher import Cacher
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.kindcache import KindCache
from pybernetes.apiserver.registry import Registry
from pybernetes.apiserver.selection import Selection
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.version import encode
from pybernetes.apiserver.window import Change
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.sim.loop import run_virtual
from pybernetes.store.memory import MemoryStore
from pybernetes.store.types import Put, RangeResult, Unavailable, WatchBatch
from pybernetes.wire.http.messages import Headers, Request

from .transports import ADMIN, FixedUser, serving
from .waiting import until


class Between:
    """A store as a server sees it over a bad connection."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.heard = asyncio.Event()
        """Whether events come through."""
        self.heard.set()
        self.reachable = asyncio.Event()
        """Whether reads and writes are answered."""
        self.reachable.set()
        self.broken = False
        self.read: list[int] = []
        """How many keys each read has brought."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def txn(self, *args: Any) -> Any:
        await self.reachable.wait()
        return await self._store.txn(*args)

    async def range(self, *args: Any, **options: Any) -> RangeResult:
        await self.reachable.wait()
        if self.broken:
            raise Unavailable("the wire is cut")
        found = await self._store.range(*args, **options)
        self.read.append(len(found.kvs))
        return found

    @asynccontextmanager
    async def watch(self, *args: Any, **options: Any) -> AsyncIterator[AsyncIterator[WatchBatch]]:
        async with self._store.watch(*args, **options) as batches:
            yield self._through(batches)

    async def _through(self, batches: AsyncIterator[WatchBatch]) -> AsyncIterator[WatchBatch]:
        async for batch in batches:
            await self.heard.wait()
            if self.broken:
                raise Unavailable("the wire is cut")
            yield batch


def configmap(name: str) -> bytes:
    return encode({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "namespace": "a"}})


async def put(store: MemoryStore, name: str) -> int:
    return (await store.txn((), [Put(f"/registry/configmaps/a/{name}", configmap(name))])).revision


@asynccontextmanager
async def cache_of(store: Any) -> AsyncIterator[tuple[Cacher, KindCache]]:
    registry = Registry(KINDS, window=100)
    cacher = Cacher(store, registry.caches.values())
    task = asyncio.create_task(cacher.run())
    try:
        await cacher.filled.wait()
        yield cacher, registry.cache(CONFIGMAP)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def request(method: str, target: str, body: bytes = b"") -> Request:
    headers = [("x-test-user", "admin"), ("content-type", "application/json")]
    return Request(method, target, Headers(headers), body)


def admit_admin(server: ApiServer) -> None:
    server.services.authenticator = FixedUser({"admin": ADMIN})  # type: ignore[assignment]


def test_events_that_come_while_a_client_is_not_ready_are_sent_too(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            admit_admin(server)
            cache = server.services.registry.cache(CONFIGMAP)
            answer = await server.handler(
                request(
                    "GET", "/api/v1/configmaps?watch=1&resourceVersion=0&fieldSelector=metadata.namespace=a"
                )
            )
            answer.body.offer_sender(lambda _data: False)  # type: ignore[union-attr]
            line = asyncio.ensure_future(anext(answer.body))  # type: ignore[arg-type]
            await turns()
            [watcher] = cache.watchers
            transport = server.transport(ADMIN)
            cacher_floor = server.services.cacher.revision
            for name in ("one", "two", "three"):
                body = {"metadata": {"name": name}}
                await transport.call(Call("create", CONFIGMAP, "default", body=body))
            changes = [change.whole() for change in cache._window.since(cacher_floor)]
            watcher.pending += changes[:2]
            watcher.serve()
            watcher.pending.append(changes[2])  # before the watcher's task has had its turn
            told = [orjson.loads(each)["object"]["metadata"]["name"] for each in (await line).splitlines()]
            assert told == ["one", "two", "three"]
            await answer.body.aclose()  # type: ignore[union-attr]

    asyncio.run(main())


def test_a_patch_that_changes_nothing_in_a_cache_that_is_behind_changes_what_is_stored(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        behind = Between(store)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(store.close)
            servers = [ApiServer(each, env, ApiServerConfig(freeze_trees=True)) for each in (store, behind)]
            first, second = [(await stack.enter_async_context(server)).transport(ADMIN) for server in servers]
            body = {"metadata": {"name": "a"}, "data": {"k": "1"}}
            await first.call(Call("create", CONFIGMAP, "default", body=body))
            await second.call(Call("get", CONFIGMAP, "default", "a"))
            behind.heard.clear()
            two = await first.call(patch({"k": "2"}))
            one = await second.call(patch({"k": "1"}))
            assert int(one["metadata"]["resourceVersion"]) > int(two["metadata"]["resourceVersion"])
            assert (await first.call(Call("get", CONFIGMAP, "default", "a")))["data"] == {"k": "1"}
            again = await second.call(patch({"k": "1"}))
            assert again["metadata"]["resourceVersion"] == one["metadata"]["resourceVersion"]
            behind.heard.set()

    asyncio.run(main())


def patch(data: dict[str, str]) -> Call:
    return Call("patch", CONFIGMAP, "default", "a", body={"data": data}, patch_type="merge")


def test_what_happens_while_the_store_is_away_is_missed_by_no_watch(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cacher_module, "WAIT", 0.01)
    monkeypatch.setattr(cacher_module, "RETRY", 0.01)

    async def main() -> None:
        store = MemoryStore(env)
        wire = Between(store)
        async with cache_of(wire) as (cacher, cache):
            known = await put(store, "before")
            await cacher.fresh()
            wire.broken = True
            await put(store, "lost")
            await until(lambda: not cacher.filled.is_set())
            with pytest.raises(ServiceUnavailable):  # it has the revision, and not what comes after it
                await cacher.wait_for(known)
            watcher = cache.watch(Selection(), known, takes_trees=False)
            wire.broken = False
            await cacher.filled.wait()
            assert watcher.closed
            assert isinstance(watcher.error, Expired)

    asyncio.run(main())


def test_who_waits_in_vain_leaves_nothing_behind(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cacher_module, "WAIT", 0.01)

    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, _):
            waiting = [asyncio.ensure_future(cacher.wait_for(10**9 + n)) for n in range(5)]
            waiting[0].cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert cacher._waiters == []
            revision = await put(store, "a")
            await cacher.wait_for(revision)

    asyncio.run(main())


def test_a_write_that_is_given_up_leaves_nothing_behind(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        wire = Between(store)
        server = ApiServer(wire, env, ApiServerConfig())
        async with server:
            wire.reachable.clear()
            body = {"metadata": {"name": "a"}}
            transport = server.transport(ADMIN)
            writing = asyncio.ensure_future(transport.call(Call("create", CONFIGMAP, "default", body=body)))
            await turns()
            cache = server.services.registry.cache(CONFIGMAP)
            assert [*cache.pending] == ["/registry/configmaps/default/a"]
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            assert not cache.pending
            wire.reachable.set()
        await store.close()

    asyncio.run(main())


def test_a_watch_of_a_cache_that_is_fed_no_more_ends_at_once(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, cache):
            open_before = cache.watch_from_now(Selection(), takes_trees=False)
            await cacher.add(Registry((CONFIGMAP,), window=100).cache(CONFIGMAP))
            assert open_before.closed
            assert cache.watch_from_now(Selection(), takes_trees=False).closed
            assert cache.watch(Selection(), cacher.revision, takes_trees=False).closed

    asyncio.run(main())


def test_pages_of_an_old_list_do_not_read_all_that_follows(env: Env) -> None:
    async def main() -> None:
        store = MemoryStore(env)
        wire = Between(store)
        server = ApiServer(wire, env, ApiServerConfig())
        async with server:
            for number in range(30):
                await put(store, f"c{number:02}")
            transport = server.transport(ADMIN)
            whole = await transport.call(Call("list", CONFIGMAP, "a", query={"limit": "10"}))
            await put(store, "c99")
            await server.services.cacher.fresh()
            query = {"limit": "10", "continue": whole["metadata"]["continue"]}
            wire.read.clear()
            page = await transport.call(Call("list", CONFIGMAP, "a", query=query))
            assert [name[-2:] for name in names(page)] == [f"{n:02}" for n in range(10, 20)]
            assert page["metadata"]["remainingItemCount"] == 10
            assert wire.read == [11]  # one more than asked for: is there a next page?
            query = {"limit": "10", "continue": page["metadata"]["continue"]}
            last = await transport.call(Call("list", CONFIGMAP, "a", query=query))
            assert [name[-2:] for name in names(last)] == [f"{n:02}" for n in range(20, 30)]
            assert "continue" not in last["metadata"]
            wire.broken = True
            with pytest.raises(ServiceUnavailable):
                await transport.call(Call("list", CONFIGMAP, "a", query=query))
            wire.broken = False
        await store.close()

    asyncio.run(main())


def names(page: Any) -> list[str]:
    return [item["metadata"]["name"] for item in page["items"]]


def test_a_collection_is_deleted_up_to_the_limit_and_under_the_preconditions(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            transport = server.transport(ADMIN)
            for name in ("a", "b", "c"):
                made = await transport.call(
                    Call("create", CONFIGMAP, "default", body={"metadata": {"name": name}})
                )
            query = {"limit": "1", "fieldSelector": "metadata.name!=kube-root-ca.crt"}
            gone = await transport.call(Call("deletecollection", CONFIGMAP, "default", query=query))
            assert names(gone) == ["a"]
            assert gone["metadata"]["continue"]
            assert names(await transport.call(Call("list", CONFIGMAP, "default"))) == ["b", "c"]
            only_c = {"preconditions": {"uid": made["metadata"]["uid"]}}
            call = Call(
                "deletecollection",
                CONFIGMAP,
                "default",
                query={"fieldSelector": "metadata.name=c"},
                body=only_c,
            )
            await transport.call(call)
            with pytest.raises(Conflict, match="Precondition failed: UID in precondition"):
                await transport.call(Call("deletecollection", CONFIGMAP, "default", body=only_c))
            assert names(await transport.call(Call("list", CONFIGMAP, "default"))) == ["b"]

    asyncio.run(main())


def test_an_observer_that_fails_does_not_stop_the_cache(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cacher_module, "RETRY", 0.01)

    async def main() -> None:
        store = MemoryStore(env)
        async with cache_of(store) as (cacher, cache):
            failed: list[int] = []

            def observe(change: Change) -> None:
                if not failed:
                    failed.append(change.revision)
                    raise RuntimeError("a bug")

            cache.observers.append(observe)
            await put(store, "a")
            await until(lambda: not cacher.filled.is_set())
            await cacher.filled.wait()
            await put(store, "b")
            await cacher.fresh()
            assert [version.name for version in cache.select(Selection())] == ["a", "b"]

    asyncio.run(main())


def test_events_are_written_however_the_time_of_day_jumps() -> None:
    async def main(_env: Env) -> None:
        env = Env(lambda: 1_000_000.0, random.Random(1))  # set back again and again
        async with serving(env, event_ttl=60) as server:
            transport = server.transport(ADMIN)
            for number in range(3):
                about = {"kind": "Namespace", "name": "default", "namespace": "default"}
                body = {"metadata": {"name": f"e{number}"}, "involvedObject": about}
                await transport.call(Call("create", EVENT, "default", body=body))
                await asyncio.sleep(600)
            assert not names(await transport.call(Call("list", EVENT, "default")))

    run_virtual(main)
