"""Events are forgotten after an hour: the leases of the store that do it, shared by the events of one minute."""

from __future__ import annotations

import asyncio
import math

from pybernetes.api.errors import ServiceUnavailable
from pybernetes.store.types import Store, Unavailable

SHARED_SECONDS = 60
"""How long one lease takes new events: they live that much longer at most."""


class EventLeases:
    """Gives the lease for an event written now. It goes by the loop's clock, as stores do: the time of day may jump."""

    def __init__(self, store: Store, ttl: int) -> None:
        self._store = store
        self._ttl = ttl
        self._lease = 0
        self._until = -math.inf
        self._lock = asyncio.Lock()

    async def current(self) -> int:
        """0 where events live forever. Raises ServiceUnavailable."""
        if self._ttl <= 0:
            return 0
        loop = asyncio.get_running_loop()
        if loop.time() < self._until:
            return self._lease
        async with self._lock:
            now = loop.time()
            if now >= self._until:
                try:
                    lease = await self._store.grant(self._ttl + SHARED_SECONDS)
                except Unavailable as error:
                    raise ServiceUnavailable(f"no lease for an event: {error}", retry_after=1) from error
                self._lease, self._until = lease.id, now + SHARED_SECONDS
            return self._lease
