"""The HTTP/1.1 client against the server and against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from certificates import Pki
from waiting import until

from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.exchange import BadAnswer, UpgradeRefused
from pybernetes.wire.http.messages import Request, Response, Result, Upgrade
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.stream import Stream
from pybernetes.wire.tls import client_context, load_client_pair, server_context


async def handler(request: Request) -> Result:
    match request.path:
        case "/lines":

            async def lines() -> AsyncIterator[bytes]:
                for piece in (b'{"a"', b":1}\n{}\n", b"", b"\nrest"):
                    yield piece

            return Response(200, (), lines())
        case "/big":
            return Response(200, (), b"b" * 5_000_000)
        case "/up":

            async def serve(stream: Stream) -> None:
                await stream.write(b"hello ")
                while data := await stream.read():
                    await stream.write(data)

            return (
                Upgrade((("Upgrade", "x"),), serve)
                if request.wants_upgrade("x")
                else Response(403, (), b"no")
            )
        case "/who":
            return Response(
                200, (("X-Cert", str(request.peer_certificate is not None)),), request.scheme.encode()
            )
        case "/slow":
            await asyncio.sleep(10)
    return Response(200, (("X-Two", "1"), ("X-Two", "2")), request.method.encode() + b":" + request.body)


@contextlib.asynccontextmanager
async def pair(**options: object) -> AsyncIterator[tuple[HttpServer, HttpClient]]:
    server = HttpServer(handler, now=lambda: 0.0)
    client = HttpClient(f"http://127.0.0.1:{await server.listen()}", **options)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(20):
            yield server, client
    finally:
        await client.close()
        await server.close()


def test_requests_reuse_one_connection() -> None:
    async def main() -> None:
        async with pair(headers={"X-Always": "1"}) as (server, client):
            for method, body in (("GET", b""), ("POST", b"x" * 100_000), ("HEAD", b""), ("PUT", b"")):
                reply = await client.request(method, "/", body=body)
                assert reply.status == 200
                assert reply.headers.all("x-two") == ["1", "2"]
                assert reply.body == (b"" if method == "HEAD" else method.encode() + b":" + body)
            assert len((await client.request("GET", "/big")).body) == 5_000_000
            await asyncio.gather(*(client.request("GET", "/") for _ in range(20)))
            assert (await client.request("GET", "/big", limit=10)).body == b"b" * 10
            assert server.connections <= 22

    asyncio.run(main())


def test_lines_of_a_stream() -> None:
    async def main() -> None:
        async with pair() as (_, client), client.stream("GET", "/lines") as reply:
            assert [line async for line in reply.lines()] == [b'{"a":1}', b"{}", b"", b"rest"]

    asyncio.run(main())


def test_leaving_a_stream_early_and_timeouts_close_the_connection() -> None:
    async def main() -> None:
        async with pair() as (server, client):
            async with client.stream("GET", "/big") as reply:
                assert reply.status == 200
            with pytest.raises(TimeoutError):
                await client.request("GET", "/slow", timeout=0.05)
            with pytest.raises(TimeoutError, match=r"no answer to GET /slow within 0\.05 s"):
                async with client.stream("GET", "/slow", timeout=0.05):
                    raise AssertionError
            await until(lambda: not server.connections)
            assert (await client.request("GET", "/")).status == 200

    asyncio.run(main())


def test_upgrade_and_its_refusal() -> None:
    async def main() -> None:
        async with pair() as (_, client):
            up = await client.upgrade("POST", "/up", headers={"Connection": "Upgrade", "Upgrade": "x"})
            await up.stream.write(b"there")
            assert up.stream.write_eof()
            data = b""
            while piece := await up.stream.read():
                data += piece
            assert data == b"hello there"
            up.stream.close()
            with pytest.raises(UpgradeRefused) as refused:
                await client.upgrade("POST", "/up", headers={"Connection": "Upgrade", "Upgrade": "y"})
            assert (refused.value.reply.status, refused.value.reply.body) == (403, b"no")

    asyncio.run(main())


def test_a_stale_connection_is_replaced_for_safe_methods_only() -> None:
    async def main() -> None:
        accepted = 0

        async def flaky(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Answers one request on each connection, then closes on seeing the next."""
            nonlocal accepted
            accepted += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(flaky, "127.0.0.1", 0)
        client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for _ in range(3):
            assert (await client.request("GET", "/")).body == b"ok"
        assert accepted == 3
        with pytest.raises(ConnectionError):
            await client.request("POST", "/", body=b"once")
        assert accepted == 3
        await client.close()
        server.close()
        await server.wait_closed()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ConnectionError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ConnectionError),
        (b"SSH-2.0-OpenSSH\r\n", BadAnswer),
        (b"", ConnectionError),
    ],
)
def test_answers_of_strange_servers(answer: bytes, expected: bytes | type[Exception]) -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        if isinstance(expected, bytes):
            assert (await client.request("GET", "/")).body == expected
        else:
            with pytest.raises(expected):
                await client.request("POST", "/")
        await client.close()
        server.close()
        await server.wait_closed()

    asyncio.run(main())


