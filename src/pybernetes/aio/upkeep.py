"""Waiting for work that is repeated for its own sake: leases renewed, caches looked through, watches opened again.

On a real loop these are timers like any other. A virtual clock (`sim/virtualclock.py`) may let many rounds of the same
upkeep pass as one, when nothing else happens between them: whoever waits here promises that ten rounds in an unchanged
world leave the same behind as the last of them alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any, Literal

Rank = Literal[1, 2]
PULSE: Rank = 1
"""Signs of life that others may miss: of several rounds due at once these are the first."""
ROUND: Rank = 2
"""All other upkeep; among it those who look for signs of life."""

_RANK: ContextVar[int] = ContextVar("upkeep", default=0)


async def pause(seconds: float, rank: Rank = ROUND) -> None:
    """`asyncio.sleep` until the next round."""
    loop = asyncio.get_running_loop()
    due: asyncio.Future[None] = loop.create_future()
    handle = call_later(loop, seconds, rank, _wake, due)
    try:
        await due
    finally:
        handle.cancel()


def call_later(
    loop: asyncio.AbstractEventLoop, seconds: float, rank: Rank, callback: Callable[..., Any], *args: Any
) -> asyncio.TimerHandle:
    """`loop.call_later` for upkeep."""
    context = Context()
    context.run(_RANK.set, rank)
    return loop.call_later(seconds, callback, *args, context=context)


def rank_of(context: Context) -> int:
    """The rank of the upkeep that a callback's context stands for; 0 for anything else."""
    return context.get(_RANK, 0)


def _wake(due: asyncio.Future[None]) -> None:
    if not due.done():
        due.set_result(None)
