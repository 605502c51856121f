"""A cluster for code without asyncio: its event loop runs in a thread of its own, its methods block.

It may be used from any thread: blocking clients (the official `kubernetes` package, kubectl) run in the caller's, over
`serve()`. In virtual time the clock stands still while nobody waits for the cluster.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pybernetes.api.meta import Obj
from pybernetes.sim.hollow_node import NodeSpec
from pybernetes.sim.loop import Deadlock

from .applying import Manifest
from .library import Cluster, ClusterError
from .serving import Served
from .story import Story
from .wait import Condition

T = TypeVar("T")


class SyncCluster:
    """`with Cluster.sync(nodes=3) as c:`; the options are those of `Cluster`."""

    def __init__(self, nodes: int | Sequence[NodeSpec] = 1, **options: Any) -> None:
        self._cluster = Cluster(nodes, **options)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._end: asyncio.Event

    # ---- beginning and end

    def __enter__(self) -> SyncCluster:
        if self._thread is not None:
            raise ClusterError("a cluster is entered once; make another one")
        self._thread = threading.Thread(target=self._serve, name="pybernetes cluster", daemon=True)
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop()

    def _serve(self) -> None:
        try:
            Cluster.run(self._main())
        except BaseException as error:  # told to whoever entered, or who waits for an answer
            if not self._ready.done():
                self._ready.set_exception(error)
            elif not isinstance(error, Deadlock):
                raise

    async def _main(self) -> None:
        self._end, self._loop = asyncio.Event(), asyncio.get_running_loop()
        async with self._cluster as cluster:
            cluster.watch_over(None)
            holding = cluster.clock.hold() if cluster.virtual else contextlib.nullcontext()
            with holding:
                self._ready.set_result(None)
                await self._end.wait()

    def _stop(self) -> None:
        thread, loop = self._thread, self._loop
        if thread is not None and thread.is_alive() and loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(self._end.set)
        if thread is not None:
            thread.join()

    # ---- calls

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the cluster's loop and gives its result: the way to everything that has no method here.
        Raises ClusterError outside of the block, or from the loop's own thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
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

    @property
    def cluster(self) -> Cluster:
        """The cluster itself, to be used inside of its loop (`run`)."""
        return self._cluster

    @property
    def client(self) -> Blocking:
        """`Cluster.client` with blocking methods."""
        return Blocking(self._cluster.client, self.run)

    def client_as(self, user: str, *groups: str) -> Blocking:
        return Blocking(self.run(_called(self._cluster.client_as, user, *groups)), self.run)

    # ---- the same as Cluster's

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
        return self.run(_called(self._cluster.resolve, name, record, namespace=namespace))

    def wait(self, what: str | Obj, condition: Condition = "Ready", **options: Any) -> Obj:
        return self.run(self._cluster.wait(what, condition, **options))

    def settle(self, *, quiet: float | None = None, timeout: float = 600.0) -> None:
        self.run(self._cluster.settle(quiet=quiet, timeout=timeout))

    def advance(self, duration: float | str | datetime.timedelta) -> None:
        self.run(self._cluster.advance(duration))

    def story(self, what: str | Obj, *, namespace: str = "") -> Story:
        return self.run(self._cluster.story(what, namespace=namespace))

    def why(self, what: str | Obj, *, namespace: str = "") -> str:
        return self.run(self._cluster.why(what, namespace=namespace))

    def snapshot(self, path: str | Path) -> None:
        self.run(self._cluster.snapshot(path))

    def serve(self, *, port: int = 0) -> Served:
        return self.run(self._cluster.serve(port=port))

    @property
    def now(self) -> datetime.datetime:
        return self._cluster.now


class Blocking:
    """An object whose coroutine methods block: each is run in the cluster's loop."""

    def __init__(self, of: Any, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._of, self._run = of, run

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if not inspect.iscoroutinefunction(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            return self._run(found(*arguments, **options))

        return call


async def _called(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    return function(*arguments, **options)
