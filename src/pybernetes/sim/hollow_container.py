"""One container of a hollow node: what is known of it, and what it is going to do by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pybernetes.kubelet.runtime import Container, ContainerConfig, ContainerStats, ContainerStatus

from .program import TERMINATED, Process
from .program import Container as World
from .script import FOREVER, NEVER, Run, changes, most, used, used_until

Ended = Callable[[int, str], None]
"""(exit code, reason or "")."""


@dataclass(slots=True)
class HollowContainer:
    """Times are Unix times."""

    config: ContainerConfig
    sandbox_id: str
    status: ContainerStatus
    log: list[tuple[float, str]] = field(default_factory=list)
    run: Run = FOREVER
    """Drawn, once it has started."""
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    end: asyncio.TimerHandle | None = None
    """The one of the timers that ends it."""
    process: Process | None = None

    def begin(self, world: World | None, ended: Ended) -> None:
        """Lets it run: `ended` is called when it has ended by itself. `world` is there where it is a program."""
        loop, run = asyncio.get_running_loop(), self.run
        if run.program is not None and world is not None:
            self.process = Process(run.program, world, lambda code: ended(code, ""))
            return
        if run.seconds is not None:
            self.end = loop.call_later(most(run.seconds), ended, run.exit_code, run.reason)
            self.timers.append(self.end)
        # Looks at a world that stays as it is may be put off (aio/upkeep.py): its changes are instants of their own.
        for moment in (*(run.unready or ()), *changes(run.cpu), *changes(run.memory)):
            if moment < NEVER:
                self.timers.append(loop.call_later(moment, _nothing))

    def resume(self, other: HollowContainer, now: float, ended: Ended) -> None:
        """Goes on as `other` would; `now` is the loop's time."""
        loop = asyncio.get_running_loop()
        self.end = None
        for timer in other.timers:
            if timer.cancelled() or timer.when() <= now:
                continue
            if timer is other.end:
                self.end = loop.call_at(timer.when(), ended, self.run.exit_code, self.run.reason)
                self.timers.append(self.end)
            else:
                self.timers.append(loop.call_at(timer.when(), _nothing))

    async def stop(self, grace: float) -> int:
        """SIGTERM, and after `grace` seconds SIGKILL. The exit code that it ends with."""
        if self.process is not None:
            handles = self.process.container.handles_stop
            await self.process.stop(grace)
            return 137 if handles or grace <= 0 else TERMINATED
        if self.run.stubborn:
            await asyncio.sleep(grace)
        return 137 if self.run.stubborn or grace <= 0 else 0

    def rest(self) -> None:
        """Nothing more happens by itself."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        if self.process is not None:
            self.process.kill()

    def answers(self, now: float) -> bool:
        """Whether it is, while it runs, as its probes want it."""
        if self.process is not None:
            return self.process.container.ready
        return self.run.is_healthy(now - self.status.started_at)

    def stats(self, now: float) -> ContainerStats:
        status, run = self.status, self.run
        age = now - status.started_at if status.state == "RUNNING" else 0.0
        cpu, memory = int(used_until(run.cpu, age) * 1e9), int(used(run.memory, age))
        return ContainerStats(
            status.id, status.metadata, now, cpu, memory, memory, memory, labels=status.labels
        )

    def usage(self, now: float) -> tuple[float, int]:
        """The CPU (cores) and memory (bytes) that it uses at a Unix time."""
        age = now - self.status.started_at
        return used(self.run.cpu, age), int(used(self.run.memory, age))

    def host_path(self, path: str) -> str:
        """Where a file of the container is on its node. Raises FileNotFoundError for one of no volume."""
        for mount in sorted(self.config.mounts, key=lambda mount: -len(mount.container_path)):
            inside = path.removeprefix(mount.container_path)
            if inside != path and (not inside or inside.startswith("/")):
                return mount.host_path + inside
        raise FileNotFoundError(2, "no such file", path)

    def listed(self) -> Container:
        status = self.status
        return Container(
            status.id,
            self.sandbox_id,
            status.metadata,
            status.state,
            status.created_at,
            status.image,
            status.image_ref,
            status.image_id,
            status.labels,
            status.annotations,
        )


def _nothing() -> None:
    """An instant at which something changes without anybody being told."""
