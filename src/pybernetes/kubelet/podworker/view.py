"""The runtime's sandboxes and containers of one pod, as last read. Events say what to read again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeVar

from pybernetes.kubelet import labels
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers import termination_log
from pybernetes.kubelet.host import Host
from pybernetes.kubelet.runtime import ContainerStatus, NotFound, PodSandboxStatus, RuntimeService

from .seen import Incarnation

Read = TypeVar("Read", PodSandboxStatus, Incarnation)

MOST_MESSAGE = 4096  # bytes of a termination message
MOST_LOG_MESSAGE, MOST_LOG_LINES = 2048, 80


class PodView:
    def __init__(self, pod_uid: str, runtime: RuntimeService, host: Host, config: KubeletConfig) -> None:
        self._uid = pod_uid
        self._runtime = runtime
        self._host = host
        self._config = config
        self._sandboxes: dict[str, PodSandboxStatus] = {}
        self._containers: dict[str, Incarnation] = {}
        self.changes = 0
        """How often something read has differed from what was known."""

    @property
    def sandboxes(self) -> tuple[PodSandboxStatus, ...]:
        """Newest first."""
        return tuple(sorted(self._sandboxes.values(), key=lambda s: (-s.metadata.attempt, -s.created_at)))

    @property
    def containers(self) -> tuple[Incarnation, ...]:
        return tuple(self._containers.values())

    async def refresh(self) -> None:
        """Reads everything again. Raises CRIError."""
        mine = {labels.POD_UID: self._uid}
        sandboxes = await self._runtime.list_pod_sandbox(labels=mine)
        containers = await self._runtime.list_containers(labels=mine)
        for gone in set(self._sandboxes) - {s.id for s in sandboxes}:
            self._lose(self._sandboxes, gone)
        for gone in set(self._containers) - {c.id for c in containers}:
            self._lose(self._containers, gone)
        reads = [self.read_sandbox(s.id) for s in sandboxes]
        reads += [self.read_container(c.id, c.pod_sandbox_id) for c in containers]
        if reads:
            await asyncio.gather(*reads)

    async def read_sandbox(self, sandbox_id: str) -> None:
        try:
            self._keep(self._sandboxes, sandbox_id, await self._runtime.pod_sandbox_status(sandbox_id))
        except NotFound:
            self._lose(self._sandboxes, sandbox_id)

    async def read_container(self, container_id: str, sandbox_id: str = "") -> None:
        """`sandbox_id` is needed for one that is new here."""
        known = self._containers.get(container_id)
        try:
            status = await self._runtime.container_status(container_id)
        except NotFound:
            self._lose(self._containers, container_id)
            return
        if known is not None and known.exited and status.state == "EXITED":
            self._keep(self._containers, container_id, replace(known, status=status))
            return
        home = sandbox_id or (known.sandbox_id if known else "")
        message = await self._message(status) if status.state == "EXITED" else ""
        self._keep(self._containers, container_id, Incarnation(status, home, message))

    def _keep(self, what: dict[str, Read], key: str, value: Read) -> None:
        if what.get(key) != value:
            what[key] = value
            self.changes += 1

    def _lose(self, what: dict[str, Read], key: str) -> None:
        if what.pop(key, None) is not None:
            self.changes += 1

    def knows_container(self, container_id: str) -> bool:
        return container_id in self._containers

    def knows_sandbox(self, sandbox_id: str) -> bool:
        return sandbox_id in self._sandboxes

    async def _message(self, status: ContainerStatus) -> str:
        """What the container wrote to its termination message file; failing that, the end of its log, where its
        policy is FallbackToLogsOnError and it failed."""
        name, attempt = status.metadata.name, status.metadata.attempt
        path = termination_log(self._uid, name, attempt, self._config)
        text = ""
        try:
            text = (await self._host.read_file(path, MOST_MESSAGE)).decode("utf-8", "replace")
        except FileNotFoundError:
            text = ""  # the pod's directory is gone already
        policy = status.annotations.get(labels.TERMINATION_POLICY)
        if text or policy != "FallbackToLogsOnError" or status.exit_code == 0 or not status.log_path:
            return text
        try:
            tail = await self._host.read_file(status.log_path, 2 * MOST_LOG_MESSAGE, tail=True)
        except FileNotFoundError:
            return ""
        lines = [line.split(b" ", 3)[-1] for line in tail.split(b"\n")[-MOST_LOG_LINES - 1 :] if line]
        return b"\n".join(lines)[-MOST_LOG_MESSAGE:].decode("utf-8", "replace")
