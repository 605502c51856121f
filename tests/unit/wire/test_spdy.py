"""SPDY/3.1: frames in every split, what a bad peer gets, and sessions over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import zlib
from collections.abc import AsyncIterator
from unittest.mock import AsyncMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.wire.spdy import (
    Data,
    Framer,
    GoAway,
    Pong,
    Replied,
    ResetStatus,
    SpdyError,
    StreamOpened,
    WasReset,
    decode_headers,
    encode_headers,
)
from pybernetes.wire.spdy_dictionary import DICTIONARY
from pybernetes.wire.spdy_streams import SpdySession
from pybernetes.wire.stream import Stream


def test_dictionary_is_the_drafts() -> None:
    assert len(DICTIONARY) == 1423
    assert DICTIONARY.startswith(b"\0\0\0\x07options\0\0\0\x04head")
    assert DICTIONARY.endswith(b"enq=0.")
    # zlib names a dictionary by its Adler-32; this is the one that every SPDY/3 peer asks for.
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_bytes_of_the_simple_frames() -> None:
    framer = Framer(client=True)
    framer.ping()
    framer.reset(5, ResetStatus.CANCEL)
    framer.data(1, b"hi", fin=True)
    framer.go_away()
    assert b"".join(framer.take()) == (
        b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"
        b"\x80\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00\x05\x00\x00\x00\x05"
        b"\x00\x00\x00\x01\x01\x00\x00\x02hi"
        b"\x80\x03\x00\x07\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00"
    )


def conversation() -> tuple[bytes, list[object]]:
    """A client's side of a session and what the server should read of it."""
    client = Framer(client=True)
    first = client.open({"StreamType": "stdin", "port": "80"})
    second = client.open({"streamtype": "error"}, fin=True)
    client.data(first, b"x" * 40_000)
    client.ping()
    client.data(first, b"", fin=True)
    client.reset(second, ResetStatus.REFUSED_STREAM)
    client.go_away()
    expected: list[object] = [
        StreamOpened(1, {"streamtype": "stdin", "port": "80"}, False),
        StreamOpened(3, {"streamtype": "error"}, True),
        b"x" * 40_000,
        "fin",
        WasReset(3, 3),
        GoAway(0),
    ]
    return b"".join(client.take()), expected


def joined(events: list[object]) -> list[object]:
    """Data events of one stream joined, so that the split of the input does not show."""
    out: list[object] = []
    for event in events:
        if not isinstance(event, Data):
            out.append(event)
        elif event.fin:
            out.append("fin")
        elif out and isinstance(out[-1], bytes):
            out[-1] += event.data
        elif event.data:
            out.append(event.data)
    return out


def test_every_split_reads_the_same() -> None:
    wire, expected = conversation()
    for at in [*range(400), *range(400, len(wire), 997), *range(len(wire) - 60, len(wire))]:
        server = Framer(client=False)
        assert joined([*server.receive(wire[:at]), *server.receive(wire[at:])]) == expected
        assert b"".join(server.take()) == b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"


def test_reply_headers_and_pong_reach_the_opener() -> None:
    client, server = Framer(client=True), Framer(client=False)
    id = client.open({"a": "b"})
    ping = client.ping()
    server.receive(b"".join(client.take()))
    server.reply(id, {"x": "y"})
    assert client.receive(b"".join(server.take())) == [Pong(ping), Replied(id, {"x": "y"}, False)]


@given(st.dictionaries(st.text("abcdefgh-", min_size=1), st.text(max_size=50), max_size=5))
@settings(max_examples=50, deadline=None)
def test_headers_round_trip(headers: dict[str, str]) -> None:
    expected = {name: value.split("\0")[0] for name, value in headers.items()}
    assert decode_headers(encode_headers(headers)) == expected


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_garbage_is_an_error_or_waits(data: bytes) -> None:
    with contextlib.suppress(SpdyError):
        Framer(client=False).receive(data)


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("!II", 1 << 31 | 2 << 16 | 1, 0),  # version 2
        struct.pack("!II", 1 << 31 | 3 << 16 | 1, 0xFFFFFF),  # huge
        struct.pack("!II", 1 << 31 | 3 << 16 | 1, 3) + b"abc",  # short
        struct.pack("!II", 1 << 31 | 3 << 16 | 1, 14) + struct.pack("!IIH", 1, 0, 0) + b"nope",  # not zlib
    ],
)
def test_a_broken_peer_is_told_to_go_away(frame: bytes) -> None:
    server = Framer(client=False)
    with pytest.raises(SpdyError):
        server.receive(frame)
    assert b"".join(server.take()).startswith(b"\x80\x03\x00\x07")


def test_stream_ids_must_grow_and_be_the_peers() -> None:
    for ids in ((2,), (3, 1), (1, 1)):
        server, packer = Framer(client=False), Framer(client=True)
        for id in ids:
            packer._next_stream = id
            packer.open({})
        with pytest.raises(SpdyError):
            server.receive(b"".join(packer.take()))


