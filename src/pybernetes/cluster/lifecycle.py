"""The life of a cluster inside a process: made, begun in the running loop, ended without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from pybernetes.api.features import known_gates
from pybernetes.client.client import ApiClient
from pybernetes.clock import Env
from pybernetes.sim.behaviour import Behaviour, Rule
from pybernetes.sim.hollow_node import NodeSpec
from pybernetes.sim.loop import EPOCH, Deadlock
from pybernetes.sim.virtualclock import VirtualClock, virtual_time
from pybernetes.store.memory import MemoryStore

from .components import owned
from .composition import Composition, Plan
from .config import ClusterConfig
from .snapshot import Image

Self = TypeVar("Self", bound="Lifecycle")

ADMIN = ("kubernetes-admin", "system:masters")


class ClusterError(RuntimeError):
    """A cluster was used in a way that has no sense; the message says what to do instead."""


class Lifecycle:
    """What `Cluster` is before anything is asked of it. `_ready` is awaited at the end of the start."""

    def __init__(
        self,
        nodes: int | Sequence[NodeSpec] = 1,
        *,
        time: Literal["real", "virtual"] = "real",
        seed: int | None = None,
        rules: Sequence[Rule] = (),
        behaviour: Behaviour | None = None,
        controllers: str = "*",
        scheduler: bool = True,
        namespace: str = "default",
        history: bool = True,
        shuffle: bool = False,
        feature_gates: Sequence[str] = (),
    ) -> None:
        if time not in ("real", "virtual"):
            raise ValueError(f'time is "real" or "virtual", not {time!r}')
        specs = [NodeSpec() for _ in range(nodes)] if isinstance(nodes, int) else [*nodes]
        self.virtual = time == "virtual"
        self._shuffle = shuffle
        self.seed = 0 if seed is None and self.virtual else seed
        self.namespace = namespace
        features = known_gates(feature_gates)
        self._plan = Plan(specs, rules, behaviour, controllers, scheduler, history, features, self.seed)
        self._image: Image | None = None
        self._origin: Lifecycle | None = None
        self._stack = contextlib.AsyncExitStack()
        self._state: Literal["new", "open", "closed"] = "new"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock: VirtualClock | None = None
        self._watched: asyncio.Task[Any] | None = None
        self.deadlock: Deadlock | None = None
        """The deadlock that has happened, if one has."""
        self.parts: Composition
        """The components themselves, for whoever has to look inside."""
        self.client: ApiClient
        """A client with all rights."""
        self.store: MemoryStore
        self.env: Env

    # ---- beginning and end

    async def __aenter__(self: Self) -> Self:
        if self._state != "new":
            raise ClusterError("a Cluster is entered once; make another one")
        self._state, self._loop = "open", asyncio.get_running_loop()
        try:
            await self._start(self._loop)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        deadlock = self.deadlock if task is self._watched else None
        await self._close()
        if (
            deadlock is not None
            and task is not None
            and kind is asyncio.CancelledError
            and task.uncancel() == 0
        ):
            raise deadlock from None

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.virtual:
            self._clock = self._enter_virtual_time(loop)
            clock = self._clock
            assert self.seed is not None
            epoch = self._epoch(clock.now)
            self.env = Env(now=lambda: epoch + clock.now, rng=random.Random(self.seed))
        else:
            real = Env.real()
            self.env = real if self.seed is None else Env(now=real.now, rng=random.Random(self.seed))
        origin = self._origin
        if origin is not None:
            if self.virtual:
                self.env.rng.setstate(origin.env.rng.getstate())
            store = origin.store.fork(self.env)
        else:
            store = MemoryStore(self.env, self._image.mvcc() if self._image else None)
        self.store = store
        self._stack.push_async_callback(store.close)
        self.parts = Composition(self._plan, store, self.env, ClusterConfig(state=Path("/")))
        self._stack.push_async_callback(self.parts.close)
        if self._clock is not None:
            self._clock.steady.append(self.parts.is_steady)
            self._stack.callback(self._clock.steady.remove, self.parts.is_steady)
        self.client = self.parts.client(*ADMIN)
        await self.parts.start(origin.parts if origin is not None else None)
        await self._ready()

    def _enter_virtual_time(self, loop: asyncio.AbstractEventLoop) -> VirtualClock:
        clock = self._stack.enter_context(virtual_time(loop))
        clock.owned = owned
        if self._shuffle:
            clock.shuffler = random.Random(self.seed)
        self.watch_over(asyncio.current_task())
        clock.on_deadlock.append(self._deadlocked)
        self._stack.callback(clock.on_deadlock.remove, self._deadlocked)
        return clock

    def _epoch(self, elapsed: float) -> float:
        """The date at which the virtual clock began."""
        if self._origin is not None:
            return self._origin.env.now() - elapsed
        return max(EPOCH, self._image.time - elapsed) if self._image is not None else EPOCH

    def watch_over(self, task: asyncio.Task[Any] | None) -> None:
        """Makes `task` the one that is cancelled at a deadlock of virtual time (at first: the one that entered). Who
        gives a task of one's own raises `deadlock` from it."""
        self._watched, self.deadlock = task, None

    def _deadlocked(self, error: Deadlock) -> bool:
        if self._watched is None or self._watched.done() or self.deadlock is not None:
            return False
        self.deadlock = error
        self._watched.cancel(str(error))
        return True

    async def _close(self) -> None:
        if self._state == "open":
            self._state = "closed"
            await self._stack.aclose()

    async def _ready(self) -> None:
        """Until the cluster can be used."""

    @property
    def clock(self) -> VirtualClock:
        """The virtual clock. Raises ClusterError in real time."""
        if self._clock is None:
            raise ClusterError('in real time there is no virtual clock: Cluster(time="virtual")')
        return self._clock

    def _check(self) -> None:
        """Raises ClusterError where the cluster cannot be used here and now."""
        if self._state != "open":
            raise ClusterError(
                "the cluster's block has ended"
                if self._state == "closed"
                else "use `async with Cluster() as c:`"
            )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ClusterError(
                "called outside its event loop; use Cluster.sync() in code without asyncio"
            ) from None
        if loop is not self._loop:
            raise ClusterError("called from another event loop than the one the cluster was made in")
