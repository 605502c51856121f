"""When a cluster has nothing left to do: nothing but signs of life is written any more."""

from __future__ import annotations

import asyncio

from pybernetes.apiserver.kindcache import KindCache
from pybernetes.apiserver.window import Change

from .composition import Composition
from .wait import WaitTimeout

SIGNS_OF_LIFE = ("leases", "nodes", "events")
"""Resources whose changes do not count: heartbeats, and reports of what is being done anyway."""


async def settle(parts: Composition, quiet: float, timeout: float) -> None:
    """Waits until `quiet` seconds of the loop have passed without a write that counts. Raises WaitTimeout."""
    loop = asyncio.get_running_loop()
    last = ""
    changed = asyncio.Event()
    watched: list[KindCache] = []

    def note(change: Change) -> None:
        nonlocal last
        version = change.new or change.old
        last = version.key if version is not None else ""
        changed.set()

    for resource in parts.server.services.registry:
        cache = resource.cache
        if cache is not None and resource.kind.plural not in SIGNS_OF_LIFE and note not in cache.observers:
            cache.observers.append(note)
            watched.append(cache)
    deadline = loop.time() + timeout
    try:
        while True:
            changed.clear()
            try:
                async with asyncio.timeout(quiet):
                    await changed.wait()
            except TimeoutError:
                return
            if loop.time() > deadline:
                raise WaitTimeout(f"the cluster has not settled after {timeout:g} s; written last: {last}")
    finally:
        for cache in watched:
            cache.observers.remove(note)
