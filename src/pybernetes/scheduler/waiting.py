"""Pods that have a node and wait at Permit until every plugin that asked for it lets them go, or one does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj, uid_of
from pybernetes.lang.durations import go_duration


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
    def __init__(self, ended: Callable[[str, float], None] = lambda _result, _seconds: None) -> None:
        """`ended` is told how each wait ended ("Success", "Unschedulable") and how many seconds it took."""
        self._pods: dict[str, WaitingPod] = {}
        self._ended = ended

    def get(self, uid: str) -> WaitingPod | None:
        return self._pods.get(uid)

    def __iter__(self) -> Iterator[WaitingPod]:
        return iter([*self._pods.values()])

    def enter(self, pod: Obj, node: str, pending: dict[str, float]) -> WaitingPod:
        """From now on the pod may be let go or refused, also before it is waited for."""
        now = asyncio.get_running_loop().time()
        waiting = WaitingPod(pod, node, {plugin: now + most for plugin, most in pending.items()})
        self._pods[uid_of(pod)] = waiting
        return waiting

    def leave(self, pod: Obj) -> None:
        """The pod that entered will not be waited for."""
        waiting = self._pods.pop(uid_of(pod), None)
        if waiting is not None and not waiting.done.cancel():
            waiting.done.exception()

    async def wait(self, pod: Obj, node: str, pending: dict[str, float]) -> None:
        """Returns when all have allowed it. `pending`: seconds that each plugin gives. Raises NotPermitted."""
        loop = asyncio.get_running_loop()
        uid = uid_of(pod)
        waiting = self._pods.get(uid) or self.enter(pod, node, pending)
        began, result = loop.time(), "Unschedulable"
        first = min(waiting.pending, key=waiting.pending.__getitem__)
        try:
            async with asyncio.timeout_at(waiting.pending[first]):
                await waiting.done
            result = "Success"
        except TimeoutError:
            raise NotPermitted(
                first,
                f"rejected due to timeout after waiting {go_duration(pending[first])} at plugin {first}",
            ) from None
        finally:
            del self._pods[uid]
            self._ended(result, loop.time() - began)
