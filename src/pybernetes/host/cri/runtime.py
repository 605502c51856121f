"""CRI's RuntimeService over a unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from math import ceil
from typing import Any

import grpc.aio
from cri_api.v1 import api_pb2 as pb
from cri_api.v1 import api_pb2_grpc as rpc

from pybernetes.kubelet.runtime import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    ContainerStats,
    ContainerStatus,
    ExecSyncResult,
    LinuxContainerResources,
    NotFound,
    PodSandbox,
    PodSandboxConfig,
    PodSandboxStatus,
    RuntimeCondition,
    SandboxState,
    Version,
)

from . import convert
from .errors import answered, finished
from .events import container_events

CALL_SECONDS = 120.0
NOTED_TRIES, NOTED_PAUSE = 100, 0.01  # seconds
MAX_MESSAGE = 16 * 1024 * 1024


def open_channel(socket: str) -> grpc.aio.Channel:
    """A channel to a runtime's unix socket."""
    return grpc.aio.insecure_channel(
        f"unix://{socket}", options=[("grpc.max_receive_message_length", MAX_MESSAGE)]
    )


class CriRuntime:
    """Implements `kubelet.runtime.RuntimeService`. The channel connects when it is first used, and again when it broke."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._rpc: Any = rpc.RuntimeServiceStub(channel)  # type: ignore[no-untyped-call]

    async def version(self) -> Version:
        reply = await answered(self._rpc.Version(pb.VersionRequest(version="v1"), timeout=CALL_SECONDS))
        return Version(reply.runtime_name, reply.runtime_version, reply.runtime_api_version)

    async def status(self) -> tuple[RuntimeCondition, ...]:
        reply = await answered(self._rpc.Status(pb.StatusRequest(), timeout=CALL_SECONDS))
        return tuple(RuntimeCondition(c.type, c.status, c.reason, c.message) for c in reply.status.conditions)

    async def run_pod_sandbox(self, config: PodSandboxConfig) -> str:
        request = pb.RunPodSandboxRequest(
            config=convert.sandbox_config(config), runtime_handler=config.runtime_handler
        )
        reply = await answered(self._rpc.RunPodSandbox(request, timeout=CALL_SECONDS))
        return str(reply.pod_sandbox_id)

    async def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        request = pb.StopPodSandboxRequest(pod_sandbox_id=pod_sandbox_id)
        await finished(self._rpc.StopPodSandbox(request, timeout=CALL_SECONDS))

    async def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=pod_sandbox_id)
        await finished(self._rpc.RemovePodSandbox(request, timeout=CALL_SECONDS))

    async def list_pod_sandbox(
        self, *, id: str = "", state: SandboxState | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[PodSandbox]:
        selection = pb.PodSandboxFilter(id=id, label_selector=dict(labels or {}))
        if state is not None:
            selection.state.state = pb.PodSandboxState.Value(f"SANDBOX_{state}")
        request = pb.ListPodSandboxRequest(filter=selection)
        reply = await answered(self._rpc.ListPodSandbox(request, timeout=CALL_SECONDS))
        return [convert.sandbox(item) for item in reply.items]

    async def pod_sandbox_status(self, pod_sandbox_id: str) -> PodSandboxStatus:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod_sandbox_id)
        reply = await answered(self._rpc.PodSandboxStatus(request, timeout=CALL_SECONDS))
        return convert.sandbox_status(reply.status)

    async def create_container(
        self, pod_sandbox_id: str, config: ContainerConfig, sandbox_config: PodSandboxConfig
    ) -> str:
        request = pb.CreateContainerRequest(
            pod_sandbox_id=pod_sandbox_id,
            config=convert.container_config(config),
            sandbox_config=convert.sandbox_config(sandbox_config),
        )
        reply = await answered(self._rpc.CreateContainer(request, timeout=CALL_SECONDS))
        return str(reply.container_id)

    async def start_container(self, container_id: str) -> None:
        request = pb.StartContainerRequest(container_id=container_id)
        await answered(self._rpc.StartContainer(request, timeout=CALL_SECONDS))

    async def stop_container(self, container_id: str, timeout: float) -> None:
        request = pb.StopContainerRequest(container_id=container_id, timeout=ceil(timeout))
        await finished(self._rpc.StopContainer(request, timeout=CALL_SECONDS + timeout))

    async def remove_container(self, container_id: str) -> None:
        request = pb.RemoveContainerRequest(container_id=container_id)
        await finished(self._rpc.RemoveContainer(request, timeout=CALL_SECONDS))

    async def list_containers(
        self,
        *,
        id: str = "",
        pod_sandbox_id: str = "",
        state: ContainerState | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Sequence[Container]:
        selection = pb.ContainerFilter(
            id=id, pod_sandbox_id=pod_sandbox_id, label_selector=dict(labels or {})
        )
        if state is not None:
            selection.state.state = pb.ContainerState.Value(f"CONTAINER_{state}")
        request = pb.ListContainersRequest(filter=selection)
        reply = await answered(self._rpc.ListContainers(request, timeout=CALL_SECONDS))
        return [convert.container(item) for item in reply.containers]

    async def container_status(self, container_id: str) -> ContainerStatus:
        request = pb.ContainerStatusRequest(container_id=container_id)
        reply = await answered(self._rpc.ContainerStatus(request, timeout=CALL_SECONDS))
        return convert.container_status(reply.status)

    async def update_container_resources(self, container_id: str, resources: LinuxContainerResources) -> None:
        request = pb.UpdateContainerResourcesRequest(
            container_id=container_id, linux=convert.resources(resources)
        )
        await answered(self._rpc.UpdateContainerResources(request, timeout=CALL_SECONDS))

    async def reopen_container_log(self, container_id: str) -> None:
        request = pb.ReopenContainerLogRequest(container_id=container_id)
        await answered(self._rpc.ReopenContainerLog(request, timeout=CALL_SECONDS))

    async def exec_sync(self, container_id: str, cmd: Sequence[str], timeout: float) -> ExecSyncResult:
        whole = max(1, int(timeout + 0.999)) if timeout else 0
        request = pb.ExecSyncRequest(container_id=container_id, cmd=cmd, timeout=whole)
        limit = timeout + 1 if timeout else None
        reply = await answered(self._rpc.ExecSync(request, timeout=limit))
        return ExecSyncResult(reply.stdout, reply.stderr, reply.exit_code)

    async def exec(
        self, container_id: str, cmd: Sequence[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str:
        request = pb.ExecRequest(
            container_id=container_id, cmd=cmd, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        reply = await answered(self._rpc.Exec(request, timeout=CALL_SECONDS))
        return str(reply.url)

    async def attach(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        request = pb.AttachRequest(
            container_id=container_id, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        reply = await answered(self._rpc.Attach(request, timeout=CALL_SECONDS))
        return str(reply.url)

    async def port_forward(self, pod_sandbox_id: str, ports: Sequence[int]) -> str:
        request = pb.PortForwardRequest(pod_sandbox_id=pod_sandbox_id, port=ports)
        reply = await answered(self._rpc.PortForward(request, timeout=CALL_SECONDS))
        return str(reply.url)

    async def container_stats(self, container_id: str) -> ContainerStats:
        request = pb.ContainerStatsRequest(container_id=container_id)
        reply = await answered(self._rpc.ContainerStats(request, timeout=CALL_SECONDS))
        return convert.stats(reply.stats)

    async def list_container_stats(
        self, *, pod_sandbox_id: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[ContainerStats]:
        selection = pb.ContainerStatsFilter(pod_sandbox_id=pod_sandbox_id, label_selector=dict(labels or {}))
        request = pb.ListContainerStatsRequest(filter=selection)
        reply = await answered(self._rpc.ListContainerStats(request, timeout=CALL_SECONDS))
        return [convert.stats(item) for item in reply.stats]

    def events(self) -> AsyncIterator[ContainerEvent]:
        """containerd's events, subscribed to when this returns. It tells of an exit before its CRI part has taken note of
        it, so an exit is passed on when the container's status shows it."""
        return self._noted(container_events(self._channel))

    async def _noted(self, events: AsyncIterator[ContainerEvent]) -> AsyncIterator[ContainerEvent]:
        async for event in events:
            if event.type == "STOPPED":
                await self._until_noted(event.container_id)
            yield event

    async def _until_noted(self, container_id: str) -> None:
        for _ in range(NOTED_TRIES):
            try:
                status = await self.container_status(container_id)
            except NotFound:
                return  # a sandbox's own process, or removed already
            if status.state != "RUNNING":
                return
            await asyncio.sleep(NOTED_PAUSE)

    async def close(self) -> None:
        """Closes the channel, which the image service may share."""
        await self._channel.close(None)
