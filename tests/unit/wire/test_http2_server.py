"""The HTTP/2 server over TLS on loopback: frame by frame, and with curl."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvloop
from certificates import Pki
from h2.errors import ErrorCodes
from http2_client import connected
from hyperframe.frame import GoAwayFrame
from waiting import until

from pybernetes.wire.http.messages import Handler, Request, Response, Result, Upgrade
from pybernetes.wire.http.parsing import Limits
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.stream import Stream
from pybernetes.wire.tls import server_context

NOW = 1_790_000_000.0
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
Run = Callable[[Coroutine[Any, Any, None]], None]


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, pki: Pki, limits: Limits | None = None
) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(handler, now=lambda: NOW, limits=limits)
    tls = server_context(pki.server, pki.server_key, pki.ca, http2=True)
    port = await server.listen(tls=tls)
    try:
        async with asyncio.timeout(20):
            yield server, port
    finally:
        await server.close()


async def echo(request: Request) -> Result:
    text = f"{request.method} {request.path} {sorted(request.query.pairs())} {len(request.body)} {request.headers['host']}"
    return Response(200, (("Content-Type", "text/plain"), ("Connection", "close")), text.encode())


@LOOPS
def test_requests_and_answers(pki: Pki, run: Run) -> None:
    async def main() -> None:
        async with serving(echo, pki) as (_, port), connected(port, pki) as client:
            answer = await client.ask("GET", "/a%20b?x=1&x=2")
            assert (answer.status, answer.body) == (200, b"GET /a b [('x', '1'), ('x', '2')] 0 h")
            assert answer.headers == {
                "date": "Mon, 21 Sep 2026 14:13:20 GMT",
                "content-length": str(len(answer.body)),
                "content-type": "text/plain",
            }
            answer = await client.ask("POST", "/p", body=b"x" * 10_000)
            assert answer.body == b"POST /p [] 10000 h"
            head = await client.ask("HEAD", "/h")
            assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "14")

    run(main())


@LOOPS
def test_many_requests_at_a_time_answered_as_they_are_ready(pki: Pki, run: Run) -> None:
    gates: dict[str, asyncio.Event] = {}

    async def handler(request: Request) -> Result:
        await gates.setdefault(request.path, asyncio.Event()).wait()
        return Response(200, (), request.path.encode())

    async def main() -> None:
        async with serving(handler, pki) as (_, port), connected(port, pki) as client:
            numbers = [client.send("GET", f"/{index}") for index in range(100)]
            await until(lambda: len(gates) == 100)
            gates["/99"].set()
            await client.until(numbers[99])
            assert client.answers[numbers[99]].body == b"/99"
            for gate in gates.values():
                gate.set()
            await client.until(*numbers)
            assert [client.answers[n].body for n in numbers] == [f"/{i}".encode() for i in range(100)]

    run(main())


@LOOPS
def test_long_bodies_go_as_fast_as_the_client_takes_them(pki: Pki, run: Run) -> None:
    body = bytes(range(256)) * 4096

    async def handler(request: Request) -> Result:
        return Response(200, (), body if request.path == "/long" else b"short")

    async def main() -> None:
        async with serving(handler, pki) as (_, port), connected(port, pki) as client:
            client.acknowledge = False
            number = client.send("GET", "/long")
            while len(client.answers[number].body) < 65535:
                await client.read()
            assert client.answers[number].body == body[:65535]
            client.acknowledge = True
            client.h2.increment_flow_control_window(65535)
            client.flush()
            assert (await client.ask("GET", "/short")).body == b"short", "another stream is not held up"
            client.h2.increment_flow_control_window(65535, number)
            client.flush()
            await client.until(number)
            assert client.answers[number].body == body

    run(main())


@LOOPS
def test_streams_come_piece_by_piece_and_are_closed_with_the_client(pki: Pki, run: Run) -> None:
    ended: list[str] = []

    async def ticks(name: str) -> AsyncIterator[bytes | list[bytes]]:
        try:
            yield b"1"
            yield [b"2", b"3"]
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def handler(request: Request) -> Result:
        return Response(200, (), ticks(request.path), endless=True)

    async def main() -> None:
        async with serving(handler, pki) as (server, port):
            async with connected(port, pki) as client:
                one, two = client.send("GET", "/one"), client.send("GET", "/two")
                while client.answers[one].body + client.answers[two].body != b"123123":
                    await client.read()
                client.h2.reset_stream(one, ErrorCodes.CANCEL)
                client.flush()
                await until(lambda: ended == ["/one"])
                assert server.connections == 1
            await until(lambda: ended == ["/one", "/two"])
            await until(lambda: server.connections == 0)

    run(main())


@LOOPS
def test_a_server_that_ends_says_so_ends_watches_and_finishes_requests(pki: Pki, run: Run) -> None:
    gate = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        yield b"event\n"
        await asyncio.Event().wait()

    async def handler(request: Request) -> Result:
        if request.path == "/watch":
            return Response(200, (), events(), endless=True)
        await gate.wait()
        return Response(200, (), b"done")

    async def main() -> None:
        async with serving(handler, pki) as (server, port), connected(port, pki) as client:
            watch, slow = client.send("GET", "/watch"), client.send("GET", "/slow")
            while client.answers[watch].body != b"event\n":
                await client.read()
            closing = asyncio.ensure_future(server.close(grace=10))
            # The library forbids all after a GOAWAY, so here the frames are read by hand.
            data = b""
            while b"event" not in data and b"\x00\x00\x00\x01\x00\x00\x00" + bytes([watch]) not in data:
                data += await client.reader.read(65536)
            assert b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" in data, "GOAWAY"
            assert not closing.done()
            gate.set()
            while piece := await client.reader.read(65536):
                data += piece
            assert data.endswith(b"\x00\x00\x04\x00\x01\x00\x00\x00" + bytes([slow]) + b"done")
            await closing
            assert server.connections == 0

    run(main())


def test_bodies_over_the_limit_are_refused_at_once(pki: Pki) -> None:
    async def main() -> None:
        limits = Limits(body=20_000)
        async with serving(echo, pki, limits) as (_, port), connected(port, pki) as client:
            told = client.send("POST", "/told", [("content-length", "20001")], end=False)
            await client.until(told)
            assert client.answers[told].status == 413
            number = client.send("POST", "/", end=False)
            for _ in range(3):
                client.h2.send_data(number, b"x" * 10_000)
            client.flush()
            await client.until(number)
            answer = client.answers[number]
            assert (answer.status, answer.body) == (413, b"Request entity too large: limit is 20000\n")
            assert (await client.ask("POST", "/", body=b"x" * 10_000)).status == 200

    asyncio.run(main())


def test_what_is_no_request_is_refused(pki: Pki) -> None:
    async def main() -> None:
        async with serving(echo, pki) as (_, port), connected(port, pki) as client:
            assert (await client.ask("GET", "*")).status == 400
            client.writer.write(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x")  # DATA on stream 0
            while not client.closed:
                await client.read()
            assert client.goaway == ErrorCodes.PROTOCOL_ERROR

    asyncio.run(main())


def test_failing_handlers_and_streams(pki: Pki) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("broken")

    async def upgraded(_: Stream) -> None:
        raise AssertionError

    async def handler(request: Request) -> Result:
        if request.path == "/raise":
            raise RuntimeError("raised")
        if request.path == "/upgrade":
            return Upgrade((), upgraded)
        return Response(200, (), broken())

    async def main() -> None:
        async with serving(handler, pki) as (_, port), connected(port, pki) as client:
            assert (await client.ask("GET", "/raise")).status == 500
            assert (await client.ask("GET", "/upgrade")).status == 400
            answer = await client.ask("GET", "/stream")
            assert (answer.status, answer.reset) == (200, ErrorCodes.INTERNAL_ERROR)

    asyncio.run(main())


def test_a_client_that_resets_faster_than_handlers_end_is_cut_off(pki: Pki) -> None:
    async def stubborn(_: Request) -> Result:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()
                return Response(200)

    async def main() -> None:
        nonlocal gate
        gate = asyncio.Event()
        async with serving(stubborn, pki) as (_, port), connected(port, pki) as client:
            for _ in range(450):
                if client.writer.is_closing():
                    break
                number = client.send("GET", "/")
                client.h2.reset_stream(number)
            client.flush()
            while client.goaway is None and not client.closed:
                await client.read()
            assert client.goaway == ErrorCodes.ENHANCE_YOUR_CALM
            gate.set()

    gate: asyncio.Event
    asyncio.run(main())


def test_a_body_that_never_comes_and_an_idle_connection_are_ended(pki: Pki) -> None:
    async def main() -> None:
        limits = Limits(body_timeout=0.0, idle_timeout=0.0)
        async with serving(echo, pki, limits) as (server, port), connected(port, pki) as client:
            number = client.send("POST", "/", end=False)
            await until(lambda: bool(server.connections))
            await client.ask("GET", "/")
            server._close_overdue()
            await client.until(number)
            assert client.answers[number].reset == ErrorCodes.CANCEL
            server._close_overdue()
            await until(lambda: server.connections == 0)

    asyncio.run(main())


def test_the_clients_certificate_reaches_the_handler(pki: Pki) -> None:
    async def handler(request: Request) -> Result:
        request.connection["count"] = request.connection.get("count", 0) + 1
        return Response(200, (), f"{bool(request.peer_certificate)} {request.connection['count']}".encode())

    async def main() -> None:
        async with serving(handler, pki) as (_, port):
            async with connected(port, pki, certificate=True) as client:
                assert (await client.ask("GET", "/")).body == b"True 1"
                assert (await client.ask("GET", "/")).body == b"True 2"
            async with connected(port, pki) as client:
                assert (await client.ask("GET", "/")).body == b"False 1"

    asyncio.run(main())


@pytest.mark.peer
@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_curl_gets_the_version_it_asks_for(pki: Pki, option: str, version: str) -> None:
    async def main() -> None:
        async with serving(echo, pki) as (_, port):
            url = f"https://127.0.0.1:{port}/path"
            for extra, expected in (
                ((), b"GET /path [] 0"),
                (("--data-binary", "x" * 100_000), b"POST /path [] 100000"),
                (("--data-binary", "x" * 9000, "-H", "Expect: 100-continue"), b"POST /path [] 9000"),
            ):
                process = await asyncio.create_subprocess_exec(
                    *("curl", "-sS", option, "--cacert", pki.ca, "-w", "\n%{http_version}", *extra, url),
                    stdout=-1,
                )
                out, _ = await process.communicate()
                assert process.returncode == 0
                assert out.startswith(expected)
                assert out.endswith(f"\n{version}".encode())

    asyncio.run(main())


def test_a_stream_for_a_client_that_has_gone_is_closed_unread(pki: Pki) -> None:
    class Body:
        closed = False

        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError("read")

        async def aclose(self) -> None:
            self.closed = True

    async def main() -> None:
        gone, body = asyncio.Event(), Body()

        async def handler(_: Request) -> Result:
            with contextlib.suppress(asyncio.CancelledError):
                gone.set()
                await asyncio.Event().wait()
            return Response(200, (), body, endless=True)  # type: ignore[arg-type]

        async with serving(handler, pki) as (_, port), connected(port, pki) as client:
            number = client.send("GET", "/")
            await gone.wait()
            client.h2.reset_stream(number)
            client.flush()
            await until(lambda: body.closed)

    asyncio.run(main())


def test_a_handler_that_is_cancelled_resets_its_stream(pki: Pki) -> None:
    async def handler(_: Request) -> Result:
        raise asyncio.CancelledError

    async def main() -> None:
        async with serving(handler, pki) as (_, port), connected(port, pki) as client:
            assert (await client.ask("GET", "/")).reset == ErrorCodes.INTERNAL_ERROR

    asyncio.run(main())


@LOOPS
def test_a_client_that_pings_and_reads_nothing_is_read_no_more(pki: Pki, run: Run) -> None:
    async def main() -> None:
        async with serving(echo, pki) as (server, port), connected(port, pki) as client:
            await client.ask("GET", "/")
            (connection,) = server._connections
            transport = connection._transport  # type: ignore[attr-defined]
            transport.set_write_buffer_limits(high=1000)
            for end in (transport, client.writer.transport):  # the kernel would take megabytes
                for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, buffer, 32768)
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(300):
                for _ in range(1000):
                    client.h2.ping(b"12345678")
                client.flush()
                if client.writer.transport.get_write_buffer_size() > 1_000_000:
                    break
                await asyncio.sleep(0)
            assert transport.get_write_buffer_size() < 1_000_000
            assert client.writer.transport.get_write_buffer_size() > 1_000_000
            client.writer.transport.abort()
            await until(lambda: not server.connections)

    run(main())


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.INTERNAL_ERROR])
def test_a_client_that_leaves_gets_what_it_asked_for_before(pki: Pki, code: ErrorCodes) -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def handler(_: Request) -> Result:
            await gate.wait()
            return Response(200, (), b"done")

        async with serving(handler, pki) as (server, port), connected(port, pki) as client:
            number = client.send("GET", "/")
            client.writer.write(GoAwayFrame(0, last_stream_id=0, error_code=code).serialize())
            client.h2.ping(b"12345678")
            client.flush()
            await until(lambda: all(c._left for c in server._connections))  # type: ignore[attr-defined]
            gate.set()
            while not client.closed:
                await client.read()
            assert client.answers[number].body == (b"" if code else b"done")
            await until(lambda: not server.connections)

    asyncio.run(main())
