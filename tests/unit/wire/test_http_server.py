"""The HTTP/1.1 server over loopback sockets, spoken to in raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from waiting import until

from pybernetes.wire.http.connection import HttpConnection
from pybernetes.wire.http.messages import Handler, Request, Response, Result, Upgrade
from pybernetes.wire.http.parsing import Limits, RequestParser
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.stream import Stream, connect

NOW = 1_790_000_000.0
Serving = tuple[HttpServer, int]


@contextlib.asynccontextmanager
async def serving(handler: Handler, limits: Limits | None = None) -> AsyncIterator[Serving]:
    server = HttpServer(handler, now=lambda: NOW, limits=limits)
    port = await server.listen()
    try:
        async with asyncio.timeout(20):
            yield server, port
    finally:
        await server.close()


async def echo(request: Request) -> Result:
    text = f"{request.method} {request.path} {sorted(request.query.pairs())} {len(request.body)}"
    return Response(200, (("Content-Type", "text/plain"),), text.encode())


async def raw(port: int, *pieces: bytes) -> bytes:
    """Sends pieces one by one, ends the sending half, reads all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    data = await reader.read()
    writer.close()
    return data


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    asyncio.run(whole())


GET = b"GET /a%20b?x=1&x=2&y= HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def test_answers_with_length_date_and_close() -> None:
    async def main() -> None:
        async with serving(echo) as (_, port):
            head, _, body = (await raw(port, GET)).partition(b"\r\n\r\n")
            assert head.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
            assert b"Date: Mon, 21 Sep 2026 14:13:20 GMT" in head
            assert b"Connection: close" in head
            assert b"Content-Length: %d" % len(body) in head
            assert body == b"GET /a b [('x', '1'), ('x', '2'), ('y', '')] 0"

    run(main)


