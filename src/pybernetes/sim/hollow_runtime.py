"""The container runtime of a hollow node: CRI in memory. Containers "run" by being remembered as running.

What they do beyond that is asked of a `Behaviour`; without one they run until they are stopped. Times come from the
event loop's clock and `Env.now`; a stopped container ends at once with 0 (or 137 where its grace is 0).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pybernetes.clock import Env
from pybernetes.kubelet.runtime import (
    Container,
    ContainerConfig,
    ContainerEvent,
    ContainerEventType,
    ContainerState,
    ContainerStats,
    ContainerStatus,
    CRIError,
    ExecSyncResult,
    LinuxContainerResources,
    NameReserved,
    NotFound,
    PodSandbox,
    PodSandboxConfig,
    PodSandboxStatus,
    RuntimeCondition,
    SandboxState,
    Version,
)

from .script import FOREVER, Run, run_of

Behaviour = Callable[[ContainerConfig, Mapping[str, str]], Run]
"""(configuration, annotations of the pod) -> what the container does. May raise ValueError."""

Commands = Callable[[str, Sequence[str]], ExecSyncResult]
"""(container name, command) -> the result of `exec_sync`."""


def as_annotated(config: ContainerConfig, annotations: Mapping[str, str]) -> Run:
    """The default behaviour: as the pod's annotations say (`script.py`), else for ever."""
    return run_of(annotations, config.metadata.name)


def every_command_succeeds(_container: str, _command: Sequence[str]) -> ExecSyncResult:
    """Nothing runs in a hollow container: a command succeeds without output."""
    return ExecSyncResult(b"", b"", 0)


@dataclass(slots=True)
class _Sandbox:
    sandbox: PodSandbox
    config: PodSandboxConfig
    ips: tuple[str, ...]


@dataclass(slots=True)
class _Running:
    config: ContainerConfig
    sandbox_id: str
    status: ContainerStatus
    log: list[tuple[float, str]] = field(default_factory=list)
    run: Run = FOREVER
    end: asyncio.TimerHandle | None = None


class Addresses:
    """Addresses of a pod range, handed out in turn and not again before all others."""

    def __init__(self, pod_cidr: str) -> None:
        network = ipaddress.ip_network(pod_cidr)
        self._first = int(network.network_address) + 2  # .1 is the gateway
        self._count = network.num_addresses - 3
        self._next = 0
        self._used: set[int] = set()

    def take(self) -> str:
        """A free address. Raises CRIError where there is none."""
        for _ in range(self._count):
            number = self._first + self._next
            self._next = (self._next + 1) % self._count
            if number not in self._used:
                self._used.add(number)
                return str(ipaddress.ip_address(number))
        raise CRIError("no IP addresses available in range set")

    def give_back(self, ip: str) -> None:
        self._used.discard(int(ipaddress.ip_address(ip)))


