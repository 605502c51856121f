"""Requests per second of the HTTP/1.1 server: 1 KiB JSON, keep-alive, over TLS and plain, and watch fan-out.

Server and load generator are two processes; the generator counts answers by their length and parses nothing, so that
the figure is the server's. Run: `python benchmarks/http_server.py [--seconds 3] [--connections 32] [--watches 2000]`.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from pybernetes.clock import Env
from pybernetes.wire.http.messages import Request, Response
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context, tune_process

BODY = b"x" * 1024
HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-cache, private"))
REQUEST = (
    b"GET /api/v1/namespaces/default/pods/web HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
)


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, made in-process."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.fromtimestamp(Env.real().now(), datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    cert_path, key_path = directory / "cert.pem", directory / "key.pem"
    cert_path.write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return cert_path, key_path


def serve(certificate: Path, key: Path, pipe: Connection) -> None:
    """The server process: sends its ports, then for each message received does what it says."""

    async def main() -> None:
        tune_process()
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        async def events() -> AsyncIterator[bytes]:
            yield b"{}\n"
            await event.wait()
            yield BODY

        async def handler(request: Request) -> Response:
            if request.path == "/watch":
                return Response(200, HEADERS, events(), endless=True)
            return Response(200, HEADERS, BODY)

        server = HttpServer(handler, now=Env.real().now)
        tls = await server.listen(tls=server_context(certificate, key))
        plain = await server.listen()
        pipe.send((tls, plain))
        while (message := await loop.run_in_executor(None, pipe.recv)) != "stop":
            if message == "event":
                event.set()
            pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        await server.close()

    uvloop.run(main())


class Load(asyncio.Protocol):
    """One connection that asks again as soon as a whole answer has come."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.received = 0
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(REQUEST)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.received >= self.length:
            self.received -= self.length
            self.answers += 1
            self.transport.write(REQUEST)  # type: ignore[attr-defined]


async def answer_length(port: int, tls: ssl.SSLContext | None) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return len(head) + len(BODY)


async def rate(port: int, tls: ssl.SSLContext | None, connections: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    length = await answer_length(port, tls)
    made = [
        await loop.create_connection(lambda: Load(length), "127.0.0.1", port, ssl=tls)
        for _ in range(connections)
    ]
    await asyncio.sleep(0.5)
    before, start = sum(load.answers for _, load in made), time.perf_counter()
    await asyncio.sleep(seconds)
    done, took = sum(load.answers for _, load in made) - before, time.perf_counter() - start
    for transport, _ in made:
        transport.abort()
    return done / took


async def fan_out(port: int, tls: ssl.SSLContext, count: int, pipe: Connection) -> tuple[float, int]:
    """Seconds from one event to the last of `count` TLS watches, and the server's peak memory in MiB."""
    watches = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(b"GET /watch HTTP/1.1\r\nHost: localhost\r\n\r\n")
        watches.append((reader, writer))
    for reader, _ in watches:
        await reader.readuntil(b"{}\n\r\n")
    start = time.perf_counter()
    pipe.send("event")
    await asyncio.gather(*(reader.readuntil(BODY) for reader, _ in watches))
    took = time.perf_counter() - start
    memory = pipe.recv()
    for _, writer in watches:
        writer.transport.abort()
    return took, memory


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--watches", type=int, default=2000)
    chosen = options.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory() as name:
        certificate, key = make_certificate(Path(name))
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(certificate, key, theirs))
        process.start()
        try:
            tls_port, plain_port = ours.recv()
            tls = ssl.create_default_context()
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE

            async def run() -> None:
                for label, port, context in (("plain", plain_port, None), ("TLS", tls_port, tls)):
                    figure = await rate(port, context, chosen.connections, chosen.seconds)
                    print(f"{label}: {figure:,.0f} requests/s (1 KiB, {chosen.connections} connections)")
                took, memory = await fan_out(tls_port, tls, chosen.watches, ours)
                print(
                    f"{chosen.watches} TLS watches: event to the last in {took * 1000:.0f} ms, peak {memory} MiB"
                )

            uvloop.run(run())
            ours.send("stop")
        finally:
            process.join(10)
            process.kill()


if __name__ == "__main__":
    main()
