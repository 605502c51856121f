"""Leases of the embedded stores: which keys each holds, and a timer of the loop that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .types import Event, KeyValue, Lease, LeaseNotFound

RETRY_SECONDS = 1.0
"""After which an expiry that could not be written is tried again."""


@dataclass(slots=True)
class _Held:
    lease: Lease
    deadline: float
    """In the loop's time."""
    keys: set[str] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None


class Leases:
    """All leases of one store. `expire` is called, from the loop, with the id of each lease whose time is over; it
    stays known until `remove`. Made inside the running loop."""

    def __init__(self, expire: Callable[[int], None]) -> None:
        self._expire = expire
        self._held: dict[int, _Held] = {}
        self._loop = asyncio.get_running_loop()

    def add(self, lease: Lease) -> None:
        """Starts a lease's time. A reopened store starts all its leases anew, as etcd does after an election."""
        held = _Held(lease, self._loop.time() + lease.ttl)
        self._held[lease.id] = held
        self._arm(held, held.deadline)

    def exists(self, lease_id: int) -> bool:
        return lease_id in self._held

    def get(self, lease_id: int) -> Lease:
        """Raises LeaseNotFound."""
        return self._find(lease_id).lease

    def all(self) -> list[Lease]:
        return [held.lease for held in self._held.values()]

    def keys(self, lease_id: int) -> list[str]:
        """The keys put with the lease, in order. Raises LeaseNotFound."""
        return sorted(self._find(lease_id).keys)

    def renew(self, lease_id: int) -> Lease:
        """Starts the time anew. The timer is left as it is: it looks at the deadline when it fires."""
        held = self._find(lease_id)
        held.deadline = self._loop.time() + held.lease.ttl
        return held.lease

    def remove(self, lease_id: int) -> None:
        held = self._held.pop(lease_id, None)
        if held is not None and held.timer is not None:
            held.timer.cancel()

    def retry(self, lease_id: int) -> None:
        """Calls `expire` again a little later, because it could not be written now."""
        held = self._held.get(lease_id)
        if held is not None:
            held.deadline = self._loop.time() + RETRY_SECONDS
            self._arm(held, held.deadline)

    def observe(self, events: Iterable[Event]) -> None:
        """Follows which keys hang on which lease."""
        for event in events:
            previous = event.previous
            if previous is not None and previous.lease and previous.lease in self._held:
                self._held[previous.lease].keys.discard(event.kv.key)
            if event.kv.lease and event.kv.lease in self._held:
                self._held[event.kv.lease].keys.add(event.kv.key)

    def attach(self, kvs: Iterable[KeyValue]) -> None:
        """Learns the keys of all leases from the present versions, forgetting what was known."""
        for held in self._held.values():
            held.keys.clear()
        for kv in kvs:
            if kv.lease and kv.lease in self._held:
                self._held[kv.lease].keys.add(kv.key)

    def close(self) -> None:
        """Stops all timers."""
        for lease_id in list(self._held):
            self.remove(lease_id)

    def _find(self, lease_id: int) -> _Held:
        held = self._held.get(lease_id)
        if held is None:
            raise LeaseNotFound(f"requested lease {lease_id:x} not found")
        return held

    def _arm(self, held: _Held, when: float) -> None:
        if held.timer is not None:
            held.timer.cancel()
        held.timer = self._loop.call_at(when, self._fire, held)

    def _fire(self, held: _Held) -> None:
        held.timer = None
        if held.deadline > self._loop.time():
            self._arm(held, held.deadline)
        else:
            self._expire(held.lease.id)
