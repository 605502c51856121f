"""The CRI adapter against a streaming endpoint that speaks what a runtime's does: our own server's SPDY side."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_runtime import POD, FakeBackend

from pybernetes.api.errors import BadRequest, InternalError
from pybernetes.clock import Env
from pybernetes.kubelet.runtime import CRIError, NotFound, RuntimeService
from pybernetes.kubelet.server.backend import Exit, StreamingError, StreamOptions
from pybernetes.kubelet.server.cri_backend import CriBackend
from pybernetes.kubelet.server.cri_streams import CriStreams
from pybernetes.kubelet.server.crilog import LogOptions
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Request
from pybernetes.wire.http.server import HttpServer

ENV = Env(now=lambda: 1_790_000_000.0, rng=random.Random(1))


class FakeCri:
    """Gives URLs as a runtime does."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.status: Any = None

    async def exec(self, container_id: str, cmd: Sequence[str], **flags: bool) -> str:
        if container_id == "gone":
            raise NotFound("no such container")
        words = "".join(f"&command={word}" for word in cmd)
        streams = "".join(f"&{name}=1" for name, on in flags.items() if on)
        return f"{self.base}/exec/default/web/c?{streams}{words}"

    async def attach(self, container_id: str, **flags: bool) -> str:
        return await self.exec(container_id, ["cat"], **flags)

    async def port_forward(self, pod_sandbox_id: str, ports: Sequence[int]) -> str:
        assert len(ports) == 1
        if pod_sandbox_id == "gone":
            return f"{self.base}/portForward/default/none"
        return f"{self.base}/portForward/default/web"

    async def list_pod_sandbox(self, **wanted: Any) -> list[Any]:
        assert wanted == {"state": "READY", "labels": {"io.kubernetes.pod.uid": "u-1"}}
        return self.status

    async def container_status(self, container_id: str) -> Any:
        assert container_id == "c1"
        if self.status is None:
            raise CRIError("no such container")
        return self.status


@contextlib.asynccontextmanager
async def runtime() -> AsyncIterator[tuple[CriStreams, FakeBackend]]:
    async def everyone(_: Request) -> bool:
        return True

    backend = FakeBackend()
    server = HttpServer(KubeletServer(backend, ENV, everyone).handle, now=ENV.now)
    port = await server.listen()
    client = HttpClient()
    try:
        async with asyncio.timeout(20):
            yield CriStreams(cast(RuntimeService, FakeCri(f"http://127.0.0.1:{port}")), client), backend
    finally:
        await client.close()
        await server.close()


def test_exec_and_attach() -> None:
    async def main() -> None:
        async with runtime() as (cri, _):
            session = await cri.exec("c1", ["fail", "4"], StreamOptions(stdout=True, stderr=True))
            assert (await session.read_stdout(), await session.read_stderr()) == (b"", b"oops\n")
            assert await session.read_stderr() == b""
            assert await session.wait() == Exit(4, "exit status 4")
            await session.close()
            await session.close()
            session = await cri.attach("c1", StreamOptions(stdin=True, stdout=True))
            await session.write_stdin(b"x" * 500_000)
            await session.close_stdin()
            size = 0
            while data := await session.read_stdout():
                size += len(data)
            assert size == 500_000
            assert await session.wait() == Exit()
            await session.close()
            session = await cri.exec("c1", ["size"], StreamOptions(stdout=True, stderr=True, tty=True))
            await session.resize(80, 24)
            assert await session.read_stdout() == b"80x24\n"
            await session.close()
            session = await cri.exec("c1", ["missing"], StreamOptions(stdout=True))
            assert await session.read_stdout() == b""
            assert await session.wait() == Exit(error="executable file not found")
            await session.close()
            with pytest.raises(StreamingError, match="no such container"):
                await cri.exec("gone", ["x"], StreamOptions(stdout=True))

    asyncio.run(main())


def test_ports() -> None:
    async def main() -> None:
        async with runtime() as (cri, _):
            connection = await cri.connect_port("s1", 80)
            await connection.write(b"abc")
            assert await connection.read() == b"ABC"
            await connection.finish()
            assert await connection.read() == b""
            await connection.close()
            refused = await cri.connect_port("s1", 81)
            with pytest.raises(StreamingError, match="connection refused"):
                await refused.read()
            await refused.close()
            with pytest.raises(StreamingError, match="answered 404: pod does not exist"):
                await cri.connect_port("gone", 80)
            unreachable = CriStreams(cast(RuntimeService, FakeCri("http://127.0.0.1:1")), HttpClient())
            with pytest.raises(StreamingError, match="cannot be reached"):
                await unreachable.connect_port("s1", 80)

    asyncio.run(main())


def test_backend_finds_sandboxes_and_logs(tmp_path: Path) -> None:
    async def main() -> None:
        cri = FakeCri("")
        backend = CriBackend(cast(RuntimeService, cri), cast(Any, None), lambda: [POD])
        with pytest.raises(BadRequest, match="unable to retrieve container logs"):
            await backend.logs("c1", LogOptions())
        log = tmp_path / "0.log"
        cri.status = SimpleNamespace(log_path=str(log), state="EXITED")
        with pytest.raises(BadRequest, match="failed to try resolving symlinks"):
            await backend.logs("c1", LogOptions())
        log.write_bytes(b"2026-11-21T04:05:21Z stdout F hello\n")
        follow = LogOptions(follow=True)
        assert [data async for data in await backend.logs("c1", follow)] == [b"hello\n"]
        cri.status = [SimpleNamespace(id="old", created_at=1.0), SimpleNamespace(id="new", created_at=2.0)]
        assert await backend.sandbox(POD) == "new"
        cri.status = []
        with pytest.raises(InternalError):
            await backend.sandbox(POD)

    asyncio.run(main())
