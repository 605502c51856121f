"""What a hollow node's kubelet serves: the logs its containers "printed"; streams are refused with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from pybernetes.api.errors import BadRequest, InternalError
from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.kubelet.runtime import CRIError
from pybernetes.kubelet.server.backend import PortConnection, Session, StreamingError, StreamOptions
from pybernetes.kubelet.server.crilog import LogLine, LogOptions, Selector
from pybernetes.kubelet.server.locate import bare_id
from pybernetes.lang.timestamps import rfc3339, rfc3339_nano

from .hollow_runtime import HollowRuntime

FOLLOW_SECONDS = 0.5
"""How often a followed log is looked at for new lines."""
NO_PROCESSES = "a hollow container has no processes"


class HollowStreams:
    """Implements `kubelet.server.backend.StreamingRuntime` by refusing."""

    async def exec(self, container_id: str, command: Sequence[str], options: StreamOptions) -> Session:
        raise StreamingError(NO_PROCESSES)

    async def attach(self, container_id: str, options: StreamOptions) -> Session:
        raise StreamingError(NO_PROCESSES)

    async def connect_port(self, sandbox_id: str, port: int) -> PortConnection:
        raise StreamingError("a hollow pod has no network")


class HollowBackend:
    """Implements `kubelet.server.backend.Backend` over a hollow runtime."""

    def __init__(self, runtime: HollowRuntime, pods: Callable[[], Sequence[Obj]]) -> None:
        self._runtime = runtime
        self._pods = pods
        self.streaming = HollowStreams()

    def pods(self) -> Sequence[Obj]:
        return self._pods()

    async def sandbox(self, pod: Obj) -> str:
        found = await self._runtime.list_pod_sandbox(
            state="READY", labels={"io.kubernetes.pod.uid": uid_of(pod)}
        )
        if not found:
            raise InternalError(f'failed to find sandbox for pod "{name_of(pod)}"')
        return found[-1].id

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        try:
            lines = self._runtime.log_of(container_id)
        except CRIError as error:
            raise BadRequest(f"unable to retrieve container logs for {container_id}: {error}") from error
        selector = Selector(options)
        start = 0 if options.tail_lines is None else max(0, len(lines) - options.tail_lines)

        async def sent() -> AsyncIterator[bytes]:
            told = start
            while not selector.done:
                ended = not self._runtime.is_running(container_id)
                while told < len(lines) and not selector.done:
                    at, text = lines[told]
                    told += 1
                    line = LogLine(rfc3339_nano(at), "stdout", False, text.encode())
                    if chosen := selector.select(line):
                        yield chosen
                if ended or not options.follow:
                    return
                await asyncio.sleep(FOLLOW_SECONDS)

        return sent()

    async def stats_summary(self) -> Obj:
        now = rfc3339(self._runtime.now())
        pods = []
        for pod in self.pods():
            containers = [
                {
                    "name": status["name"],
                    "cpu": {"time": now, "usageNanoCores": int(cpu * 1e9)},
                    "memory": {"time": now, "workingSetBytes": memory, "usageBytes": memory},
                }
                for status in (pod.get("status") or {}).get("containerStatuses") or ()
                if "running" in (status.get("state") or {})
                for cpu, memory in (self._runtime.usage_of(bare_id(status["containerID"])),)
            ]
            reference = {"name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)}
            pods.append({"podRef": reference, "containers": containers})
        return {"node": {}, "pods": pods}

    async def metrics(self, path: str) -> bytes:
        return b""

    def health(self) -> str:
        return ""
