"""The controller manager: a table of controllers over shared informers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pybernetes.client.events import EventRecorder
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env

from .caches import Caches
from .definition import AnyController, Settings
from .loop import ControllerLoop
from .perform import Performer


class UnknownController(ValueError):
    """`--controllers` names a controller that does not exist."""


def enabled(controllers: Sequence[AnyController], selection: str) -> tuple[AnyController, ...]:
    """The controllers that upstream's `--controllers` selects: `*` all, `name` that one, `-name` not that one; the
    first entry that speaks of a controller decides. Raises UnknownController."""
    entries = [entry.strip() for entry in selection.split(",") if entry.strip()]
    names = {controller.name for controller in controllers}
    for entry in entries:
        if entry != "*" and entry.removeprefix("-") not in names:
            raise UnknownController(f'"{entry.removeprefix("-")}" is not in the list of known controllers')

    def chosen(name: str) -> bool:
        if name in entries:
            return True
        return f"-{name}" not in entries and "*" in entries

    return tuple(controller for controller in controllers if chosen(controller.name))


class ControllerManager:
    """Runs controllers until cancelled."""

    def __init__(
        self,
        client: Client,
        env: Env,
        controllers: Sequence[AnyController],
        settings: Settings,
        component: str = "kube-controller-manager",
    ) -> None:
        self.informers = Informers(client, env.rng)
        self.caches = Caches(self.informers)
        self._recorders = [EventRecorder(client, env, definition.name) for definition in controllers]
        self.loops = [
            ControllerLoop(definition, self.caches, Performer(client, self.caches, recorder), env, settings)
            for definition, recorder in zip(controllers, self._recorders, strict=True)
        ]
        self.component = component

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.informers.run(), name="informers")
            for recorder in self._recorders:
                group.create_task(recorder.run(), name="events")
            for loop in self.loops:
                group.create_task(loop.run(), name=loop.definition.name)
