"""Streams whose body sends chunks by itself (it has `offer_sender`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from test_http_server import serving
from waiting import until

from pybernetes.wire.http.messages import Request, Response, Result, Sender
from pybernetes.wire.stream import connect

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Body:
    """Yields what is put, and keeps the sender that it is offered."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.sender: Sender | None = None

    def offer_sender(self, sender: Sender) -> None:
        self.sender = sender

    def send(self, data: bytes) -> bool:
        assert self.sender is not None
        return self.sender(data)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.chunks.get()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def handler(self, _: Request) -> Result:
        return Response(200, (), self, endless=True)


def test_chunks_of_both_ways_come_in_the_order_in_which_they_were_sent() -> None:
    async def main() -> None:
        body = Body()
        async with serving(body.handler) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
            body.chunks.put_nowait(b"one\n")
            assert await reader.readexactly(9) == b"4\r\none\n\r\n"
            assert body.send(b"two\n")
            assert body.send(b"z" * 100_000)
            body.chunks.put_nowait(b"end\n")
            assert await reader.readexactly(9) == b"4\r\ntwo\n\r\n"
            assert await reader.readexactly(7 + 100_000 + 2) == b"186a0\r\n" + b"z" * 100_000 + b"\r\n"
            assert await reader.readexactly(9) == b"4\r\nend\n\r\n"
            body.chunks.put_nowait(None)
            assert await reader.readexactly(5) == b"0\r\n\r\n"
            assert not body.send(b"late")
            writer.close()

    asyncio.run(main())


def test_nothing_is_sent_to_a_client_that_does_not_read() -> None:
    async def main() -> None:
        body = Body()
        async with serving(body.handler) as (server, port):
            stream = await connect("127.0.0.1", port)
            await stream.write(GET)
            await until(lambda: body.sender is not None)
            taken = 0
            while body.send(b"x" * 65536):
                taken += 1
                await asyncio.sleep(0)
                assert taken < 400
            got = b""
            while got.count(b"x") < taken * 65536:
                got += await stream.read()
            await until(lambda: body.send(b"again"))
            while b"again" not in got:
                got += await stream.read()
            stream.abort()
            await until(lambda: not server.connections)
            assert not body.send(b"late")

    asyncio.run(main())


def test_a_server_that_ends_takes_nothing_more() -> None:
    async def main() -> None:
        body = Body()
        async with serving(body.handler) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
            closing = asyncio.create_task(server.close(grace=5))
            await asyncio.sleep(0)
            assert not body.send(b"late")
            assert await reader.read() == b"0\r\n\r\n"
            await closing
            writer.close()

    asyncio.run(main())


def test_only_chunked_answers_offer_it() -> None:
    async def main() -> None:
        body = Body()
        async with serving(body.handler) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            body.chunks.put_nowait(b"one\n")
            assert await reader.readexactly(4) == b"one\n"
            assert body.sender is None
            writer.close()

    asyncio.run(main())
