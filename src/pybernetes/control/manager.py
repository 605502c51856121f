"""The controller manager: a table of controllers over shared informers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pybernetes.client.events import EventRecorder
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env

from .caches import Caches
from .definition import AnyController, Settings
from .loop import ControllerLoop
from .perform import Performer


class ControllerManager:
    """Runs controllers until cancelled. Each writes as its own service account; all read through one set of caches."""

    def __init__(
        self,
        client: Client,
        env: Env,
        controllers: Sequence[AnyController],
        settings: Settings,
        client_of: Callable[[str], Client],
    ) -> None:
        """`client` fills the caches; `client_of` gives the client of a service account of kube-system."""
        self.informers = Informers(client, env.rng)
        self.caches = Caches(self.informers)
        self._recorders: list[EventRecorder] = []
        self.loops: list[ControllerLoop] = []
        for definition in controllers:
            own = client_of(definition.account) if definition.account else client
            performer = self.performer(own, env, definition.source or definition.name)
            self.loops.append(ControllerLoop(definition, self.caches, performer, env, settings))

    def performer(self, client: Client, env: Env, name: str) -> Performer:
        """The writing end of a controller; its events are written while the manager runs."""
        recorder = EventRecorder(client, env, name)
        self._recorders.append(recorder)
        return Performer(client, self.caches, recorder)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.informers.run(), name="informers")
            for recorder in self._recorders:
                group.create_task(recorder.run(), name="events")
            for loop in self.loops:
                group.create_task(loop.run(), name=loop.definition.name)
