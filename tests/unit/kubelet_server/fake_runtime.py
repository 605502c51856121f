"""A streaming runtime in memory: a few commands, an echoing port, and a kubelet's view of one pod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pybernetes.api.errors import BadRequest
from pybernetes.kubelet.server.backend import Exit, StreamingError, StreamOptions
from pybernetes.kubelet.server.crilog import LogOptions

POD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "default", "uid": "u-1"},
    "spec": {"nodeName": "n1", "containers": [{"name": "c"}, {"name": "waiting"}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "c",
                "containerID": "containerd://c1",
                "state": {"running": {}},
                "lastState": {"terminated": {"containerID": "containerd://c0", "exitCode": 1}},
            },
            {"name": "waiting", "state": {"waiting": {"reason": "ContainerCreating"}}},
        ],
    },
}


class FakeSession:
    """`cat` echoes, `fail N` ends with a code, `size` tells the terminal's, `big N` writes N bytes, `sleep` waits."""

    def __init__(self, command: Sequence[str], options: StreamOptions) -> None:
        self.command = list(command)
        self.options = options
        self.stdin: asyncio.Queue[bytes] = asyncio.Queue(maxsize=8)
        self.sizes: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self._left = int(command[1]) if command[0] == "big" else 0
        self._stderr = [b"oops\n"] if command[0] == "fail" else []

    async def write_stdin(self, data: bytes) -> None:
        await self.stdin.put(data)

    async def close_stdin(self) -> None:
        await self.stdin.put(b"")

    async def resize(self, width: int, height: int) -> None:
        await self.sizes.put((width, height))

    async def read_stdout(self) -> bytes:
        match self.command[0]:
            case "cat":
                return await self.stdin.get()
            case "size":
                if self.sizes is None:
                    return b""
                width, height = await self.sizes.get()
                return f"{width}x{height}\n".encode() if width else b""
            case "big":
                piece = b"b" * min(65536, self._left)
                self._left -= len(piece)
                return piece
            case "sleep":
                await self.closed.wait()
                raise ConnectionResetError("closed")
        return b""

    async def read_stderr(self) -> bytes:
        return self._stderr.pop() if self._stderr else b""

    async def wait(self) -> Exit:
        return Exit(int(self.command[1])) if self.command[0] == "fail" else Exit()

    async def close(self) -> None:
        self.closed.set()


class FakePort:
    def __init__(self, port: int) -> None:
        self.port = port
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)
        self.closed = False

    async def read(self) -> bytes:
        if self.port == 81:
            raise StreamingError("connection refused")
        data = await self.queue.get()
        return data.upper()

    async def write(self, data: bytes) -> None:
        await self.queue.put(data)

    async def finish(self) -> None:
        await self.queue.put(b"")

    async def close(self) -> None:
        self.closed = True


class FakeRuntime:
    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.ports: list[FakePort] = []

    async def exec(self, container_id: str, command: Sequence[str], options: StreamOptions) -> FakeSession:
        assert container_id == "c1"
        if command[0] == "missing":
            raise StreamingError("executable file not found")
        self.sessions.append(FakeSession(command, options))
        return self.sessions[-1]

    async def attach(self, container_id: str, options: StreamOptions) -> FakeSession:
        return await self.exec(container_id, ["cat"], options)

    async def connect_port(self, sandbox_id: str, port: int) -> FakePort:
        assert sandbox_id == "s1"
        if port == 82:
            raise StreamingError("no such network")
        self.ports.append(FakePort(port))
        return self.ports[-1]


class FakeBackend:
    def __init__(self) -> None:
        self.streaming = FakeRuntime()
        self.asked: list[tuple[str, LogOptions]] = []
        self.wrong = ""

    def pods(self) -> list[dict[str, Any]]:
        return [POD]

    async def sandbox(self, pod: Any) -> str:
        assert pod is POD
        return "s1"

    async def logs(self, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        self.asked.append((container_id, options))
        if container_id == "c0":
            raise BadRequest("log is gone")

        async def lines() -> AsyncIterator[bytes]:
            yield b"line 1\n"
            if options.follow:
                await asyncio.Event().wait()
            yield b"line 2\n"

        return lines()

    async def stats_summary(self) -> dict[str, Any]:
        return {"node": {"nodeName": "n1"}, "pods": []}

    async def metrics(self, path: str) -> bytes:
        return f"# {path}\n".encode()

    def health(self) -> str:
        return self.wrong
