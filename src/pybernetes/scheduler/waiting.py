"""Pods that have a node and wait at Permit until every plugin that asked for it lets them go, or one does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj, uid_of


class NotPermitted(Exception):
    """A Permit plugin refused the pod, or its time was over. `plugin` names it."""

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(message)
        self.plugin = plugin


@dataclass(eq=False)
class WaitingPod:
    """One pod at Permit. `pending`: the plugins that have not let it go yet, with the loop's time when they give up."""

    pod: Obj
    node: str
    pending: dict[str, float]
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def allow(self, plugin: str) -> None:
        """One plugin agrees; the pod goes on when all do."""
        self.pending.pop(plugin, None)
        if not self.pending and not self.done.done():
            self.done.set_result(None)

    def reject(self, plugin: str, message: str) -> None:
        """One plugin refuses: the pod goes back to the queue."""
        if not self.done.done():
            self.done.set_exception(NotPermitted(plugin, message))


class WaitingPods:
    def __init__(self) -> None:
        self._pods: dict[str, WaitingPod] = {}

    def get(self, uid: str) -> WaitingPod | None:
        return self._pods.get(uid)

    def __iter__(self) -> Iterator[WaitingPod]:
        return iter([*self._pods.values()])

    async def wait(self, pod: Obj, node: str, pending: dict[str, float]) -> None:
        """Returns when all have allowed it. `pending`: seconds that each plugin gives. Raises NotPermitted."""
        loop = asyncio.get_running_loop()
        waiting = WaitingPod(pod, node, {plugin: loop.time() + most for plugin, most in pending.items()})
        uid = uid_of(pod)
        self._pods[uid] = waiting
        first = min(waiting.pending, key=waiting.pending.__getitem__)
        try:
            async with asyncio.timeout_at(waiting.pending[first]):
                await waiting.done
        except TimeoutError:
            raise NotPermitted(
                first, f"rejected due to timeout after waiting {pending[first]:g}s at plugin {first}"
            ) from None
        finally:
            del self._pods[uid]
