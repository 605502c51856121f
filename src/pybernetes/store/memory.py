"""The store of the library and of tests: nothing but the core. It ends with its process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pybernetes.clock import Env

from .embedded import EmbeddedStore
from .mvcc import Mvcc
from .types import Lease

T = TypeVar("T")


class MemoryStore(EmbeddedStore):
    """Every change is published before its call returns; a write never waits. Make it inside the running loop."""

    def __init__(self, env: Env, mvcc: Mvcc | None = None, leases: Iterable[Lease] = ()) -> None:
        super().__init__(env, mvcc, leases)

    def fork(self, env: Env) -> MemoryStore:
        """Another store with the same past. Leases start their time anew."""
        self._check_open()
        return MemoryStore(env, self._mvcc.copy(), self._leases.all())

    async def _apply(self, change: Callable[[], T]) -> T:
        self._check_open()
        answer = change()
        self._publish()
        return answer

    def _lease_changed(self, lease: Lease, granted: bool) -> None:
        """Nothing is kept beyond the core."""

    async def _release(self) -> None:
        """Nothing is held."""
