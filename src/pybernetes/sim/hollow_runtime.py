"""The container runtime of a hollow node: CRI in memory. Containers "run" by being remembered as running.

What they do beyond that is asked of a `Behaviour`; without one they run until they are stopped. One whose run is a
program (`program.py`) is a task. Times come from the event loop's clock and `Env.now`; a stopped container ends at once
with 0 (or 137 where its grace is 0).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pybernetes.client.interface import Client
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

from .addresses import Addresses
from .behaviour import Behaviour, Launch, as_annotated
from .hollow_container import HollowContainer
from .hollow_contents import Contents, HollowSandbox
from .network import HollowNetwork
from .program import Container as World
from .script import most

Commands = Callable[[str, Sequence[str]], ExecSyncResult]
"""(container name, command) -> the result of `exec_sync`."""


def no_client(launch: Launch) -> Client:
    """A runtime without an API around it."""
    raise RuntimeError(f"{launch.image}: there is no API server here")


def no_file(path: str) -> bytes:
    raise FileNotFoundError(2, "no such file", path)


def every_command_succeeds(_container: str, _command: Sequence[str]) -> ExecSyncResult:
    """Nothing runs in a hollow container: a command succeeds without output."""
    return ExecSyncResult(b"", b"", 0)


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
        network: HollowNetwork | None = None,
        client_of: Callable[[Launch], Client] = no_client,
        file_of: Callable[[str], bytes] = no_file,
    ) -> None:
        """`delay` is what making a sandbox and starting a container each take, in seconds. Pods are attached to
        `network`; programs get their client and the files of the machine from the last two."""
        self._network = network or HollowNetwork()
        self._client_of = client_of
        self._file_of = file_of
        self._env = env
        self._commands = commands
        self._delay = delay
        self._addresses = Addresses(pod_cidr)
        self._node_ip = node_ip
        self._behaviour = behaviour
        self._contents = Contents()
        self._sandboxes, self._containers = self._contents.sandboxes, self._contents.containers
        self._listeners: list[asyncio.Queue[ContainerEvent]] = []

    async def version(self) -> Version:
        return Version("hollow", "1.0.0")

    async def status(self) -> tuple[RuntimeCondition, ...]:
        return RuntimeCondition("RuntimeReady", True), RuntimeCondition("NetworkReady", True)

    async def run_pod_sandbox(self, config: PodSandboxConfig) -> str:
        mine = self._contents.sandboxes_of(labels=config.labels)
        if any(entry.config.metadata == config.metadata for entry in mine):
            raise NameReserved(f"a sandbox {config.metadata} is there already")
        sandbox_id = self._id()
        in_host = config.security_context.namespace_options.network == "NODE"
        sandbox = PodSandbox(
            sandbox_id, config.metadata, "READY", self._env.now(), config.labels, config.annotations
        )
        ips = () if in_host else (self._addresses.take(),)
        self._contents.add_sandbox(HollowSandbox(sandbox, config, ips))
        for ip in ips:
            self._network.attach(ip, lambda: self._is_healthy(sandbox_id))
        await self._take_time()
        self._tell(sandbox_id, "STARTED", sandbox_id)
        return sandbox_id

    async def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        entry = self._sandboxes.get(pod_sandbox_id)
        if entry is None or entry.sandbox.state == "NOTREADY":
            return
        for running in self._contents.inside(pod_sandbox_id):
            self._ended(running.status.id, 137, "Error")
        for ip in entry.ips:
            self._network.detach(ip)
            self._addresses.give_back(ip)
        entry.ips = ()
        entry.sandbox = replace(entry.sandbox, state="NOTREADY")
        self._tell(pod_sandbox_id, "STOPPED", pod_sandbox_id)

    async def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        await self.stop_pod_sandbox(pod_sandbox_id)
        if self._contents.remove_sandbox(pod_sandbox_id):
            self._tell(pod_sandbox_id, "DELETED", pod_sandbox_id)

    async def list_pod_sandbox(
        self, *, id: str = "", state: SandboxState | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[PodSandbox]:
        return [
            entry.sandbox
            for entry in self._contents.sandboxes_of(id, labels)
            if state is None or entry.sandbox.state == state
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
        if any(c.config.metadata == config.metadata for c in self._contents.inside(pod_sandbox_id)):
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
        self._contents.add_container(HollowContainer(config, pod_sandbox_id, status))
        self._tell(container_id, "CREATED")
        return container_id

    async def start_container(self, container_id: str) -> None:
        running = self._get(container_id)
        await self._take_time()
        launch = Launch(running.config, self._sandboxes[running.sandbox_id].config)
        try:
            run = running.run = self._behaviour(launch).drawn(self._env.rng)
        except ValueError as error:
            raise CRIError(str(error)) from error
        if run.start:
            await asyncio.sleep(most(run.start))
            self._get(container_id)  # it may have been removed meanwhile
        if run.start_error:
            self._ended(container_id, 128, "StartError")
            raise CRIError("failed to create containerd task: this hollow container cannot be started")
        running.status = replace(running.status, state="RUNNING", started_at=self._env.now())
        if run.log:
            running.log += [(self._env.now(), line) for line in run.log.splitlines()]
        running.begin(self._world(running, launch), partial(self._ended, container_id))
        self._tell(container_id, "STARTED")

    async def stop_container(self, container_id: str, timeout: float) -> None:
        running = self._containers.get(container_id)
        if running is not None and running.status.state == "RUNNING":
            self._ended(container_id, await running.stop(timeout))

    def crash(self, container_id: str, exit_code: int = 1, reason: str = "") -> None:
        """A fault from outside: the container's process dies now."""
        self._ended(container_id, exit_code, reason)

    async def remove_container(self, container_id: str) -> None:
        if self._contents.remove_container(container_id):
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
            running.listed()
            for running in self._contents.containers_of(id, pod_sandbox_id, labels)
            if state is None or running.status.state == state
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
        if not running.answers(self._env.now()):
            return ExecSyncResult(b"", b"not ready", 1)
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
        return self._get(container_id).stats(self._env.now())

    async def list_container_stats(
        self, *, pod_sandbox_id: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[ContainerStats]:
        found = await self.list_containers(pod_sandbox_id=pod_sandbox_id, state="RUNNING", labels=labels)
        return [await self.container_stats(container.id) for container in found]

    def events(self) -> AsyncIterator[ContainerEvent]:
        queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._listeners.append(queue)
        return self._follow(queue)

    def adopt(self, other: HollowRuntime) -> None:
        """Becomes as `other` is now, for a fork of its cluster. Programs, which cannot be copied, start anew."""
        self._addresses.adopt(other._addresses)
        now = asyncio.get_running_loop().time()
        for sandbox_id, entry in other._sandboxes.items():
            self._contents.add_sandbox(replace(entry))
            for ip in entry.ips:
                self._network.attach(ip, partial(self._is_healthy, sandbox_id))
        for container_id, running in other._containers.items():
            mine = replace(running, log=[*running.log], timers=[], process=None)
            self._contents.add_container(mine)
            if running.process is not None and running.status.state == "RUNNING":
                launch = running.process.container.launch
                mine.begin(self._world(mine, launch), partial(self._ended, container_id))
            else:
                mine.resume(running, now, partial(self._ended, container_id))

    async def close(self) -> None:
        """Cancels what containers would still do."""
        for running in self._containers.values():
            running.rest()
            if running.process is not None:
                running.process.kill()
                await running.process.wait()

    def now(self) -> float:
        """The node's Unix time."""
        return self._env.now()

    def usage_of(self, container_id: str) -> tuple[float, int]:
        """The CPU (cores) and memory (bytes) that a running container uses now. Raises NotFound."""
        return self._get(container_id).usage(self.now())

    def log_of(self, container_id: str) -> list[tuple[float, str]]:
        """What a container has "printed": (time, line). Raises NotFound."""
        return self._get(container_id).log

    def is_running(self, container_id: str) -> bool:
        """Whether there is such a container and it has not ended."""
        found = self._containers.get(container_id)
        return found is not None and found.status.state == "RUNNING"

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
        running.rest()
        running.status = replace(
            running.status,
            state="EXITED",
            exit_code=exit_code,
            finished_at=self._env.now(),
            reason=reason or ("Completed" if exit_code == 0 else "Error"),
            message=running.run.message,
        )
        self._tell(container_id, "STOPPED")

    def _world(self, running: HollowContainer, launch: Launch) -> World | None:
        """What a program is given; None for a container without one."""
        if running.run.program is None:
            return None
        ips = self._sandboxes[running.sandbox_id].ips
        return World(
            launch,
            ips[0] if ips else self._node_ip,
            self._network,
            lambda line: running.log.append((self._env.now(), line)),
            lambda path: self._file_of(running.host_path(path)),
            self._client_of,
        )

    def _is_healthy(self, sandbox_id: str) -> bool | None:
        """Whether something scripted runs in a sandbox and all of it is well; None where programs alone run there."""
        found = [c for c in self._contents.inside(sandbox_id) if c.status.state == "RUNNING"]
        scripted = [c for c in found if c.process is None]
        if found and not scripted:
            return None
        now = self._env.now()
        return bool(scripted) and all(container.answers(now) for container in scripted)

    async def _take_time(self) -> None:
        if self._delay:
            await asyncio.sleep(self._delay)

    def _tell(self, container_id: str, event: ContainerEventType, sandbox_id: str = "") -> None:
        running = self._containers.get(container_id)
        if running is not None:
            sandbox_id = running.sandbox_id
        for queue in self._listeners:
            queue.put_nowait(ContainerEvent(container_id, event, self._env.now(), sandbox_id))

    def _get(self, container_id: str) -> HollowContainer:
        running = self._containers.get(container_id)
        if running is None:
            raise NotFound(f"container {container_id} not found")
        return running

    def _id(self) -> str:
        return f"{self._env.rng.getrandbits(256):064x}"
