"""The kubelet's server over loopback: WebSocket and SPDY clients, logs, refusals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import struct
from collections.abc import AsyncIterator

import pytest
from fake_runtime import FakeBackend
from turns import until

from pybernetes.clock import Env
from pybernetes.kubelet.server.authorize import by_common_name
from pybernetes.kubelet.server.backend import Exit
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.kubelet.server.port_forward import TUNNEL
from pybernetes.kubelet.server.remote_command import Sizes
from pybernetes.wire.channels import V1, V4, V5, Channel, ChannelSocket
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.exchange import UpgradeRefused
from pybernetes.wire.http.messages import Request
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.spdy_streams import SpdySession
from pybernetes.wire.spdy_upgrade import open_spdy
from pybernetes.wire.websocket import WebSocketTunnel, open_websocket

KEY = bytes(16)
ENV = Env(now=lambda: 1_790_000_000.0, rng=random.Random(1))
FORBIDDEN = "/forbidden"


@contextlib.asynccontextmanager
async def kubelet() -> AsyncIterator[tuple[FakeBackend, HttpClient]]:
    async def everyone(request: Request) -> bool:
        return "x-stranger" not in request.headers

    backend = FakeBackend()
    server = HttpServer(KubeletServer(backend, ENV, everyone).handle, now=ENV.now)
    client = HttpClient(f"http://127.0.0.1:{await server.listen()}")
    try:
        async with asyncio.timeout(20):
            yield backend, client
    finally:
        await client.close()
        await server.close()


async def channels(client: HttpClient, path: str, protocol: str = V5) -> ChannelSocket:
    return ChannelSocket(await open_websocket(client, path, KEY, subprotocols=(protocol,)))


async def drain(socket: ChannelSocket) -> dict[int, bytes]:
    """All that came, by channel, until the server closed."""
    got: dict[int, bytes] = {}
    while (received := await socket.receive()) is not None:
        got[received[0]] = got.get(received[0], b"") + received[1]
    await socket.close()
    return got


def test_plain_routes() -> None:
    async def main() -> None:
        async with kubelet() as (backend, client):
            assert (await client.request("GET", "/healthz")).body == b"ok"
            assert (await client.request("GET", "/healthz", headers={"X-Stranger": "1"})).status == 200
            assert (await client.request("GET", "/pods", headers={"X-Stranger": "1"})).status == 401
            assert (
                json.loads((await client.request("GET", "/pods")).body)["items"][0]["metadata"]["name"]
                == "web"
            )
            assert json.loads((await client.request("GET", "/stats/summary")).body)["node"] == {
                "nodeName": "n1"
            }
            assert (await client.request("GET", "/metrics/cadvisor")).body == b"# /metrics/cadvisor\n"
            assert (await client.request("GET", "/none")).status == 404
            assert (await client.request("PUT", "/pods")).status == 405
            backend.wrong = "PLEG is not healthy"
            assert (await client.request("GET", "/healthz")).status == 500

    asyncio.run(main())


def test_logs() -> None:
    async def main() -> None:
        async with kubelet() as (backend, client):
            reply = await client.request("GET", "/containerLogs/default/web/c?tailLines=2&timestamps=true")
            assert (reply.status, reply.body) == (200, b"line 1\nline 2\n")
            assert backend.asked[-1][0] == "c1"
            assert backend.asked[-1][1].tail_lines == 2
            async with client.stream("GET", "/containerLogs/default/web/c?follow=true") as followed:
                assert await anext(aiter(followed)) == b"line 1\n"
            for path, status, text in (
                ("default/none/c", 404, "pod does not exist"),
                ("default/web/none", 404, 'container "none" not found in pod "web"'),
                (
                    "default/web/waiting",
                    400,
                    'container "waiting" in pod "web" is waiting to start: ContainerCreating',
                ),
                ("default/web/c?previous=true", 400, "log is gone"),
                (
                    "default/web/waiting?previous=true",
                    400,
                    'previous terminated container "waiting" in pod "web" not found',
                ),
                ("default/web/c?tailLines=x", 400, '{"message": "Unable to decode query."}'),
            ):
                reply = await client.request("GET", f"/containerLogs/{path}")
                assert (reply.status, reply.body.decode().strip()) == (status, text)

    asyncio.run(main())


@pytest.mark.parametrize("protocol", [V5, V4])
def test_exec_over_websocket(protocol: str) -> None:
    async def main() -> None:
        async with kubelet() as (backend, client):
            path = "/exec/default/web/c?output=1&error=1&command="
            got = await drain(await channels(client, path + "fail&command=5", protocol))
            status = json.loads(got[Channel.ERROR])
            assert got[Channel.STDERR] == b"oops\n"
            assert status["reason"] == "NonZeroExitCode"
            assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "5"}]
            got = await drain(await channels(client, path + "big&command=3000000", protocol))
            assert len(got[Channel.STDOUT]) == 3_000_000
            assert json.loads(got[Channel.ERROR])["status"] == "Success"
            got = await drain(await channels(client, path + "missing", protocol))
            assert "executable file not found" in json.loads(got[Channel.ERROR])["message"]
            assert all(session.closed.is_set() for session in backend.streaming.sessions)

    asyncio.run(main())


def test_exec_stdin_half_close_resize_and_a_client_that_goes() -> None:
    async def main() -> None:
        async with kubelet() as (backend, client):
            socket = await channels(client, "/exec/default/web/c?input=1&output=1&command=cat")
            await socket.send(Channel.STDIN, b"through")
            assert await socket.receive() == (Channel.STDOUT, b"through")
            await socket.end(Channel.STDIN)
            assert json.loads((await drain(socket))[Channel.ERROR])["status"] == "Success"
            socket = await channels(client, "/exec/default/web/c?input=1&output=1&tty=1&command=size")
            await socket.send(Channel.RESIZE, b'{"Width":80,"Hei')
            await socket.send(Channel.RESIZE, b'ght":24}\n')
            assert await socket.receive() == (Channel.STDOUT, b"80x24\n")
            await socket.send(Channel.RESIZE, b'junk}{"Width":0,"Height":0}')
            assert json.loads((await drain(socket))[Channel.ERROR])["status"] == "Success"
            socket = await channels(client, "/exec/default/web/c?output=1&command=sleep")
            await until(lambda: len(backend.streaming.sessions) == 3)
            await socket.close()
            await backend.streaming.sessions[2].closed.wait()

    asyncio.run(main())


def test_oldest_protocol_has_text_errors_and_nothing_on_success() -> None:
    async def main() -> None:
        async with kubelet() as (_, client):
            path = "/exec/default/web/c?output=1&command="
            assert Channel.ERROR not in await drain(await channels(client, path + "big&command=1", V1))
            got = await drain(await channels(client, path + "fail&command=5", V1))
            assert b"command terminated with non-zero exit code" in got[Channel.ERROR]

    asyncio.run(main())


def test_exec_over_spdy() -> None:
    async def main() -> None:
        async with kubelet() as (_, client):
            path = "/exec/default/web/c?input=1&output=1&error=1&command=cat"
            async with open_spdy(client, path, ("v5.channel.k8s.io", "v4.channel.k8s.io")) as (
                session,
                protocol,
            ):
                assert protocol == "v4.channel.k8s.io"
                error = await session.open({"streamtype": "error"})
                stdin = await session.open({"streamtype": "stdin"})
                stdout = await session.open({"streamtype": "stdout"})
                stderr = await session.open({"streamtype": "stderr"})
                await stdin.write(b"a" * 100_000)
                await stdin.finish()
                assert await stdout.read_all(limit=200_000) == b"a" * 100_000
                assert await stderr.read_all() == b""
                assert Exit.of_status(json.loads(await error.read_all())) == Exit()
            with pytest.raises(UpgradeRefused) as refused:
                async with open_spdy(client, path, ("v9",)):
                    pass
            assert refused.value.reply.status == 403

    asyncio.run(main())


def test_what_cannot_be_executed() -> None:
    async def main() -> None:
        async with kubelet() as (_, client):
            for path, status in (
                ("/exec/default/web/waiting?output=1&command=x", 500),
                ("/exec/default/none/c?output=1&command=x", 404),
                ("/exec/default/web/c?command=x", 400),
                ("/exec/default/web/c?output=1&command=x", 400),  # no upgrade asked
            ):
                assert (await client.request("POST", path)).status == status

    asyncio.run(main())


def test_run_answers_with_all_output() -> None:
    async def main() -> None:
        async with kubelet() as (_, client):
            reply = await client.request("POST", "/run/default/web/c?cmd=fail+3")
            assert reply.body == b"oops\ncommand terminated with non-zero exit code: exit status 3"

    asyncio.run(main())


async def forwarded(session: SpdySession, port: int, id: int) -> tuple[bytes, bytes]:
    headers = {"port": str(port), "requestid": str(id)}
    error = await session.open({**headers, "streamtype": "error"})
    await error.finish()
    data = await session.open({**headers, "streamtype": "data"})
    await data.write(b"hello")
    if port == 80:
        assert await data.read() == b"HELLO"
    await data.finish()
    rest = await data.read_all()
    return rest, await error.read_all()


@pytest.mark.parametrize("tunnel", [False, True])
def test_port_forward_over_spdy(tunnel: bool) -> None:
    async def main() -> None:
        async with kubelet() as (backend, client), contextlib.AsyncExitStack() as stack:
            if tunnel:
                websocket = await open_websocket(
                    client, "/portForward/default/web", KEY, subprotocols=(TUNNEL,)
                )
                assert websocket.subprotocol == TUNNEL
                stack.push_async_callback(websocket.close)
                session = await stack.enter_async_context(
                    SpdySession(WebSocketTunnel(websocket), client=True)
                )
            else:
                opened = open_spdy(client, "/portForward/default/web", ("portforward.k8s.io",))
                session, _ = await stack.enter_async_context(opened)
            results = await asyncio.gather(*(forwarded(session, 80, n) for n in range(5)))
            assert results == [(b"", b"")] * 5
            for port, reason in ((81, b"connection refused"), (82, b"no such network")):
                _, error = await forwarded(session, port, port)
                assert error == b"error forwarding port %d to pod web_default, uid u-1: %s" % (port, reason)
            assert all(port.closed for port in backend.streaming.ports)

    asyncio.run(main())


def test_port_forward_over_channels() -> None:
    async def main() -> None:
        async with kubelet() as (_, client):
            socket = await channels(client, "/portForward/default/web?port=80,81", V4)
            greeting = [await socket.receive() for _ in range(4)]
            ports = [struct.pack("<H", port) for port in (80, 80, 81, 81)]
            assert greeting == list(enumerate(ports))
            await socket.send(0, b"data")
            got = dict([await socket.receive() or (9, b""), await socket.receive() or (9, b"")])
            assert got[0] == b"DATA"
            assert got[3].endswith(b"connection refused")
            await socket.close()
            assert (await client.request("GET", "/portForward/default/web?port=x")).status == 400

    asyncio.run(main())


def test_sizes_of_any_cut() -> None:
    text = b'{"Width":1,"Height":2}\n{"Width":3,"Height":4}'
    for at in range(len(text)):
        sizes = Sizes()
        assert sizes.feed(text[:at]) + sizes.feed(text[at:]) == [(1, 2), (3, 4)]


def test_authorization_by_common_name() -> None:
    async def main() -> None:
        asked = []

        async def otherwise(request: Request) -> bool:
            asked.append(request)
            return False

        allow = by_common_name(otherwise=otherwise)
        assert not await allow(Request("GET", "/"))
        assert len(asked) == 1
        assert not await by_common_name()(Request("GET", "/"))
        known = Request(
            "GET",
            "/",
            peer_certificate=b"der",
            connection={"kubelet.common-name": "kube-apiserver-kubelet-client"},
        )
        assert await allow(known)

    asyncio.run(main())
