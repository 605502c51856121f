"""Taking from quotas: what many requests want at once is decided together, in one write per quota.

A quota's `status.used` is what decides, as upstream: the API servers raise it by compare-and-swap before they store an
object, the quota controller lowers it when objects go. Where it says nothing yet, what is there is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import RESOURCEQUOTA
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.quota import amounts
from pybernetes.api.quota.amounts import Amounts
from pybernetes.api.quota.scopes import applies
from pybernetes.api.quota.usage import concerns, usage_of
from pybernetes.lang.quantity import Quantity

from ..registry import Registry
from ..storage import Removal, Storage
from ..version import Version


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a quota has no room: upstream's sentence."""

    quota: str
    requested: Amounts
    used: Amounts
    limited: Amounts

    def __str__(self) -> str:
        return (
            f"exceeded quota: {self.quota}, requested: {amounts.shown(self.requested)}, "
            f"used: {amounts.shown(self.used)}, limited: {amounts.shown(self.limited)}"
        )


@dataclass(slots=True)
class Demand:
    """What one request wants of each quota of its namespace, and what has become of it."""

    kind: Kind
    namespace: str
    wanted: Mapping[str, Amounts]
    """Quota's name -> what is wanted of it."""
    excess: Excess | ApiError | None = None
    decided: bool = False


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[Demand] = field(default_factory=list)


class Quotas:
    """The quotas of one API server. `now` gives Unix time."""

    def __init__(self, registry: Registry, storage: Storage, now: Callable[[], float]) -> None:
        self._registry = registry
        self._storage = storage
        self._now = now
        self._queues: dict[str, _Queue] = {}

    async def take(self, demand: Demand) -> Excess | ApiError | None:
        """Takes what is wanted of every quota or nothing of any; the answer says what is in the way.

        Whoever comes first writes for all that came meanwhile.
        """
        queue = self._queues.setdefault(demand.namespace, _Queue())
        queue.waiting.append(demand)
        try:
            async with queue.lock:
                if not demand.decided:
                    batch, queue.waiting = queue.waiting, []
                    try:
                        await self._decide(demand.namespace, batch)
                    finally:
                        queue.waiting = [d for d in batch if not d.decided] + queue.waiting
        finally:
            if demand in queue.waiting:
                queue.waiting.remove(demand)
            if not queue.waiting and not queue.lock.locked():
                self._queues.pop(demand.namespace, None)
        return demand.excess

    async def give_back(self, demand: Demand) -> None:
        """Undoes a `take` whose object was not stored after all."""
        for name, wanted in demand.wanted.items():
            await self._write(demand.namespace, name, _less(wanted))

    def check(self, demand: Demand) -> Excess | None:
        """Whether there is room, taking nothing: for a dry run."""
        for name, wanted in demand.wanted.items():
            version = self._registry.cache(RESOURCEQUOTA).get(demand.namespace, name)
            if version is None:
                continue
            quota = version.tree()
            if excess := excess_of(quota, self.used(quota), wanted):
                return excess
        return None

    async def _decide(self, namespace: str, batch: list[Demand]) -> None:
        """Quota after quota; what a later one refuses is given back to the earlier ones."""
        open_ = list(batch)
        taken: dict[str, list[Demand]] = {}
        names = dict.fromkeys(name for demand in batch for name in demand.wanted)
        for name in names:
            try:
                taken[name] = await self._take_of(namespace, name, open_)
            except ApiError as error:
                for demand in open_:
                    if name in demand.wanted:
                        demand.excess = error
            open_ = [demand for demand in open_ if demand.excess is None]
        for name, takers in taken.items():
            refused = [demand.wanted[name] for demand in takers if demand.excess is not None]
            if refused:
                await self._write(namespace, name, _less(amounts.total(refused)))
        for demand in batch:
            demand.decided = True

    async def _take_of(self, namespace: str, name: str, demands: Iterable[Demand]) -> list[Demand]:
        """Raises one quota's use by all demands that fit, in their order; the others' `excess` is set."""
        takers: list[Demand] = []
        asking = [demand for demand in demands if name in demand.wanted]

        def raised(quota: Obj, used: Amounts) -> Amounts:
            takers.clear()
            for demand in asking:
                demand.excess = excess_of(quota, used, demand.wanted[name])
                if demand.excess is None:
                    used = amounts.add(used, demand.wanted[name])
                    takers.append(demand)
            return used

        await self._write(namespace, name, raised)
        return takers

    async def _write(self, namespace: str, name: str, change: Callable[[Obj, Amounts], Amounts]) -> None:
        """Sets a quota's `status.used`. A quota that is gone wants nothing."""
        cache = self._registry.cache(RESOURCEQUOTA)
        if cache.get(namespace, name) is None:
            return

        def update(version: Version) -> MutableObj | Removal | None:
            quota = version.tree()
            before = self.used(quota)
            after = change(quota, before)
            if after == before:
                return None
            status = {**(quota.get("status") or {}), "used": amounts.written(after)}
            status.setdefault("hard", dict((quota.get("spec") or {}).get("hard") or {}))
            return {**quota, "status": status}

        await self._storage.update(cache, RESOURCEQUOTA, namespace, name, update)

    def used(self, quota: Obj) -> Amounts:
        """What is used of each resource that the quota limits: as its status says, else as counted now."""
        known = amounts.read((quota.get("status") or {}).get("used"))
        hard = (quota.get("spec") or {}).get("hard") or {}
        return {name: known[name] if name in known else self._count(quota, name) for name in hard}

    def _count(self, quota: Obj, resource: str) -> Quantity:
        now, found = self._now(), amounts.NOTHING
        namespace = quota["metadata"].get("namespace", "")
        for served in self._registry:
            kind = served.kind
            if (
                served.cache is None
                or not kind.namespaced
                or kind.storage_version
                or not concerns(kind, resource)
            ):
                continue
            for version in served.cache.in_namespace(namespace):
                tree = version.tree()
                if applies(quota, kind, tree):
                    found = amounts.plus(found, usage_of(kind, tree, now).get(resource, amounts.NOTHING))
        return found


def _less(amount: Amounts) -> Callable[[Obj, Amounts], Amounts]:
    return lambda _quota, used: amounts.subtract(used, amount)


def excess_of(quota: Obj, used: Amounts, wanted: Amounts) -> Excess | None:
    """What would be too much, if anything."""
    hard = amounts.read((quota.get("spec") or {}).get("hard"))
    wanted = amounts.masked(wanted, hard)
    over = [
        name
        for name, amount in wanted.items()
        if amount.nano > 0 and used.get(name, amounts.NOTHING).nano + amount.nano > hard[name].nano
    ]
    if not over:
        return None
    known = {name: used.get(name, amounts.NOTHING) for name in over}
    return Excess(quota["metadata"]["name"], amounts.masked(wanted, over), known, amounts.masked(hard, over))
