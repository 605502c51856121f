"""A transport that asks no faster than it may: `--kube-api-qps` and `--kube-api-burst`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from pybernetes.aio.ratelimit import TokenBucket
from pybernetes.api.meta import Obj
from pybernetes.client.discovery import Path
from pybernetes.client.interface import Call, Transport, WatchEvent


def limited(transport: Transport, rate: float, burst: int) -> Transport:
    """`rate` requests per second on average, `burst` at once; 0 or less: no limit. Watches are free."""
    return _Limited(transport, TokenBucket(rate, max(1, burst))) if rate > 0 else transport


class _Limited:
    def __init__(self, inner: Transport, bucket: TokenBucket) -> None:
        self._inner = inner
        self._bucket = bucket

    async def call(self, call: Call) -> Obj:
        await self._turn()
        return await self._inner.call(call)

    async def discover(self, path: Path) -> Obj:
        await self._turn()
        return await self._inner.discover(path)

    def watch(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        return self._inner.watch(call)

    async def close(self) -> None:
        await self._inner.close()

    async def _turn(self) -> None:
        wait = self._bucket.reserve(asyncio.get_running_loop().time())
        if wait > 0:
            await asyncio.sleep(wait)
