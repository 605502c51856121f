"""The machine's probes say why they failed in the system's words."""

from __future__ import annotations

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from pybernetes.clock import Env
from pybernetes.host.machine import Machine


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_refused_connection_says_so(env: Env, tmp_path: Path) -> None:
    machine = Machine(env, tmp_path)
    port = closed_port()
    for probe in (
        machine.tcp_dial("127.0.0.1", port, 5),
        machine.http_get("HTTP", "127.0.0.1", port, "/", (), 5),
    ):
        with pytest.raises(OSError) as refusal:
            asyncio.run(probe)
        assert (refusal.value.errno, refusal.value.strerror) == (errno.ECONNREFUSED, "Connection refused")


def test_a_server_that_speaks_no_tls_is_a_tls_error(env: Env, tmp_path: Path) -> None:
    async def main() -> OSError:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(OSError) as refusal:
                await Machine(env, tmp_path).http_get("HTTPS", "127.0.0.1", port, "/", (), 5)
        return refusal.value

    assert "Operation not permitted" not in str(asyncio.run(main()))


def test_a_get_answers_status_redirect_and_the_beginning_of_the_body(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            assert request.startswith(b"GET /healthz?x=1 HTTP/1.1\r\n")
            assert b"X-Probe: yes" in request
            body = b"x" * 20_000
            head = f"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            headers = (("X-Probe", "yes"),)
            reply = await Machine(env, tmp_path).http_get(
                "HTTP", "127.0.0.1", port, "/healthz?x=1", headers, 5
            )
        assert (reply.status, reply.location, len(reply.body)) == (302, "/there", 10 * 1024)

    asyncio.run(main())
