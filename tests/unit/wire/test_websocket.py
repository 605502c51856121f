"""WebSocket: the handshake's facts, the frame machine in every split, and sockets end to end."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pybernetes.wire.channels import (
    REMOTE_COMMAND,
    V4,
    V4_BASE64,
    V5,
    Channel,
    ChannelSocket,
    HalfClosed,
    decode,
    encode,
    encode_close,
)
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.exchange import UpgradeRefused
from pybernetes.wire.http.messages import Request, Result
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.stream import Stream
from pybernetes.wire.websocket import (
    Frames,
    WebSocket,
    WebSocketError,
    WebSocketTunnel,
    accept,
    accept_key,
    choose_subprotocol,
    open_websocket,
)

KEY = bytes(range(16))


def test_accept_key_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_subprotocol_is_the_clients_first_that_we_speak() -> None:
    assert choose_subprotocol(["v9", V5, V4], REMOTE_COMMAND) == V5
    assert choose_subprotocol([], REMOTE_COMMAND) == ""
    assert choose_subprotocol(["v9"], REMOTE_COMMAND) is None
    assert choose_subprotocol([], (V5,)) is None


def test_frames_in_every_split() -> None:
    client = Frames(client=True)
    wire = client.message(b"\x00" * 300) + client.message("text é") + client.ping() + client.message(b"")
    for at in range(len(wire)):
        server = Frames(client=False)
        got = server.receive(wire[:at]) + server.receive(wire[at:])
        assert got == [b"\x00" * 300, "text é", b""]
        assert len(server.outgoing) == 1  # the pong


def test_frames_of_a_peer_that_breaks_the_rules() -> None:
    unmasked = Frames(client=False).message(b"x")
    server = Frames(client=False)
    with pytest.raises(WebSocketError):
        server.receive(unmasked)
    assert server.closed
    assert server.outgoing


@pytest.mark.parametrize("text", [False, True])
def test_channel_messages(text: bool) -> None:
    for data in (b"", b"abc", bytes(range(256))):
        assert decode(encode(3, data, text=text), text=text, half_close=False) == (3, data)
    assert decode(b"", text=text, half_close=False) is None


def test_channel_close_and_bad_messages() -> None:
    channel, data = decode(encode_close(0), text=False, half_close=True) or (9, b"")
    assert (channel, type(data)) == (0, HalfClosed)
    assert decode(b"\xff\x00", text=False, half_close=False) == (255, b"\x00")
    for message, text in ((b"\xff\x00\x01", False), ("text", False), ("x123", True), ("1*", True)):
        with pytest.raises(WebSocketError):
            decode(message, text=text, half_close=True)


def echo_server() -> HttpServer:
    async def serve(websocket: WebSocket) -> None:
        if websocket.subprotocol == "plain":
            while (message := await websocket.receive()) is not None:
                await websocket.send(message)
            return
        channels = ChannelSocket(websocket)
        while (received := await channels.receive()) is not None:
            channel, data = received
            if isinstance(data, HalfClosed):
                await channels.end(Channel.STDOUT)
                return
            await channels.send(channel + 1, data)

    async def handler(request: Request) -> Result:
        return accept(request, ("plain", *REMOTE_COMMAND), serve)

    return HttpServer(handler, now=lambda: 0.0)


def test_sockets_end_to_end() -> None:
    async def main() -> None:
        server = echo_server()
        client = HttpClient(f"http://127.0.0.1:{await server.listen()}")
        async with asyncio.timeout(20):
            socket = await open_websocket(client, "/", KEY, subprotocols=("nope", "plain"))
            assert socket.subprotocol == "plain"
            big = bytes(range(256)) * 8192
            for message in (b"x", "text", big):
                await socket.send(message)
                assert await socket.receive() == message
            socket.ping()
            await socket.send("last")
            assert await socket.receive() == "last"
            await socket.close()
            for subprotocol in (V5, V4_BASE64):
                channels = ChannelSocket(await open_websocket(client, "/", KEY, subprotocols=(subprotocol,)))
                await channels.send(Channel.STDIN, b"\x00\xffbytes")
                assert await channels.receive() == (Channel.STDOUT, b"\x00\xffbytes")
                if channels.half_close:
                    await channels.end(Channel.STDIN)
                    channel, data = await channels.receive() or (9, b"")
                    assert (channel, isinstance(data, HalfClosed)) == (Channel.STDOUT, True)
                    assert await channels.receive() is None
                await channels.close()
            with pytest.raises(UpgradeRefused) as refused:
                await open_websocket(client, "/", KEY, subprotocols=("unknown",))
            assert refused.value.reply.status == 403
            assert (await client.request("GET", "/")).status == 400
        await client.close()
        await server.close()

    asyncio.run(main())


def test_an_empty_message_does_not_end_a_tunnel() -> None:
    async def main() -> None:
        async def serve(websocket: WebSocket) -> None:
            tunnel = WebSocketTunnel(websocket)
            while data := await tunnel.read():
                await tunnel.write([data, b"!"])

        async def handler(request: Request) -> Result:
            return accept(request, ("",), serve)

        server = HttpServer(handler, now=lambda: 0.0)
        client = HttpClient(f"http://127.0.0.1:{await server.listen()}")
        async with asyncio.timeout(20):
            websocket = await open_websocket(client, "/", KEY)
            for message in (b"a", b"", b"b"):
                await websocket.send(message)
            assert [await websocket.receive(), await websocket.receive()] == [b"a!", b"b!"]
            await websocket.close()
        await client.close()
        await server.close()

    asyncio.run(main())


def test_a_connection_that_just_ends_is_an_error() -> None:
    async def main() -> None:
        seen: list[Exception] = []
        done = asyncio.Event()

        async def serve(websocket: WebSocket) -> None:
            try:
                await websocket.receive()
            except ConnectionError as error:
                seen.append(error)
                done.set()

        async def handler(request: Request) -> Result:
            return accept(request, ("",), serve)

        server = HttpServer(handler, now=lambda: 0.0)
        client = HttpClient(f"http://127.0.0.1:{await server.listen()}")
        upgraded = await client.upgrade(
            "GET",
            "/",
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "x",
            },
        )
        upgraded.stream.abort()
        async with asyncio.timeout(20):
            await done.wait()
        assert isinstance(seen[0], WebSocketError)
        await client.close()
        await server.close()

    asyncio.run(main())


def test_a_peer_that_pings_and_reads_nothing_is_not_owed_more_and_more() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = Stream(), Stream()
        for stream, sock in zip((ours, theirs), socket.socketpair(), strict=True):
            await loop.create_connection(lambda stream=stream: stream, sock=sock)  # type: ignore[misc]
        receiving = asyncio.create_task(WebSocket(ours, client=False).receive())
        peer = Frames(client=True)
        ping = bytes(peer._protocol.ping(b"x" * 100))
        for _ in range(20):
            theirs.send([ping] * 1000)
            await asyncio.wait_for(theirs.drain(), 5)
            theirs._transport.pause_reading()  # type: ignore[union-attr]
        theirs.send(peer.message(b"done"))
        assert await asyncio.wait_for(receiving, 5) == b"done"
        assert ours._transport.get_write_buffer_size() < 500_000  # type: ignore[union-attr]
        for stream in (ours, theirs):
            stream.abort()
            await stream.wait_closed()

    asyncio.run(main())
