"""Requests that take too long are ended; others, and those whose task is cancelled for another reason, are not."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.apiserver.deadlines import Deadlines


async def answered(deadlines: Deadlines, seconds: float) -> str:
    turn = deadlines.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not deadlines.ran_out(turn):
            raise
        return "too late"
    finally:
        deadlines.end(turn)
    return "answered"


def test_only_what_takes_too_long_is_ended() -> None:
    async def main() -> None:
        deadlines = Deadlines(0.05)
        quick = [await answered(deadlines, 0) for _ in range(3)]
        assert quick == ["answered"] * 3
        times = (1.0, 0.001, 1.0, 0.03)
        found = await asyncio.gather(*(answered(deadlines, seconds) for seconds in times))
        assert found == ["too late", "answered", "too late", "answered"]
        assert await answered(deadlines, 1.0) == "too late"  # the timer starts anew
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
        deadlines.close()

    asyncio.run(main())


def test_a_cancellation_from_outside_stays_one() -> None:
    async def main() -> None:
        deadlines = Deadlines(30)
        task = asyncio.create_task(answered(deadlines, 10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        deadlines.close()

    asyncio.run(main())
