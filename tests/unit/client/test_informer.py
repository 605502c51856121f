"""The informer against a scripted server in virtual time: order, resumption, relisting, patience."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Expired
from pybernetes.api.meta import Obj, name_of
from pybernetes.client.client import ApiClient
from pybernetes.client.informer import Informer
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Call, WatchEvent
from tests.virtualtime import run_virtual


def config_map(name: str, version: int, namespace: str = "default", **labels: str) -> Obj:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version), "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


class ScriptedServer:
    """A transport: lists are given in turn (the last one stays), and so are watches.

    A watch is a list of events and of exceptions to raise; when it is used up, the watch ends. After the last one,
    watches stay open.
    """

    def __init__(self, lists: list[Any], watches: list[list[Any]]) -> None:
        self.lists = lists
        self.watches = watches
        self.calls: list[tuple[float, Call]] = []

    async def call(self, call: Call) -> Obj:
        self.calls.append((asyncio.get_running_loop().time(), call))
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        items, metadata = answer
        return {"items": items, "metadata": metadata}

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        self.calls.append((asyncio.get_running_loop().time(), call))
        yield self._events(self.watches.pop(0) if self.watches else None)

    async def _events(self, script: list[Any] | None) -> AsyncIterator[WatchEvent]:
        if script is None:
            await asyncio.Event().wait()
        for entry in script or ():
            if isinstance(entry, Exception):
                raise entry
            if isinstance(entry, float):
                await asyncio.sleep(entry)
                continue
            yield WatchEvent(*entry)

    async def close(self) -> None:
        """Nothing is open."""

    def made(self, verb: str) -> list[tuple[float, Call]]:
        return [(at, call) for at, call in self.calls if call.verb == verb]


def page(*items: Obj, version: str = "10", token: str = "") -> tuple[list[Obj], dict[str, str]]:
    return list(items), {"resourceVersion": version, **({"continue": token} if token else {})}


def follow(
    server: ScriptedServer, seconds: float = 100.0, prepare: Callable[[Informer], None] | None = None
) -> tuple[Informer, list[tuple[str, str, str]]]:
    """Runs an informer for a while; what its handler was told as (change, old version, new version)."""
    told: list[tuple[str, str, str]] = []

    def version(obj: Obj | None) -> str:
        return f"{name_of(obj)}@{obj['metadata']['resourceVersion']}" if obj else ""

    async def main() -> Informer:
        informer = Informer(ApiClient(server), kinds.CONFIGMAP)
        if prepare:
            prepare(informer)
        informer.on_event(lambda change, old, new: told.append((change, version(old), version(new))))
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(seconds)
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.wait({task})
        return informer

    return run_virtual(main()), told


def test_a_list_and_then_the_changes_in_order() -> None:
    server = ScriptedServer(
        [page(config_map("a", 3), config_map("b", 4))],
        [
            [
                ("MODIFIED", config_map("a", 11)),
                ("ADDED", config_map("c", 12)),
                ("DELETED", config_map("b", 13)),
            ]
        ],
    )
    informer, told = follow(server)
    assert told == [
        ("ADDED", "", "a@3"),
        ("ADDED", "", "b@4"),
        ("MODIFIED", "a@3", "a@11"),
        ("ADDED", "", "c@12"),
        ("DELETED", "b@4", ""),
    ]
    assert sorted(map(name_of, informer.list("default"))) == ["a", "c"]
    assert informer.list("elsewhere") == []
    assert informer.has_synced
    assert informer.revision == 13


def test_a_watch_goes_on_where_the_last_one_ended_bookmarks_included() -> None:
    bookmark = {"kind": "ConfigMap", "metadata": {"resourceVersion": "40"}}
    server = ScriptedServer(
        [page(version="10")],
        [[("ADDED", config_map("a", 12)), 5.0], [5.0, ("BOOKMARK", bookmark)], [ConnectionError("broken")]],
    )
    informer, told = follow(server)
    assert [call.query["resourceVersion"] for _, call in server.made("watch")] == ["10", "12", "40", "40"]
    assert len(server.made("list")) == 1
    assert told == [("ADDED", "", "a@12")]
    assert informer.revision == 40


def test_an_expired_revision_is_listed_again_and_only_differences_are_told() -> None:
    server = ScriptedServer(
        [
            page(config_map("same", 1), config_map("gone", 2), config_map("changed", 3)),
            page(config_map("same", 1), config_map("changed", 20), config_map("new", 21), version="30"),
        ],
        [[5.0, Expired("too old resource version")]],
    )
    _, told = follow(server)
    assert told[3:] == [
        ("DELETED", "gone@2", ""),
        ("MODIFIED", "changed@3", "changed@20"),
        ("ADDED", "", "new@21"),
    ]
    assert [call.query["resourceVersion"] for _, call in server.made("watch")] == ["10", "30"]


def test_pages_of_a_list_are_one_state() -> None:
    server = ScriptedServer([page(config_map("a", 1), token="more"), page(config_map("b", 2))], [])
    informer, told = follow(server)
    assert [call.query.get("continue") for _, call in server.made("list")] == [None, "more"]
    assert [entry[0] for entry in told] == ["ADDED", "ADDED"]
    assert len(informer.indexer) == 2


def test_an_unreachable_server_is_asked_ever_more_seldom() -> None:
    server = ScriptedServer([ConnectionError("refused")], [])
    informer, _ = follow(server, 600.0)
    times = [at for at, _ in server.made("list")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 0.8 <= gaps[0] <= 1.6
    assert all(30.0 <= gap <= 60.0 for gap in gaps[8:])
    assert not informer.has_synced


@pytest.mark.parametrize("ending", [[], [Expired("gone at once")]], ids=["ends", "expires"])
def test_watches_that_give_nothing_at_once_do_not_spin(ending: list[Any]) -> None:
    server = ScriptedServer([page()], [list(ending) for _ in range(5000)])
    follow(server, 600.0)
    assert len(server.made("watch")) < 60


def test_a_handler_that_fails_stops_neither_the_cache_nor_other_handlers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def poison(informer: Informer) -> None:
        def fail(_change: str, _old: Obj | None, new: Obj | None) -> None:
            if new is not None and name_of(new) == "poison":
                raise KeyError("spec")

        informer.on_event(fail)

    server = ScriptedServer(
        [page(config_map("poison", 1))],
        [[("MODIFIED", config_map("poison", 11)), ("ADDED", config_map("fine", 12))]],
    )
    informer, told = follow(server, prepare=poison)
    assert told == [
        ("ADDED", "", "poison@1"),
        ("MODIFIED", "poison@1", "poison@11"),
        ("ADDED", "", "fine@12"),
    ]
    assert informer.get("default/fine") is not None
    assert "KeyError" in caplog.text


def test_indexes_follow_changes_and_cover_what_was_there_before() -> None:
    def by_app(obj: Obj) -> list[str]:
        return [obj["metadata"]["labels"]["app"]] if "app" in obj["metadata"]["labels"] else []

    server = ScriptedServer(
        [page(config_map("a", 1, app="x"), config_map("b", 2, app="x"))],
        [[("MODIFIED", config_map("a", 11, app="y")), ("DELETED", config_map("b", 12, app="x"))]],
    )
    informer, _ = follow(server)
    informer.add_index("app", by_app)
    assert [name_of(o) for o in informer.by_index("app", "y")] == ["a"]
    assert informer.by_index("app", "x") == []
    informer.indexer.put(config_map("c", 13, app="y"))
    assert {name_of(o) for o in informer.by_index("app", "y")} == {"a", "c"}
    with pytest.raises(KeyError):
        informer.by_index("nothing", "y")


def test_a_late_handler_is_told_of_what_is_there() -> None:
    informer, _ = follow(ScriptedServer([page(config_map("a", 1))], []))
    late: list[str] = []
    informer.on_event(lambda change, _old, _new: late.append(change))
    assert late == ["ADDED"]


def test_waiting_for_a_condition_of_the_cache() -> None:
    async def main() -> None:
        server = ScriptedServer([page()], [[5.0, ("ADDED", config_map("a", 11)), 100.0]])
        informer = Informer(ApiClient(server), kinds.CONFIGMAP)
        task = asyncio.create_task(informer.run())
        await informer.synced()
        assert not await informer.seen(lambda: informer.revision >= 11, 1.0)
        assert await informer.seen(lambda: informer.revision >= 11, 60.0)
        assert asyncio.get_running_loop().time() == pytest.approx(5.0)
        task.cancel()
        await asyncio.wait({task})

    run_virtual(main())


def test_informers_are_shared_by_selection_and_late_ones_run_too() -> None:
    async def main() -> None:
        server = ScriptedServer([page(config_map("a", 1))], [])
        informers = Informers(ApiClient(server))
        first = informers.of(kinds.CONFIGMAP)
        assert informers.of(kinds.CONFIGMAP) is first
        task = asyncio.create_task(informers.run())
        await informers.synced()
        other = informers.of(kinds.CONFIGMAP, "kube-system")
        assert other is not first
        await asyncio.wait_for(other.synced(), 5)
        assert first.get("default/a") is other.get("default/a")
        task.cancel()
        await asyncio.wait({task})

    run_virtual(main())


def test_lists_that_expire_again_and_again_do_not_spin() -> None:
    server = ScriptedServer([page(), Expired("the continue token is too old")], [[5.0, Expired("too old")]])
    follow(server, 600.0)
    assert len(server.made("list")) < 60
