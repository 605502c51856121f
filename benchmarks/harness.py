"""Starting a `pyber up` of its own for a measurement, and a lean HTTPS client that drives it from this process."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PYBER = Path(sys.executable).with_name("pyber")


@dataclass
class Running:
    """A cluster of this benchmark. `ready_seconds` is from process start to the first good `/readyz`."""

    process: subprocess.Popen[bytes]
    state: Path
    port: int
    ready_seconds: float

    def context(self) -> ssl.SSLContext:
        """The administrator's credentials."""
        config = json.loads((self.state / "kubeconfig").read_text())
        user = config["users"][0]["user"]
        authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile("wb", suffix=".pem") as pem:
            pem.write(base64.b64decode(user["client-certificate-data"]))
            pem.write(base64.b64decode(user["client-key-data"]))
            pem.flush()
            context.load_cert_chain(pem.name)
        return context

    def memory_mb(self) -> float:
        """Resident memory of the server process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(state: Path, *options: str) -> Iterator[Running]:
    """`pyber up` on free ports with these options, ready to serve; stopped with SIGINT at the end."""
    port = free_port()
    command = [
        str(PYBER),
        "up",
        "--state-dir",
        str(state),
        "--port",
        str(port),
        "--kubelet-port",
        str(free_port()),
    ]
    command += ["--bind-address", "127.0.0.1", *options]
    started = time.perf_counter()
    log = open(state.with_suffix(".log"), "wb")  # noqa: SIM115  (belongs to the child)
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        cluster = Running(process, state, port, 0.0)
        _wait_ready(cluster)
        cluster.ready_seconds = time.perf_counter() - started
        yield cluster
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_ready(cluster: Running) -> None:
    while cluster.process.poll() is None:
        with contextlib.suppress(OSError, FileNotFoundError, json.JSONDecodeError, ssl.SSLError):
            context = cluster.context()
            with (
                socket.create_connection(("127.0.0.1", cluster.port), 1) as raw,
                context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
            ):
                tls.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if tls.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        time.sleep(0.005)
    raise SystemExit(f"pyber ended; see {cluster.state.with_suffix('.log')}")


class Connection:
    """One keep-alive connection; requests one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @staticmethod
    async def open(cluster: Running, context: ssl.SSLContext) -> Connection:
        return Connection(
            *await asyncio.open_connection(
                "127.0.0.1", cluster.port, ssl=context, server_hostname="127.0.0.1"
            )
        )

    async def request(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
        self.writer.write(head.encode() + body)
        status, length, chunked = await self.read_head()
        if chunked:
            content = b"".join([chunk async for chunk in self.chunks()])
        else:
            content = await self.reader.readexactly(length)
        return status, content

    async def read_head(self) -> tuple[int, int, bool]:
        """(status, content length, chunked)."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        return int(head[9:12]), int(length or 0), b"transfer-encoding: chunked" in head

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)


async def load(name: str, connections: int, total: int, one: Callable[[int, int], Awaitable[None]]) -> None:
    """Runs `one(connection number, request number)` `total` times over the connections; prints rate and latency."""
    times: list[float] = []
    numbers = iter(range(total))

    async def worker(connection: int) -> None:
        for number in numbers:
            started = time.perf_counter()
            await one(connection, number)
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(worker(i) for i in range(connections)))
    took = time.perf_counter() - started
    times.sort()
    p50, p99 = statistics.median(times) * 1000, times[int(len(times) * 0.99)] * 1000
    print(f"{name:<28}{total / took:>10,.0f} /s   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms")
