"""Many events at once: none is lost, those of one object stay in order, and others do not wait behind one slow write."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest

from pybernetes.api.errors import InternalError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client import events
from pybernetes.client.events import EventRecorder
from pybernetes.clock import Env
from tests.virtualtime import run_virtual


class Slow:
    """A server that takes a second for each write."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []
        self.at_once = self.most = 0

    async def create(self, _kind: Kind, obj: Obj, **_rest: Any) -> Obj:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(1)
        self.at_once -= 1
        if obj["message"] == "refused":
            raise InternalError("not now")
        self.written.append((obj["involvedObject"]["name"], obj["message"]))
        return obj


def recorded(told: list[tuple[str, str]]) -> tuple[Slow, float]:
    """What a slow server was told, and in how many seconds, of (object, message)."""

    async def main() -> tuple[Slow, float]:
        loop, server = asyncio.get_running_loop(), Slow()
        env = Env(now=loop.time, rng=random.Random(1))
        recorder = EventRecorder(server, env, "tester")  # type: ignore[arg-type]
        for name, message in told:
            about = {"kind": "Pod", "metadata": {"name": name, "namespace": "default", "uid": name}}
            recorder.event(about, "Normal", "Told", message)
        task = asyncio.create_task(recorder.run())
        began = loop.time()
        await recorder.flush()
        took = loop.time() - began
        task.cancel()
        await asyncio.wait({task})
        return server, took

    return run_virtual(main())


def test_a_few_are_written_one_after_the_other() -> None:
    told = [(f"pod-{n}", "said") for n in range(20)]
    server, took = recorded(told)
    assert server.written == told
    assert (server.most, took) == (1, 20.0)


def test_of_thousands_several_are_written_at_once_and_none_is_lost() -> None:
    told = [(f"pod-{n % 1500}", text) for text in ("first", "second") for n in range(1500)]
    server, took = recorded(told)
    assert sorted(server.written) == sorted(told)
    assert 1 < server.most <= events.AT_ONCE
    assert took < len(told) / 2


def test_those_of_one_object_stay_in_order() -> None:
    told = [("one", f"message {n}") for n in range(9)] + [(f"pod-{n}", "said") for n in range(2000)]
    server, _ = recorded(told)
    assert [message for name, message in server.written if name == "one"] == [
        f"message {n}" for n in range(9)
    ]


def test_one_that_is_refused_keeps_no_other() -> None:
    told = [("bad", "refused")] + [(f"pod-{n}", "said") for n in range(600)]
    server, _ = recorded(told)
    assert len(server.written) == 600


def test_too_many_are_told_of_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(events, "WAITING", 10)
    with caplog.at_level(logging.WARNING, "events"):
        server, _ = recorded([(f"pod-{n}", "said") for n in range(50)])
    assert len(server.written) == 10
    assert [record.getMessage() for record in caplog.records] == [
        "tester: 10 events wait to be written; more are dropped",
        "tester: 40 events were dropped",
    ]