def test_every_split_of_a_request_reads_the_same() -> None:
    request = (
        b"POST /p?q=%31 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )

    async def main() -> None:
        async with serving(echo) as (_, port):
            for at in range(1, len(request)):
                answer = await raw(port, request[:at], request[at:])
                assert answer.endswith(b"POST /p [('q', '1')] 5")

    run(main)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def slow_first(request: Request) -> Result:
        if request.path == "/0":
            await asyncio.sleep(0.02)
        return Response(200, (), request.path.encode())

    async def main() -> None:
        async with serving(slow_first) as (_, port):
            many = b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(100))
            data = await raw(port, many + b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            bodies = [part.rpartition(b"\r\n\r\n")[2] for part in data.split(b"HTTP/1.1 200 OK")[1:]]
            assert bodies == [b"/%d" % n for n in range(100)] + [b"/last"]

    run(main)


def test_head_and_no_content_have_no_body() -> None:
    async def handler(request: Request) -> Result:
        return Response(
            204 if request.path == "/none" else 200, (), b"" if request.path == "/none" else b"abc"
        )

    async def main() -> None:
        async with serving(handler) as (_, port):
            head = await raw(port, b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert b"Content-Length: 3" in head
            assert head.endswith(b"\r\n\r\n")
            none = await raw(port, b"GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert b"Content-Length" not in none
            old = await raw(port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
            assert old.count(b"abc") == 2
            assert b"Connection: keep-alive" in old

    run(main)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"505"),
        (b"GET /\r\n\r\n", b"505"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 5000, b"431"),
        (b"GET /" + b"y" * 5000, b"431"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"z" * 1001, b"413"),
    ],
)
def test_what_is_no_good_request_is_refused(request_bytes: bytes, status: bytes) -> None:
    async def main() -> None:
        async with serving(echo, Limits(body=1000, head=4096, discard_timeout=0.05)) as (_, port):
            answer = await raw(port, request_bytes)
            assert answer.startswith(b"HTTP/1.1 " + status + b" ")
            assert b"Connection: close" in answer

    run(main)


def test_refusal_body_is_the_owners_and_comes_after_earlier_answers() -> None:
    async def main() -> None:
        server = HttpServer(
            echo,
            now=lambda: NOW,
            limits=Limits(body=10, discard_timeout=0.05),
            refuse=lambda status, message: Response(status, (), f"[{message}]".encode()),
        )
        port = await server.listen()
        good = b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n"
        bad = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 300_000
        answer = await raw(port, good + bad)
        assert answer.index(b"/first") < answer.index(b"[Request entity too large: limit is 10]")
        await server.close()

    run(main)


def test_expect_continue_is_answered_before_the_body() -> None:
    async def main() -> None:
        async with serving(echo) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"PUT /u HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"abc")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(b"PUT /u [] 3")) == b"PUT /u [] 3"
            # Too large: refused without a 100.
            writer.write(
                b"PUT /u HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
            )
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
            writer.close()

    run(main)


def test_a_failing_handler_is_a_500_and_the_connection_lives(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Result:
        if request.path == "/bad":
            raise KeyError("bug")
        if request.path == "/split":
            return Response(200, (("X", "a\r\nSet-Cookie: b"),), b"")
        return Response(200, (), b"fine")

    async def main() -> None:
        async with serving(handler) as (_, port):
            data = await raw(
                port,
                b"GET /bad HTTP/1.1\r\nHost: h\r\n\r\nGET /split HTTP/1.1\r\nHost: h\r\n\r\n"
                b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            )
            assert data.count(b"500 Internal Server Error\r\n") == 2
            assert data.endswith(b"fine")
            assert b"Set-Cookie" not in data

    run(main)
    assert "bug" in caplog.text


def test_stream_is_chunked_and_flushed_as_it_yields() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes | list[bytes]]:
            yield b"one\n"
            await gate.wait()
            yield [b"two", b"", b"\n"]
            yield b""
            yield b"z" * 100_000

        async def handler(_: Request) -> Result:
            return Response(200, (), chunks())

        async with serving(handler) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"Transfer-Encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readuntil(b"\n\r\n") == b"4\r\none\n\r\n"
            gate.set()
            assert await reader.readexactly(9) == b"4\r\ntwo\n\r\n"
            assert (await reader.readexactly(7 + 100_000 + 2)).startswith(b"186a0\r\nz")
            assert await reader.readexactly(5) == b"0\r\n\r\n"
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            assert b"chunked" not in await reader.readuntil(b"\r\n\r\n")
            assert len(await reader.read()) == 8 + 100_000
            writer.close()

    run(main)


def test_slow_reader_holds_back_the_iterator_and_leaving_closes_it() -> None:
    async def main() -> None:
        pulled = 0
        closed = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            nonlocal pulled
            try:
                while True:
                    pulled += 1
                    yield b"x" * 65536
            finally:
                closed.set()

        async def handler(_: Request) -> Result:
            return Response(200, (), endless(), endless=True)

        async with serving(handler) as (server, port):
            stream = await connect("127.0.0.1", port)
            await stream.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            before = -1
            while pulled != before:
                before = pulled
                await asyncio.sleep(0.05)
            assert 0 < pulled < 400
            stream.abort()
            await closed.wait()
            await until(lambda: not server.connections)

    run(main)


def test_client_that_goes_cancels_the_handler() -> None:
    async def main() -> None:
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def handler(_: Request) -> Result:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise AssertionError

        async with serving(handler) as (_, port):
            stream = await connect("127.0.0.1", port)
            await stream.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await started.wait()
            stream.abort()
            await cancelled.wait()

    run(main)


def test_upgrade_hands_over_the_stream_with_what_was_sent_early() -> None:
    async def serve(stream: Stream) -> None:
        while data := await stream.read():
            await stream.write(data.upper())

    async def handler(request: Request) -> Result:
        if request.wants_upgrade("echo"):
            return Upgrade((("Upgrade", "echo"),), serve)
        return Response(200, (), b"plain")

    upgrade = (
        b"POST /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n"
    )

    async def main() -> None:
        async with serving(handler) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # An upgrade that the handler does not know is answered as plain HTTP, and the next request is read.
            writer.write(upgrade % b"h2c" + upgrade % b"echo" + b"early ")
            assert (await reader.readuntil(b"plain")).startswith(b"HTTP/1.1 200")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert b"Connection: Upgrade" in head
            assert b"Upgrade: echo" in head
            writer.write(b"late")
            writer.write_eof()
            assert await reader.read() == b"EARLY LATE"
            writer.close()
            await until(lambda: not server.connections)

    run(main)


def test_close_ends_watches_with_their_last_chunk_and_lets_requests_finish() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def watch() -> AsyncIterator[bytes]:
            yield b"event\n"
            await asyncio.Event().wait()

        async def handler(request: Request) -> Result:
            if request.path == "/watch":
                return Response(200, (), watch(), endless=True)
            await release.wait()
            return Response(200, (), b"done")

        server = HttpServer(handler, now=lambda: NOW)
        port = await server.listen()
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        (watcher, w0), (slow, w1), (idle, w2) = connections
        w0.write(b"GET /watch HTTP/1.1\r\nHost: h\r\n\r\n")
        await watcher.readuntil(b"event\n\r\n")
        w1.write(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.02)
        closing = asyncio.ensure_future(server.close(grace=5))
        assert await watcher.read() == b"0\r\n\r\n"
        assert await idle.read() == b""
        release.set()
        answer = await slow.read()
        assert answer.endswith(b"done")
        assert b"Connection: close" in answer
        await closing
        assert server.connections == 0
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        for writer in (w0, w1, w2):
            writer.close()

    run(main)


def test_a_client_that_drips_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.wire.http.server.SWEEP", 0.01)
    limits = Limits(head_timeout=0.05, body_timeout=0.05, idle_timeout=0.05)

    async def main() -> None:
        async with serving(echo, limits) as (_, port):
            assert await raw(port) == b""
            for start in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(start)
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()

    run(main)


def test_unix_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "h.sock")

    async def main() -> None:
        server = HttpServer(echo, now=lambda: NOW)
        await server.listen_unix(path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(GET)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await server.close()

    run(main)


def test_trailers_are_no_headers() -> None:
    """What a proxy in front takes out of the head must not come in behind the body."""

    async def handler(request: Request) -> Result:
        return Response(200, (), f"{sorted(request.headers.pairs())} {request.body!r}".encode())

    async def main() -> None:
        async with serving(handler) as (_, port):
            message = (
                b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"1\r\na\r\n0\r\nX-Remote-User: admin\r\nHost: other\r\n\r\n"
            )
            answer = await raw(port, message)
            assert answer.endswith(
                b"[('connection', 'close'), ('host', 'h'), ('transfer-encoding', 'chunked')] b'a'"
            )

    run(main)


@pytest.mark.parametrize("pieces", [(b"ab",), (b"ab", b"cdefg")], ids=["short", "long"])
def test_a_stream_of_another_length_than_its_head_says_breaks_the_connection(
    pieces: tuple[bytes, ...],
) -> None:
    async def handler(_: Request) -> Result:
        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return Response(200, (("Content-Length", "4"),), body())

    async def main() -> None:
        async with serving(handler) as (_, port):
            data = await raw(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
            assert data.count(b"HTTP/1.1 ") == 1
            assert len(data.partition(b"\r\n\r\n")[2]) <= 4

    run(main)


def test_a_server_that_is_closed_as_a_request_comes_forgets_the_connection() -> None:
    async def main() -> None:
        server = HttpServer(echo, now=lambda: NOW)
        client, ours = socket.socketpair()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: HttpConnection(server, "http"), sock=ours)
        connection.data_received(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        connection.abort()
        await until(lambda: not server.connections)
        await server.close()
        client.close()

    run(main)


def test_who_comes_to_a_closed_server_is_sent_away() -> None:
    """A TLS handshake may end after the server has been closed."""

    async def main() -> None:
        server = HttpServer(echo, now=lambda: NOW)
        await server.close()
        client, ours = socket.socketpair()
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: HttpConnection(server, "http"), sock=ours)
        await until(lambda: not server.connections)
        assert server._sweep is None
        client.close()

    run(main)


def test_a_request_that_came_before_the_server_ends_is_answered() -> None:
    async def main() -> None:
        server = HttpServer(echo, now=lambda: NOW)
        client, ours = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=client)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: HttpConnection(server, "http"), sock=ours)
        connection.data_received(b"GET /one HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"/one" in await reader.readuntil(b" 0")
        connection.data_received(b"GET /two HTTP/1.1\r\nHost: h\r\n\r\n")
        await server.close(grace=5)
        assert b"/two" in await reader.read()
        writer.close()

    run(main)


def test_silent_peers_are_probed() -> None:
    async def main() -> None:
        async with serving(echo) as (server, port):
            stream = await connect("127.0.0.1", port)
            await until(lambda: bool(server.connections))
            (connection,) = server._connections
            sock = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            stream.abort()

    run(main)


def test_a_body_in_tiny_pieces_takes_no_more_memory_than_its_bytes() -> None:
    parser = RequestParser(Limits(), lambda *parts: Request(*parts))
    parser.feed(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    tracemalloc.start()
    for _ in range(100):
        parser.feed(b"2\r\nab\r\n" * 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_500_000
    parser.feed(b"0\r\n\r\n")
    (turn,) = parser.turns
    assert isinstance(turn.request, Request)
    assert turn.request.body == b"ab" * 100_000