def test_refuses_what_would_break_the_request_line() -> None:
    async def main() -> None:
        async with pair() as (_, client):
            with pytest.raises(ValueError):
                await client.request("GET", "/a b")
            with pytest.raises(ValueError):
                await client.request("GET", "/", headers={"X": "a\r\nY: b"})
            with pytest.raises(ValueError):
                await client.request("GET", "ftp://x/")

    asyncio.run(main())


def test_tls_with_and_without_a_client_certificate(pki: Pki) -> None:
    async def main() -> None:
        server = HttpServer(handler, now=lambda: 0.0)
        port = await server.listen(tls=server_context(pki.server, pki.server_key, pki.ca))
        base = f"https://127.0.0.1:{port}"
        text = client_context(pki.ca.read_text())
        load_client_pair(text, pki.client.read_text(), pki.client_key.read_text())
        for context, certified in (
            (client_context(pki.ca, pki.client, pki.client_key), "True"),
            (text, "True"),
            (client_context(pki.ca), "False"),
            (client_context(verify=False), "False"),
        ):
            client = HttpClient(base, tls=context)
            reply = await client.request("GET", "/who")
            assert (reply.headers["x-cert"], reply.body) == (certified, b"https")
            up = await client.upgrade("POST", "/up", headers={"Connection": "Upgrade", "Upgrade": "x"})
            assert await up.stream.read() == b"hello "
            up.stream.close()
            await client.close()
        stranger = HttpClient(base, tls=client_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            await stranger.request("GET", "/who")
        misnamed = HttpClient(base, tls=client_context(pki.ca), server_hostname="elsewhere")
        with pytest.raises(ssl.SSLCertVerificationError):
            await misnamed.request("GET", "/who")
        await stranger.close()
        await misnamed.close()
        await server.close(grace=2)

    asyncio.run(main())


def test_unix_socket(tmp_path: Path) -> None:
    async def main() -> None:
        server = HttpServer(handler, now=lambda: 0.0)
        path = str(tmp_path / "s")
        await server.listen_unix(path)
        client = HttpClient("http://localhost", unix_path=path)
        assert (await client.request("GET", "/")).body == b"GET:"
        await client.close()
        await server.close()

    asyncio.run(main())


@contextlib.asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[HttpClient]:
    """A client of a server that gives these answers in turn, on whatever connection, each in one piece."""
    left, open_ = list(answers), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_
        open_ += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while left and await reader.readuntil(b"\r\n\r\n"):
                writer.write(left.pop(0))
                await writer.drain()
            await reader.read()
        writer.close()
        open_ -= 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        async with asyncio.timeout(20):
            yield client
    finally:
        await client.close()
        await until(lambda: not open_)
        server.close()
        await server.wait_closed()


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_a_body_that_nobody_read_is_not_in_the_next_answer() -> None:
    async def main() -> None:
        async with scripted(plain(b"unread"), plain(b"asked for")) as client:
            async with client.stream("GET", "/") as reply:
                assert reply.status == 200
            assert (await client.request("GET", "/")).body == b"asked for"

    asyncio.run(main())


def test_an_answer_that_nobody_asked_for_is_not_taken_for_one() -> None:
    unasked = b"HTTP/1.1 500 No\r\nX-Evil: 1\r\nContent-Length: 3\r\n\r\nbad"

    async def main() -> None:
        async with scripted(plain(b"one") + unasked, plain(b"two")) as client:
            reply = await client.request("GET", "/")
            assert (reply.status, dict(reply.headers), reply.body) == (200, {"content-length": "3"}, b"one")
            assert (await client.request("GET", "/")).body == b"two"

    asyncio.run(main())


def test_a_head_without_end_is_refused() -> None:
    async def main() -> None:
        async with scripted(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000_000) as client:
            with pytest.raises(BadAnswer, match="head"):
                await client.request("GET", "/")

    asyncio.run(main())


def test_trailers_are_no_headers() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Late: 1\r\n\r\n"

    async def main() -> None:
        async with scripted(chunked) as client:
            reply = await client.request("GET", "/")
            assert (dict(reply.headers), reply.body) == ({"transfer-encoding": "chunked"}, b"x")

    asyncio.run(main())


def test_origins_that_are_asked_no_more_are_let_go() -> None:
    async def main() -> None:
        servers = [HttpServer(handler, now=lambda: 0.0) for _ in range(3)]
        client = HttpClient(idle_seconds=0.0)
        for server in servers:
            await client.request("GET", f"http://127.0.0.1:{await server.listen()}/")
        await until(lambda: [server.connections for server in servers[:2]] == [0, 0])
        assert len(client._idle) == 1
        await client.close()
        for server in servers:
            await server.close()

    asyncio.run(main())


def test_a_server_that_vanishes_is_noticed_by_the_system() -> None:
    async def main() -> None:
        async with pair() as (_, client), client.stream("GET", "/big") as reply:
            (connection,) = client._busy
            sock = connection._transport.get_extra_info("socket")
            assert reply.status == 200
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 30

    asyncio.run(main())
