"""A failing component comes back; stopping ends them all, last started first."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pybernetes.cluster import supervise
from pybernetes.cluster.supervise import Supervisor
from tests.virtualtime import run_virtual


def test_a_component_that_fails_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_SECONDS", (0.0,))
    starts = 0

    async def main() -> None:
        running = asyncio.Event()

        async def component() -> None:
            nonlocal starts
            starts += 1
            if starts < 3:
                raise RuntimeError("boom")
            running.set()
            await asyncio.Event().wait()

        supervisor = Supervisor()
        supervisor.start("flaky", component)
        await running.wait()
        await supervisor.stop()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert starts == 3
    assert caplog.text.count("flaky failed") == 2


def test_stop_is_in_reverse_order_and_waits_for_clean_up() -> None:
    ended: list[str] = []

    async def main() -> None:
        supervisor = Supervisor()

        def component(name: str) -> None:
            async def run() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)
                    ended.append(name)

            supervisor.start(name, run)

        component("first")
        component("second")
        await asyncio.sleep(0)
        await supervisor.stop()

    asyncio.run(main())
    assert ended == ["second", "first"]


def test_a_component_that_fails_says_why_until_it_runs_again() -> None:
    async def main() -> None:
        supervisor, attempts = Supervisor(), []

        async def component() -> None:
            attempts.append(1)
            if len(attempts) == 1:
                raise RuntimeError("no route")
            await asyncio.Event().wait()

        supervisor.start("x", component)
        await asyncio.sleep(0.1)
        assert supervisor.problem("x") == "RuntimeError: no route"
        await asyncio.sleep(1)
        assert supervisor.problem("x") == ""
        await supervisor.stop()

    run_virtual(main())
