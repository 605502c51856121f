"""The `Backend` of a kubelet on a CRI runtime: logs from files, streams from the runtime's endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from pybernetes.api.errors import BadRequest, InternalError
from pybernetes.api.meta import Obj
from pybernetes.kubelet.runtime import CRIError, NotFound, RuntimeService
from pybernetes.kubelet.server.backend import StreamingRuntime
from pybernetes.kubelet.server.crilog import LogOptions
from pybernetes.kubelet.server.logs import read_log

POD_UID_LABEL = "io.kubernetes.pod.uid"


async def no_metrics(_: str) -> bytes:
    """For a kubelet that counts nothing: an empty exposition is a valid one."""
    return b""


async def no_stats() -> Obj:
    """A summary without pods."""
    return {"node": {}, "pods": []}


class CriBackend:
    """`pods` gives this kubelet's pods with their status; the hooks give statistics, metrics and health."""

    def __init__(
        self,
        runtime: RuntimeService,
        streaming: StreamingRuntime,
        pods: Callable[[], Sequence[Obj]],
        *,
        stats_summary: Callable[[], Awaitable[Obj]] = no_stats,
        metrics: Callable[[str], Awaitable[bytes]] = no_metrics,
        health: Callable[[], str] = lambda: "",
    ) -> None:
        self._runtime = runtime
        self._pods = pods
        self.streaming = streaming
        self._stats_summary = stats_summary
        self._metrics = metrics
        self._health = health

    def pods(self) -> Sequence[Obj]:
        return self._pods()

    async def sandbox(self, pod: Obj) -> str:
        """Raises InternalError where the pod has no running sandbox."""
        labels = {POD_UID_LABEL: pod["metadata"]["uid"]}
        try:
            found = await self._runtime.list_pod_sandbox(state="READY", labels=labels)
        except CRIError as error:
            raise InternalError(str(error)) from error
        if not found:
            raise InternalError(f'failed to find sandbox for pod "{pod["metadata"]["name"]}"')
        return max(found, key=lambda sandbox: sandbox.created_at).id

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Raises BadRequest where there is no such container or log (any more)."""
        try:
            status = await self._runtime.container_status(container_id)
        except CRIError as error:
            raise BadRequest(f"unable to retrieve container logs for {container_id}: {error}") from error
        path = _existing(Path(status.log_path))

        async def running() -> bool:
            try:
                return (await self._runtime.container_status(container_id)).state == "RUNNING"
            except NotFound:
                return False
            except CRIError:
                return True  # not known now: the log is followed until the runtime says that it ended

        return read_log(path, options, running)

    async def stats_summary(self) -> Obj:
        return await self._stats_summary()

    async def metrics(self, path: str) -> bytes:
        return await self._metrics(path)

    def health(self) -> str:
        return self._health()


def _existing(path: Path) -> Path:
    if not path.is_file():
        missing = (
            f'failed to try resolving symlinks in path "{path}": lstat {path}: no such file or directory'
        )
        raise BadRequest(missing)
    return path
