"""kube-controller-manager as one component: the table's controllers and the garbage collector over shared caches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from pybernetes.api import kinds
from pybernetes.api.features import gated_kinds
from pybernetes.api.kind import Kind
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.control.manager import ControllerManager
from pybernetes.control.queuemetrics import QueueGauge

from .garbagecollector.collector import GarbageCollector
from .selection import chosen
from .table import CONTROLLERS, GARBAGE_COLLECTOR


def collected_kinds(features: frozenset[str] = frozenset()) -> tuple[Kind, ...]:
    """Every stored kind, once each; Events are left out, as upstream does: they own nothing and expire."""
    found: dict[str, Kind] = {}
    for kind in (*kinds.KINDS, *gated_kinds(features)):
        if "list" in kind.verbs and "watch" in kind.verbs and kind.kind != "Event":
            found.setdefault(kind.storage_prefix or kind.group_resource, kind)
    return tuple(found.values())


class KubeControllerManager:
    """Runs until cancelled. `selection` is upstream's `--controllers`."""

    def __init__(
        self,
        client: Client,
        env: Env,
        settings: Settings,
        client_of: Callable[[str], Client],
        selection: str = "*",
        workers: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """See `ControllerManager` for the clients; `workers` says how many objects a controller works on at once,
        where that is not the table's number. Raises UnknownController."""
        names = chosen([*(row.name for row in CONTROLLERS), GARBAGE_COLLECTOR], selection)
        self.names = names
        """The controllers that run."""
        rows = tuple(
            replace(row, workers=workers.get(row.name, row.workers))
            for row in CONTROLLERS
            if row.name in names
        )
        self.manager = ControllerManager(client, env, rows, settings, client_of)
        self.collector: GarbageCollector | None = None
        if GARBAGE_COLLECTOR in names:
            own = client_of("generic-garbage-collector")
            performer = self.manager.performer(own, env, GARBAGE_COLLECTOR)
            self.collector = GarbageCollector(
                own,
                self.manager.caches,
                performer,
                collected_kinds(settings.features),
                workers=workers.get(GARBAGE_COLLECTOR, 20),
            )

    def measure(self, now: Callable[[], float]) -> dict[str, QueueGauge]:
        """Begins to measure every queue, by its controller's name; `now` is in seconds of any steady clock."""
        gauges: dict[str, QueueGauge] = {}
        for loop in self.manager.loops:
            name, number = loop.definition.name, 2
            while name in gauges:
                name, number = f"{loop.definition.name}-{number}", number + 1
            gauges[name] = QueueGauge(loop.queue, now)
        return gauges

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.manager.run(), name="controllers")
            if self.collector is not None:
                group.create_task(self.collector.run(), name=GARBAGE_COLLECTOR)