def test_a_header_bomb_is_refused() -> None:
    packer = Framer(client=True)
    packer.open({"a": "x" * 10_000_000})
    with pytest.raises(SpdyError):
        Framer(client=False).receive(b"".join(packer.take()))


# -- sessions ----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def sessions() -> AsyncIterator[tuple[SpdySession, SpdySession, Stream, Stream]]:
    """A client's and a server's session over a socket pair."""
    loop = asyncio.get_running_loop()
    streams = []
    for sock in socket.socketpair():
        stream = Stream()
        await loop.create_connection(lambda stream=stream: stream, sock=sock)  # type: ignore[misc]
        streams.append(stream)
    left, right = streams
    async with asyncio.timeout(20):
        async with SpdySession(left, client=True) as client, SpdySession(right, client=False) as server:
            yield client, server, left, right
    for stream in streams:
        stream.abort()
        await stream.wait_closed()


def test_streams_carry_data_both_ways_and_half_close() -> None:
    async def main() -> None:
        async with sessions() as (client, server, _, _):
            ours = await client.open({"streamtype": "data"})
            theirs = await server.accept()
            assert theirs is not None
            assert theirs.headers == {"streamtype": "data"}
            big = bytes(range(256)) * 20_000

            async def send() -> None:
                await ours.write(big)
                await ours.finish()

            sending = asyncio.ensure_future(send())
            assert await theirs.read_all(limit=len(big)) == big
            await sending
            await theirs.write(b"answer after the half close")
            await theirs.finish()
            assert await ours.read_all() == b"answer after the half close"
            with pytest.raises(ConnectionError):
                await ours.write(b"more")

    asyncio.run(main())


def test_a_slow_reader_holds_the_sender() -> None:
    async def main() -> None:
        async with sessions() as (client, server, left, _):
            ours = await client.open({})
            theirs = await server.accept()
            assert theirs is not None
            sent = 0

            async def send() -> None:
                nonlocal sent
                for _ in range(640):
                    await ours.write(b"x" * 65536)
                    sent += 65536
                await ours.finish()

            sending = asyncio.ensure_future(send())
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < 8_000_000
            received = 0
            while data := await theirs.read():
                received += len(data)
            assert received == 640 * 65536
            await sending
            assert left is not None

    asyncio.run(main())


def test_a_sender_that_is_held_up_does_not_stop_the_reader() -> None:
    """A command that ends without reading its stdin: the peer stops reading, but its answer must come through."""

    async def main() -> None:
        async with sessions() as (client, server, _, _):
            stdin, error = (
                await client.open({"streamtype": "stdin"}),
                await client.open({"streamtype": "error"}),
            )
            unread, answer = await server.accept(), await server.accept()
            assert unread is not None
            assert answer is not None
            sending = asyncio.ensure_future(stdin.write(b"x" * 20_000_000))
            await asyncio.sleep(0.05)
            assert not sending.done()
            server.framer.ping()
            await answer.write(b"done")
            await answer.finish()
            assert await error.read_all() == b"done"
            sending.cancel()

    asyncio.run(main())


def test_reset_and_the_end_of_the_connection() -> None:
    async def main() -> None:
        async with sessions() as (client, server, left, _):
            one, two = await client.open({}), await client.open({})
            peers = [await server.accept(), await server.accept()]
            assert all(peers)
            await one.write(b"last words")
            await one.reset()
            assert peers[0] is not None
            assert peers[1] is not None
            # A cancelled stream is how Go's peers end one: what came is read, then an end of file.
            assert await peers[0].read_all() == b"last words"
            with pytest.raises(ConnectionError):
                await peers[0].write(b"x")
            with pytest.raises(ConnectionError):
                await one.read()
            await two.write(b"before the end")
            left.close()
            assert await peers[1].read() == b"before the end"
            with pytest.raises(ConnectionError):
                await peers[1].read()
            assert await server.accept() is None
            with pytest.raises(ConnectionError):
                await server.open({})

    asyncio.run(main())


def test_a_peer_that_speaks_nonsense_ends_the_session() -> None:
    async def main() -> None:
        async with sessions() as (_, server, left, _):
            await left.write(b"\x80\x02\x00\x01\x00\x00\x00\x00")
            assert await server.accept() is None

    asyncio.run(main())


def test_a_stream_that_is_not_answered_in_time_is_given_up_and_holds_up_no_other() -> None:
    async def main() -> None:
        async with sessions() as (client, server, _, _):
            answer, server._opened = server._opened, AsyncMock()  # type: ignore[method-assign]
            with pytest.raises(TimeoutError):
                await client.open({}, timeout=0.01)
            assert not client._streams
            server.framer.reply(1)
            server.framer.data(1, b"x" * 1_000_000)
            server._opened = answer  # type: ignore[method-assign]
            assert await client.open({}, timeout=5)

    asyncio.run(main())
