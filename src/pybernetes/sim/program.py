"""A Python coroutine as a container's process: `image: py://package.module:function`.

It is given a `Container`: its environment, a log, a port, the network, the API with the rights of its service account.
What it returns is its exit code (None: 0); an exception goes to the log and is 1; SystemExit is what it says.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pybernetes.client.interface import Client
from pybernetes.wire.http.messages import Reply

from .behaviour import Launch
from .network import Handler, HollowNetwork
from .script import Program

TERMINATED = 143
"""The exit code of a process that SIGTERM ended."""


@dataclass
class Container:
    """The world of one program. Its files are those of its volumes."""

    launch: Launch
    ip: str
    network: HollowNetwork
    print_line: Callable[[str], None]
    read_file: Callable[[str], bytes]
    client_of: Callable[[Launch], Client]
    ready: bool = True
    """Set it to False and exec probes fail."""
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    handles_stop: bool = False
    """Whether the program has asked for `stopping`."""
    ports: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.launch.container

    @property
    def pod(self) -> str:
        return self.launch.pod

    @property
    def namespace(self) -> str:
        return self.launch.namespace

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables."""
        return dict(self.launch.config.envs)

    @property
    def args(self) -> tuple[str, ...]:
        """`command` and `args` of the container."""
        return (*self.launch.config.command, *self.launch.config.args)

    @property
    def client(self) -> Client:
        """A client of the API with the rights of the pod's service account."""
        return self.client_of(self.launch)

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the container is to stop (SIGTERM); then it has its grace period to end. A program that never asks
        for it is cancelled at once."""
        self.handles_stop = True
        return self._stopping

    def print(self, *words: object) -> None:
        """Writes a line to the log."""
        for line in " ".join(map(str, words)).splitlines() or [""]:
            self.print_line(line)

    def read(self, path: str) -> bytes:
        """A file of a volume. Raises FileNotFoundError."""
        return self.read_file(path)

    def listen(self, port: int, handler: Handler) -> None:
        """Answers HTTP on a port of the pod's address, until the container ends. Raises OSError where it is taken."""
        self.network.listen(self.ip, port, handler)
        self.ports.append(port)

    async def request(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        """An HTTP request to a pod or a Service, by address or name. Raises OSError."""
        return await self.network.request(method, url, headers=headers, body=body, namespace=self.namespace)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Process:
    """A program that runs: `ended(exit code)` is called once, when it has."""

    def __init__(self, program: Program, container: Container, ended: Callable[[int], None]) -> None:
        self.container = container
        self._ended = ended
        self._task = asyncio.get_running_loop().create_task(
            self._run(program), name=f"{container.namespace}/{container.pod} {container.name}"
        )

    async def stop(self, grace: float) -> bool:
        """SIGTERM, and after `grace` seconds SIGKILL. Whether it ended by itself."""
        container = self.container
        container._stopping.set()
        if container.handles_stop and grace > 0:
            await asyncio.wait({self._task}, timeout=grace)
        return self.kill()

    def kill(self) -> bool:
        """Whether it had ended before."""
        if self._task.done():
            return True
        self._task.cancel()
        return False

    async def wait(self) -> None:
        await asyncio.wait({self._task})

    async def _run(self, program: Program) -> None:
        container, code = self.container, TERMINATED
        try:
            result = await program(container)
            code = result if isinstance(result, int) else 0
        except asyncio.CancelledError:
            return  # killed: who did that tells how it ended
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        except Exception:  # noqa: BLE001  (a container's crash: it goes into its log)
            code = 1
            container.print(traceback.format_exc().rstrip())
        finally:
            for port in container.ports:
                container.network.unlisten(container.ip, port)
        self._ended(code)
