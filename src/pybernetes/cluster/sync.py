"""A cluster for code without asyncio: its event loop runs in a thread of its own, its methods block.

It may be used from any thread: blocking clients (the official `kubernetes` package, kubectl) run in the caller's, over
`serve()`. In virtual time the clock stands still while nobody waits for the cluster. What a method does is told at the
one of the same name of `Cluster`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.sim.hollow_node import NodeSpec
from pybernetes.sim.loop import Deadlock
from pybernetes.wire.http.messages import Reply

from .applying import Manifest
from .facade import Blocking, BlockingFaults, called
from .library import Cluster, ClusterError
from .serving import Served
from .story import Story
from .wait import Condition

if TYPE_CHECKING:
    from pybernetes.scheduler.configuration.types import Configuration
    from pybernetes.scheduler.framework import Plugin

T = TypeVar("T")


class SyncCluster:
    """`with Cluster.sync(nodes=3) as c:`; the options are those of `Cluster`."""

    def __init__(self, nodes: int | Sequence[NodeSpec] = 1, **options: Any) -> None:
        self._set_up(Cluster(nodes, **options), None)

    def _set_up(self, cluster: Cluster, parent: SyncCluster | None) -> SyncCluster:
        """A fork lives in its parent's loop."""
        self._cluster, self._parent = cluster, parent
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._living: concurrent.futures.Future[None] | None = None
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._open = self._stopped = False
        self._end: asyncio.Event
        return self

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> SyncCluster:
        return cls.__new__(cls)._set_up(Cluster.load(path, **options), None)

    # ---- beginning and end

    def __enter__(self) -> SyncCluster:
        if self._thread is not None:
            raise ClusterError("a cluster is entered once; make another one")
        if self._parent is None:
            self._thread = threading.Thread(target=self._serve, name="pybernetes cluster", daemon=True)
            self._thread.start()
        else:
            self._thread, loop = self._parent._thread, self._parent._loop
            if loop is None or not self._parent._open:
                raise ClusterError("the block of the cluster that this is a fork of has ended")
            self._living = asyncio.run_coroutine_threadsafe(self._live(), loop)
        try:
            self._ready.result()
        except BaseException:
            self._stop()
            raise
        self._open = True
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._open = False
        self._stop()

    def _serve(self) -> None:
        try:
            Cluster.run(self._live())
        except BaseException as error:  # told to whoever waits for an answer
            if not self._ready.done():
                self._ready.set_exception(error)
            elif not isinstance(error, Deadlock) and self._ready.exception() is not error:
                raise

    async def _live(self) -> None:
        """The cluster's whole life, in one task."""
        self._end, self._loop = asyncio.Event(), asyncio.get_running_loop()
        if self._stopped:  # interrupted before there was a loop to tell
            self._end.set()
        try:
            async with self._cluster as cluster:
                cluster.watch_over(None)
                holds = cluster.virtual and self._parent is None
                with cluster.clock.hold() if holds else contextlib.nullcontext():
                    self._ready.set_result(None)
                    await self._end.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise

    def _stop(self) -> None:
        """Ends the loop, or in a fork its task; also where the wait for it is interrupted."""
        self._stopped = True
        thread, loop = self._thread, self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(self._end.set)
        if thread is not None and self._parent is None:
            thread.join()
        elif self._living is not None:
            with contextlib.suppress(concurrent.futures.CancelledError, Deadlock):
                self._living.result()

    # ---- calls

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the cluster's loop and gives its result: the way to everything that has no method here.
        Raises ClusterError outside of the block, or from the loop's own thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive() or not self._open:
            work.close()
            raise ClusterError("the cluster's block has ended, or has not begun")
        if thread is threading.current_thread():
            work.close()
            raise ClusterError("a blocking call inside of the cluster's own event loop")
        future = asyncio.run_coroutine_threadsafe(self._released(work), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _released(self, work: Coroutine[Any, Any, T]) -> T:
        cluster = self._cluster
        if not cluster.virtual:
            return await work
        cluster.watch_over(asyncio.current_task())
        with cluster.clock.released():
            try:
                return await work
            except asyncio.CancelledError:
                if cluster.deadlock is not None:
                    raise cluster.deadlock from None
                raise
            finally:
                cluster.watch_over(None)

    def _called(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """A function of the cluster that does not wait, called in its loop."""
        return self.run(called(function, *arguments, **options))

    @property
    def cluster(self) -> Cluster:
        """The cluster itself, to be used inside of its loop (`run`)."""
        return self._cluster

    @property
    def client(self) -> Blocking:
        """`Cluster.client` with blocking methods."""
        return Blocking(self._cluster.client, self.run)

    @property
    def faults(self) -> BlockingFaults:
        """`Cluster.faults` with blocking methods."""
        return BlockingFaults(self._cluster.faults, self.run)

    # ---- the same as Cluster's

    @property
    def virtual(self) -> bool:
        return self._cluster.virtual

    @property
    def seed(self) -> int | None:
        return self._cluster.seed

    @property
    def namespace(self) -> str:
        return self._cluster.namespace

    @property
    def deadlock(self) -> Deadlock | None:
        return self._cluster.deadlock

    @property
    def now(self) -> datetime.datetime:
        return self._cluster.now

    def kinds(self) -> tuple[Kind, ...]:
        return self._called(self._cluster.kinds)

    def kind(self, word: str) -> Kind:
        return self._called(self._cluster.kind, word)

    def client_as(self, user: str, *groups: str) -> Blocking:
        return Blocking(self._called(self._cluster.client_as, user, *groups), self.run)

    def apply(self, what: Manifest, *, namespace: str = "") -> Any:
        return self.run(self._cluster.apply(what, namespace=namespace))

    def get(self, what: str | Obj, *, namespace: str = "") -> Obj:
        return self.run(self._cluster.get(what, namespace=namespace))

    def list(
        self, what: str, *, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        return self.run(self._cluster.list(what, namespace=namespace, labels=labels, fields=fields))

    def patch(self, what: str | Obj, patch: Mapping[str, Any], *, namespace: str = "") -> Obj:
        return self.run(self._cluster.patch(what, patch, namespace=namespace))

    def scale(self, what: str | Obj, replicas: int, *, namespace: str = "") -> Obj:
        return self.run(self._cluster.scale(what, replicas, namespace=namespace))

    def delete(
        self, what: str | Obj, *, namespace: str = "", wait: bool = True, timeout: float = 60.0
    ) -> None:
        self.run(self._cluster.delete(what, namespace=namespace, wait=wait, timeout=timeout))

    def logs(self, pod: str, *, namespace: str = "", container: str = "") -> str:
        return self.run(self._cluster.logs(pod, namespace=namespace, container=container))

    def resolve(self, name: str, record: str = "A", *, namespace: str = "") -> Sequence[str]:
        return self._called(self._cluster.resolve, name, record, namespace=namespace)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        namespace: str = "",
    ) -> Reply:
        return self.run(self._cluster.request(method, url, headers=headers, body=body, namespace=namespace))

    def at(self, when: int | datetime.datetime) -> Blocking:
        return Blocking(self._called(self._cluster.at, when), self.run)

    def fork(self, *, seed: int | None = None) -> SyncCluster:
        other = self._called(self._cluster.fork, seed=seed)
        return SyncCluster.__new__(SyncCluster)._set_up(other, self)

    def snapshot(self, path: str | Path) -> None:
        self.run(self._cluster.snapshot(path))

    def story(self, what: str | Obj, *, namespace: str = "") -> Story:
        return self.run(self._cluster.story(what, namespace=namespace))

    def why(self, what: str | Obj, *, namespace: str = "") -> str:
        return self.run(self._cluster.why(what, namespace=namespace))

    def scheduler_plugins(
        self, *plugins: Plugin, configuration: str | Path | Configuration | None = None
    ) -> None:
        self._called(self._cluster.scheduler_plugins, *plugins, configuration=configuration)

    def wait(
        self,
        what: str | Obj,
        condition: Condition = "Ready",
        *,
        namespace: str = "",
        timeout: float = 30.0,
        labels: str = "",
        count: int = 0,
    ) -> Obj:
        return self.run(
            self._cluster.wait(
                what, condition, namespace=namespace, timeout=timeout, labels=labels, count=count
            )
        )

    def settle(self, *, quiet: float | None = None, timeout: float = 600.0) -> None:
        self.run(self._cluster.settle(quiet=quiet, timeout=timeout))

    def advance(self, duration: float | str | datetime.timedelta) -> None:
        self.run(self._cluster.advance(duration))

    def serve(self, *, port: int = 0) -> Served:
        return self.run(self._cluster.serve(port=port))
