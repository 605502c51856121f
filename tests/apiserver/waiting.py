"""Waiting for what a server does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def until(check: Callable[[], T | None], attempts: int = 1000) -> T:
    """The first true result of `check`, looked at every ten milliseconds."""
    for _ in range(attempts):
        if found := check():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"not in time: {check}")
