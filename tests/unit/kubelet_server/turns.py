"""Waiting for what the event loop will do in its next turns, without a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], turns: int = 20_000) -> None:
    """Returns when the condition holds; fails after so many turns of the loop."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition never held")
