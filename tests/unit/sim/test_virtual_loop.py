"""Virtual time, and the hollow runtime's scripts."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.clock import Env
from pybernetes.sim.loop import EPOCH, Deadlock, run_virtual
from pybernetes.sim.script import FOREVER, Run, run_of


def test_a_month_passes_at_once_and_the_date_with_it() -> None:
    async def main(env: Env) -> float:
        await asyncio.sleep(30 * 86400)
        return env.now()

    assert run_virtual(main) == EPOCH + 30 * 86400


def test_timers_run_in_order_of_time_then_of_making() -> None:
    async def main(_env: Env) -> list[str]:
        seen: list[str] = []

        async def after(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append(name)

        async with asyncio.TaskGroup() as group:
            for name, seconds in (("c", 2), ("a", 1), ("b", 1), ("d", 2.5)):
                group.create_task(after(name, seconds))
        return seen

    assert run_virtual(main) == ["a", "b", "c", "d"]


def test_the_same_seed_gives_the_same_world() -> None:
    async def main(env: Env) -> list[str]:
        return [env.uid(), env.name_suffix()]

    assert run_virtual(main, seed=5) == run_virtual(main, seed=5)
    assert run_virtual(main, seed=5) != run_virtual(main, seed=6)


def test_timeouts_are_on_virtual_time() -> None:
    async def main(env: Env) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await asyncio.Event().wait()
        return env.now() - EPOCH

    assert run_virtual(main) == 100


def test_a_deadlock_names_who_waits() -> None:
    async def main(_env: Env) -> None:
        waiting = asyncio.create_task(asyncio.Event().wait(), name="the one that waits")
        await waiting

    with pytest.raises(Deadlock, match="the one that waits"):
        run_virtual(main)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", FOREVER),
        ("exit=3", Run(0.0, 3)),
        ("exit=0 after=1m30s message=bye", Run(90.0, 0, message="bye")),
        ("after=5s", Run(5.0)),
        ("oom after=2s", Run(2.0, 137, "OOMKilled")),
        ("stubborn log=hi", Run(log="hi", stubborn=True)),
        ("start-error", Run(start_error=True)),
    ],
)
def test_scripts(text: str, expected: Run) -> None:
    assert run_of({"hollow.pybernetes.io/c": text}, "c") == expected
    assert run_of({"hollow.pybernetes.io/script": text}, "c") == expected
    assert run_of({"hollow.pybernetes.io/other": text}, "c") == FOREVER


def test_a_word_that_is_none() -> None:
    with pytest.raises(ValueError, match="cannot 'explode'"):
        run_of({"hollow.pybernetes.io/c": "explode"}, "c")
