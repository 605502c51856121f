"""The informers of one component: one per kind and selection, shared by all who ask."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from .informer import Informer
from .interface import Client


class Informers:
    """`of(kind)` gives the one informer of that kind; `run` runs them all, and those asked for later too."""

    def __init__(self, client: Client, rng: random.Random | None = None) -> None:
        self.client = client
        self._rng = rng or random.Random(0)
        self._informers: dict[tuple[str, str, str, str, bool], Informer] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[tuple[str, str, str, str, bool], asyncio.Task[None]] = {}

    def of(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        keep: Callable[[Obj], Obj] | None = None,
    ) -> Informer:
        """The informer for this selection. One with `keep` is separate from the whole objects' one."""
        selection = (f"{kind.group_resource}/{kind.version}", namespace, labels, fields, keep is not None)
        informer = self._informers.get(selection)
        if informer is None:
            informer = Informer(
                self.client, kind, namespace, labels=labels, fields=fields, rng=self._rng, keep=keep
            )
            self._informers[selection] = informer
            if self._group is not None:
                self._start(self._group, selection, informer)
        return informer

    def drop(self, kind: Kind) -> None:
        """Ends the informer of all objects of a kind."""
        selection = (f"{kind.group_resource}/{kind.version}", "", "", "", False)
        self._informers.pop(selection, None)
        if (task := self._tasks.pop(selection, None)) is not None:
            task.cancel()

    def _start(
        self, group: asyncio.TaskGroup, selection: tuple[str, str, str, str, bool], informer: Informer
    ) -> None:
        name = f"informer {informer.kind.group_resource}"
        self._tasks[selection] = group.create_task(informer.run(), name=name)

    async def run(self) -> None:
        """Runs every informer until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for selection, informer in self._informers.items():
                    self._start(group, selection, informer)
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def synced(self) -> None:
        """Waits for the first list of every informer that exists now."""
        for informer in [*self._informers.values()]:
            await informer.synced()
