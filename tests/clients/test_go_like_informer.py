"""A reflector as client-go's, in Python over raw HTTPS: it must come through crashes of the server with exactly what
is there, nothing lost, nothing told twice."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.pyberup import PyberUp, eventually, free_port, start_pyber

from .rawhttps import Server

pytestmark = pytest.mark.peer

PATH = "/api/v1/namespaces/default/configmaps"
SELECTOR = {"labelSelector": "informed=yes"}
INITIAL_END = "k8s.io/initial-events-end"


class Gone(Exception):
    """410: the revision is no longer there."""


class Reflector:
    """List and watch into a store, for ever: client-go's loop. `streams` False: list by pages, then watch."""

    def __init__(self, server: Server, *, streams: bool) -> None:
        self.server = server
        self.streams = streams
        self.store: dict[str, str] = {}
        """Name -> resourceVersion."""
        self.told: list[tuple[str, str, str]] = []
        """(event, name, resourceVersion) as handlers would see it."""
        self.version = ""
        self.lists = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Reflector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def reaches(self, expected: Mapping[str, str]) -> None:
        """Waits until the store holds exactly this."""
        eventually("the reflector has what is there", lambda: self.store == expected)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if not self.version:
                    self._stream_list() if self.streams else self._list()
                self._watch()
            except Gone:
                self.version = ""
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)  # the server is away

    def _list(self) -> None:
        """Pages; what the store has and the list has not was deleted meanwhile."""
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            answer = self.server.get(PATH, limit=7, **SELECTOR, **more)
            if answer.code == 410:
                raise Gone
            assert answer.code == 200, answer.body
            tree = answer.tree
            found |= {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in tree["items"]}
            if not tree["metadata"].get("continue"):
                break
            more = {"continue": tree["metadata"]["continue"]}
        self._replace(found, tree["metadata"]["resourceVersion"])

    def _stream_list(self) -> None:
        """The WatchList: initial events up to the bookmark that ends them."""
        options = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        found: dict[str, str] = {}
        for event in self._events({**options, "resourceVersion": ""}):
            metadata = event["object"]["metadata"]
            if metadata.get("annotations", {}).get(INITIAL_END) == "true":
                self._replace(found, metadata["resourceVersion"])
                return
            assert event["type"] == "ADDED", event
            found[metadata["name"]] = metadata["resourceVersion"]

    def _replace(self, found: Mapping[str, str], version: str) -> None:
        self.lists += 1
        for name in self.store.keys() - found.keys():
            self.told.append(("DELETED", name, self.store[name]))
        for name, revision in found.items():
            if self.store.get(name) != revision:
                self.told.append(("MODIFIED" if name in self.store else "ADDED", name, revision))
        self.store = dict(found)
        self.version = version

    def _watch(self) -> None:
        for event in self._events({"resourceVersion": self.version}):
            metadata = event["object"]["metadata"]
            self.version = metadata["resourceVersion"]
            if event["type"] == "BOOKMARK":
                continue
            self.told.append((event["type"], metadata["name"], metadata["resourceVersion"]))
            if event["type"] == "DELETED":
                del self.store[metadata["name"]]
            else:
                self.store[metadata["name"]] = metadata["resourceVersion"]

    def _events(self, options: Mapping[str, str]) -> Iterator[Any]:
        query: dict[str, str | int] = {
            **SELECTOR,
            **options,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": 2,
        }
        with self.server.watching(PATH, query, timeout=5) as events:
            for event in events:
                if event["type"] == "ERROR":
                    assert event["object"]["code"] == 410, event
                    raise Gone
                if self._stop.is_set():
                    return
                yield event


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"informed": "yes"}}, "data": {}}


def churn(server: Server, numbers: Iterator[int]) -> None:
    """Some objects are made, some changed, some deleted."""
    merge = {"Content-Type": "application/merge-patch+json"}
    for number in itertools.islice(numbers, 12):
        assert server.ask("POST", PATH, config_map(f"i{number}")).code == 201
        if number % 3 == 0:
            change = {"data": {"changed": "yes"}}
            assert server.ask("PATCH", f"{PATH}/i{number}", change, merge).code == 200
        if number % 4 == 0:
            assert server.ask("DELETE", f"{PATH}/i{number}").code == 200


def there(server: Server) -> dict[str, str]:
    items = server.get(PATH, **SELECTOR).tree["items"]
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}


def starter(directory: Path) -> Callable[[], PyberUp]:
    """Starts a server with one state on one port, again and again."""
    ports = ("--port", str(free_port()), "--kubelet-port", str(free_port()))
    options = ("--node", "hollow", "--bind-address", "127.0.0.1", *ports)
    return lambda: start_pyber(directory / "state", *options)


def test_a_revision_from_before_a_crash_is_gone(tmp_path: Path) -> None:
    start = starter(tmp_path)
    running = start()
    try:
        server = Server.of(tmp_path / "state" / "kubeconfig")
        made = server.ask("POST", PATH, config_map("a")).tree["metadata"]
        running.kill()
        running = start()
        with server.watching(PATH, {"resourceVersion": "1"}) as events:
            event = next(events)
        assert event["type"] == "ERROR"
        status = event["object"]
        assert (status["code"], status["reason"]) == (410, "Expired")
        assert status["message"].startswith("too old resource version: 1 (")
        listed = server.get(PATH, **SELECTOR).tree
        assert listed["items"][0]["metadata"] == made
        with server.watching(PATH, {"resourceVersion": listed["metadata"]["resourceVersion"]}) as events:
            server.ask("DELETE", f"{PATH}/a")
            assert next(events)["type"] == "DELETED"
    finally:
        running.stop()


def test_reflectors_survive_crashes(tmp_path: Path) -> None:
    start = starter(tmp_path)
    running = start()
    try:
        server = Server.of(tmp_path / "state" / "kubeconfig")
        numbers = itertools.count()
        with Reflector(server, streams=False) as paging, Reflector(server, streams=True) as streaming:
            for _ in range(3):
                churn(server, numbers)
                expected = there(server)
                running.kill()
                running = start()
                assert there(server) == expected, "a kill -9 loses nothing that was answered"
                churn(server, numbers)
                now = there(server)
                for reflector in (paging, streaming):
                    reflector.reaches(now)
        for reflector in (paging, streaming):
            assert reflector.lists >= 1
            check_history(reflector.told, now)
    finally:
        running.stop()


def check_history(told: list[tuple[str, str, str]], now: Mapping[str, str]) -> None:
    """Each object is added once, then changed with growing versions, then at most once deleted."""
    alive: dict[str, int] = {}
    for event, name, text in told:
        version = int(text)
        if event == "ADDED":
            assert name not in alive, f"{name} is added twice"
        else:
            assert name in alive, f"{name} is {event} and was never added"
            assert version > alive[name] or (event == "DELETED" and version >= alive[name])
        if event == "DELETED":
            del alive[name]
        else:
            alive[name] = version
    assert {name: str(version) for name, version in alive.items()} == dict(now)
