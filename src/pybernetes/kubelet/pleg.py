"""The pod lifecycle event generator: what changed in the runtime, told by pod.

Where the runtime has events they are followed, and everything is listed once in a while against lost ones. Where it
has none, everything is listed: each second while something is going on, more rarely while all is quiet.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from pybernetes.aio import upkeep

from . import labels
from .runtime import ContainerEvent, CRIError, RuntimeService

log = logging.getLogger("kubelet.pleg")

BUSY_PERIOD, QUIET_PERIOD, CHECK_PERIOD = 1.0, 3.0, 60.0
RESTART_PAUSE = 1.0

Changed = Callable[[str, str, str], None]
"""(pod uid, container id or "", sandbox id or "")."""


@dataclass(frozen=True, slots=True)
class _Known:
    uid: str
    state: str
    sandbox: bool


class PLEG:
    def __init__(self, runtime: RuntimeService, changed: Changed, busy: Callable[[], bool]) -> None:
        """`busy`: whether changes are to be expected soon."""
        self._runtime = runtime
        self._changed = changed
        self._busy = busy
        self._known: dict[str, _Known] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            events = self._runtime.events()
            try:
                await self._relist()
                if events is None:
                    await asyncio.sleep(BUSY_PERIOD if self._busy() else QUIET_PERIOD)
                else:
                    await self._follow(events)
            except CRIError as error:
                log.warning("the runtime: %s", error)
                await asyncio.sleep(RESTART_PAUSE)

    async def _follow(self, events: AsyncIterator[ContainerEvent]) -> None:
        """Until the stream breaks; lists now and then meanwhile."""
        check = asyncio.create_task(self._check(), name="pleg relist")
        try:
            async for event in events:
                await self._event(event)
        finally:
            check.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await check

    async def _check(self) -> None:
        while True:
            await upkeep.pause(CHECK_PERIOD)
            try:
                await self._relist()
            except CRIError as error:
                log.warning("listing: %s", error)

    async def _event(self, event: ContainerEvent) -> None:
        known = self._known.get(event.container_id) or self._known.get(event.pod_sandbox_id)
        if known is None:
            known = await self._look_up(event)
        if known is None:
            # Nobody's by itself: the list tells what has become of it.
            await self._relist()
            return
        if known.sandbox and event.container_id in self._known:
            self._changed(known.uid, "", event.container_id)
        else:
            self._changed(known.uid, event.container_id, event.pod_sandbox_id)
        if event.type == "DELETED":
            self._known.pop(event.container_id, None)

    async def _look_up(self, event: ContainerEvent) -> _Known | None:
        """Of something new since the last list: the sandbox, or the container where its sandbox is not told."""
        for sandbox in await self._runtime.list_pod_sandbox(id=event.pod_sandbox_id or event.container_id):
            if uid := sandbox.labels.get(labels.POD_UID):
                self._known[sandbox.id] = found = _Known(uid, sandbox.state, True)
                return found
        for container in await self._runtime.list_containers(id=event.container_id):
            if uid := container.labels.get(labels.POD_UID):
                self._known[container.id] = found = _Known(uid, container.state, False)
                return found
        return None

    async def _relist(self) -> None:
        """Lists everything and tells what differs from the list before."""
        sandboxes, containers = await asyncio.gather(
            self._runtime.list_pod_sandbox(), self._runtime.list_containers()
        )
        now: dict[str, _Known] = {}
        for sandbox in sandboxes:
            if uid := sandbox.labels.get(labels.POD_UID):
                now[sandbox.id] = _Known(uid, sandbox.state, True)
        for container in containers:
            if uid := container.labels.get(labels.POD_UID):
                now[container.id] = _Known(uid, container.state, False)
        before, self._known = self._known, now
        for id_ in {**before, **now}:
            old, new = before.get(id_), now.get(id_)
            if old != new:
                told = new or old
                assert told is not None
                self._changed(told.uid, "" if told.sandbox else id_, id_ if told.sandbox else "")