class HollowRuntime:
    """Implements `kubelet.runtime.RuntimeService` in memory. `node_ip` is the address of pods in the host's network."""

    def __init__(
        self,
        env: Env,
        pod_cidr: str,
        node_ip: str,
        behaviour: Behaviour = as_annotated,
        *,
        commands: Commands = every_command_succeeds,
        delay: float = 0.0,
    ) -> None:
        """`delay` is what making a sandbox and starting a container each take, in seconds."""
        self._env = env
        self._commands = commands
        self._delay = delay
        self._addresses = Addresses(pod_cidr)
        self._node_ip = node_ip
        self._behaviour = behaviour
        self._sandboxes: dict[str, _Sandbox] = {}
        self._containers: dict[str, _Running] = {}
        self._listeners: list[asyncio.Queue[ContainerEvent]] = []

    async def version(self) -> Version:
        return Version("hollow", "1.0.0")

    async def status(self) -> tuple[RuntimeCondition, ...]:
        return RuntimeCondition("RuntimeReady", True), RuntimeCondition("NetworkReady", True)

    async def run_pod_sandbox(self, config: PodSandboxConfig) -> str:
        if any(entry.config.metadata == config.metadata for entry in self._sandboxes.values()):
            raise NameReserved(f"a sandbox {config.metadata} is there already")
        sandbox_id = self._id()
        in_host = config.security_context.namespace_options.network == "NODE"
        sandbox = PodSandbox(
            sandbox_id, config.metadata, "READY", self._env.now(), config.labels, config.annotations
        )
        ips = () if in_host else (self._addresses.take(),)
        self._sandboxes[sandbox_id] = _Sandbox(sandbox, config, ips)
        await self._take_time()
        self._tell(sandbox_id, "STARTED", sandbox_id)
        return sandbox_id

    async def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        entry = self._sandboxes.get(pod_sandbox_id)
        if entry is None or entry.sandbox.state == "NOTREADY":
            return
        for container_id, running in [*self._containers.items()]:
            if running.sandbox_id == pod_sandbox_id:
                self._ended(container_id, 137, "Error")
        for ip in entry.ips:
            self._addresses.give_back(ip)
        entry.ips = ()
        entry.sandbox = replace(entry.sandbox, state="NOTREADY")
        self._tell(pod_sandbox_id, "STOPPED", pod_sandbox_id)

    async def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        await self.stop_pod_sandbox(pod_sandbox_id)
        for container_id in [i for i, c in self._containers.items() if c.sandbox_id == pod_sandbox_id]:
            del self._containers[container_id]
        if self._sandboxes.pop(pod_sandbox_id, None) is not None:
            self._tell(pod_sandbox_id, "DELETED", pod_sandbox_id)

    async def list_pod_sandbox(
        self, *, id: str = "", state: SandboxState | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[PodSandbox]:
        return [
            entry.sandbox
            for entry in self._sandboxes.values()
            if (not id or entry.sandbox.id == id)
            and (state is None or entry.sandbox.state == state)
            and _has(entry.sandbox.labels, labels)
        ]

    async def pod_sandbox_status(self, pod_sandbox_id: str) -> PodSandboxStatus:
        entry = self._sandboxes.get(pod_sandbox_id)
        if entry is None:
            raise NotFound(f"sandbox {pod_sandbox_id} not found")
        sandbox = entry.sandbox
        return PodSandboxStatus(
            sandbox.id,
            sandbox.metadata,
            sandbox.state,
            sandbox.created_at,
            entry.ips,
            sandbox.labels,
            sandbox.annotations,
            entry.config.security_context.namespace_options,
        )

    async def create_container(
        self, pod_sandbox_id: str, config: ContainerConfig, sandbox_config: PodSandboxConfig
    ) -> str:
        if pod_sandbox_id not in self._sandboxes:
            raise NotFound(f"sandbox {pod_sandbox_id} not found")
        if any(
            c.sandbox_id == pod_sandbox_id and c.config.metadata == config.metadata
            for c in self._containers.values()
        ):
            raise NameReserved(f"a container {config.metadata} is there already")
        container_id = self._id()
        status = ContainerStatus(
            container_id,
            config.metadata,
            "CREATED",
            self._env.now(),
            image=config.user_specified_image or config.image,
            image_ref=config.image,
            image_id=config.image,
            labels=config.labels,
            annotations=config.annotations,
            mounts=config.mounts,
            log_path=f"{sandbox_config.log_directory}/{config.log_path}",
            resources=config.resources,
        )
        self._containers[container_id] = _Running(config, pod_sandbox_id, status)
        self._tell(container_id, "CREATED")
        return container_id

    async def start_container(self, container_id: str) -> None:
        running = self._get(container_id)
        await self._take_time()
        annotations = self._sandboxes[running.sandbox_id].config.annotations
        try:
            run = running.run = self._behaviour(running.config, annotations)
        except ValueError as error:
            raise CRIError(str(error)) from error
        if run.start_error:
            self._ended(container_id, 128, "StartError")
            raise CRIError("failed to create containerd task: this hollow container cannot be started")
        running.status = replace(running.status, state="RUNNING", started_at=self._env.now())
        if run.log:
            running.log += [(self._env.now(), line) for line in run.log.splitlines()]
        if run.seconds is not None:
            loop = asyncio.get_running_loop()
            running.end = loop.call_later(run.seconds, self._ended, container_id, run.exit_code, run.reason)
        self._tell(container_id, "STARTED")

    async def stop_container(self, container_id: str, timeout: float) -> None:
        running = self._containers.get(container_id)
        if running is None or running.status.state != "RUNNING":
            return
        if running.run.stubborn:
            await asyncio.sleep(timeout)
        killed = running.run.stubborn or timeout <= 0
        self._ended(container_id, 137 if killed else 0)

    def crash(self, container_id: str, exit_code: int = 1, reason: str = "") -> None:
        """A fault from outside: the container's process dies now."""
        self._ended(container_id, exit_code, reason)

    async def remove_container(self, container_id: str) -> None:
        if self._containers.pop(container_id, None) is not None:
            self._tell(container_id, "DELETED")

    async def list_containers(
        self,
        *,
        id: str = "",
        pod_sandbox_id: str = "",
        state: ContainerState | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Sequence[Container]:
        return [
            _listed(running)
            for running in self._containers.values()
            if (not id or running.status.id == id)
            and (not pod_sandbox_id or running.sandbox_id == pod_sandbox_id)
            and (state is None or running.status.state == state)
            and _has(running.status.labels, labels)
        ]

    async def container_status(self, container_id: str) -> ContainerStatus:
        return self._get(container_id).status

    async def update_container_resources(self, container_id: str, resources: LinuxContainerResources) -> None:
        running = self._get(container_id)
        running.status = replace(running.status, resources=resources)

    async def reopen_container_log(self, container_id: str) -> None:
        self._get(container_id)

    async def exec_sync(self, container_id: str, cmd: Sequence[str], timeout: float) -> ExecSyncResult:
        running = self._get(container_id)
        if running.status.state != "RUNNING":
            raise CRIError(f"container {container_id} is not running")
        return self._commands(running.config.metadata.name, cmd)

    async def exec(
        self, container_id: str, cmd: Sequence[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str:
        raise CRIError("a hollow container has no processes to stream")

    async def attach(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        raise CRIError("a hollow container has no processes to stream")

    async def port_forward(self, pod_sandbox_id: str, ports: Sequence[int]) -> str:
        raise CRIError("a hollow pod has no network to forward to")

    async def container_stats(self, container_id: str) -> ContainerStats:
        running = self._get(container_id)
        return ContainerStats(
            container_id, running.config.metadata, self._env.now(), labels=running.status.labels
        )

    async def list_container_stats(
        self, *, pod_sandbox_id: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[ContainerStats]:
        found = await self.list_containers(pod_sandbox_id=pod_sandbox_id, state="RUNNING", labels=labels)
        return [await self.container_stats(container.id) for container in found]

    def events(self) -> AsyncIterator[ContainerEvent]:
        queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._listeners.append(queue)
        return self._follow(queue)

    async def close(self) -> None:
        """Cancels what containers would still do."""
        for running in self._containers.values():
            if running.end is not None:
                running.end.cancel()

    def log_of(self, container_id: str) -> list[tuple[float, str]]:
        """What a container has "printed": (time, line). Raises NotFound."""
        return self._get(container_id).log

    async def _follow(self, queue: asyncio.Queue[ContainerEvent]) -> AsyncIterator[ContainerEvent]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    def _ended(self, container_id: str, exit_code: int, reason: str = "") -> None:
        running = self._containers.get(container_id)
        if running is None or running.status.state == "EXITED":
            return
        if running.end is not None:
            running.end.cancel()
        running.status = replace(
            running.status,
            state="EXITED",
            exit_code=exit_code,
            finished_at=self._env.now(),
            reason=reason or ("Completed" if exit_code == 0 else "Error"),
            message=running.run.message,
        )
        self._tell(container_id, "STOPPED")

    async def _take_time(self) -> None:
        if self._delay:
            await asyncio.sleep(self._delay)

    def _tell(self, container_id: str, event: ContainerEventType, sandbox_id: str = "") -> None:
        running = self._containers.get(container_id)
        if running is not None:
            sandbox_id = running.sandbox_id
        for queue in self._listeners:
            queue.put_nowait(ContainerEvent(container_id, event, self._env.now(), sandbox_id))

    def _get(self, container_id: str) -> _Running:
        running = self._containers.get(container_id)
        if running is None:
            raise NotFound(f"container {container_id} not found")
        return running

    def _id(self) -> str:
        return f"{self._env.rng.getrandbits(256):064x}"


def _has(labels: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    return not wanted or wanted.items() <= labels.items()


def _listed(running: _Running) -> Container:
    status = running.status
    return Container(
        status.id,
        running.sandbox_id,
        status.metadata,
        status.state,
        status.created_at,
        status.image,
        status.image_ref,
        status.image_id,
        status.labels,
        status.annotations,
    )
