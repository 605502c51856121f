"""kube-controller-manager as one component: the table's controllers and the garbage collector over shared caches."""

from __future__ import annotations

import asyncio

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.client.events import EventRecorder
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.control.manager import ControllerManager, enabled
from pybernetes.control.perform import Performer

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

    def __init__(self, client: Client, env: Env, settings: Settings, selection: str = "*") -> None:
        """Raises UnknownController."""
        rows = [row for row in selection.split(",") if row.strip().removeprefix("-") != GARBAGE_COLLECTOR]
        self.manager = ControllerManager(client, env, enabled(CONTROLLERS, ",".join(rows)), settings)
        self.collector: GarbageCollector | None = None
        if f"-{GARBAGE_COLLECTOR}" not in selection and ("*" in rows or GARBAGE_COLLECTOR in selection):
            recorder = EventRecorder(client, env, GARBAGE_COLLECTOR)
            performer = Performer(client, self.manager.caches, recorder)
            self.collector = GarbageCollector(
                client, self.manager.caches, performer, collected_kinds(), workers=20
            )
            self._recorder = recorder

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.manager.run(), name="controllers")
            if self.collector is not None:
                group.create_task(self._recorder.run(), name="events")
                group.create_task(self.collector.run(), name=GARBAGE_COLLECTOR)
