"""kube-controller-manager as one component: the table's controllers and the garbage collector over shared caches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.control.manager import ControllerManager, chosen

from .garbagecollector.collector import GarbageCollector
from .table import CONTROLLERS, GARBAGE_COLLECTOR


def collected_kinds() -> tuple[Kind, ...]:
    """Every stored kind, once each; Events are left out, as upstream does: they own nothing and expire."""
    found: dict[str, Kind] = {}
    for kind in kinds.KINDS:
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
    ) -> None:
        """See `ControllerManager` for the clients. Raises UnknownController."""
        names = chosen([*(row.name for row in CONTROLLERS), GARBAGE_COLLECTOR], selection)
        rows = tuple(row for row in CONTROLLERS if row.name in names)
        self.manager = ControllerManager(client, env, rows, settings, client_of)
        self.collector: GarbageCollector | None = None
        if GARBAGE_COLLECTOR in names:
            own = client_of("generic-garbage-collector")
            performer = self.manager.performer(own, env, GARBAGE_COLLECTOR)
            self.collector = GarbageCollector(
                own, self.manager.caches, performer, collected_kinds(), workers=20
            )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.manager.run(), name="controllers")
            if self.collector is not None:
                group.create_task(self.collector.run(), name=GARBAGE_COLLECTOR)
