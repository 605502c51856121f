"""exec and attach: a session of the runtime joined to a client, over WebSocket channels or SPDY streams."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping

from pybernetes.kubelet.server.backend import Exit, Session, StreamingError, StreamOptions
from pybernetes.wire.channels import REMOTE_COMMAND, Channel, ChannelSocket, HalfClosed
from pybernetes.wire.http.messages import Request, Result
from pybernetes.wire.spdy_streams import SpdySession, SpdyStream
from pybernetes.wire.spdy_upgrade import accept_spdy
from pybernetes.wire.websocket import WebSocket, accept

log = logging.getLogger(__name__)

SPDY_PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
# How long a SPDY client may take to open its streams, in seconds.
CREATION_TIMEOUT = 30.0

Start = Callable[[], Awaitable[Session]]
Send = Callable[[bytes], Awaitable[None]]


def serve_remote_command(request: Request, options: StreamOptions, start: Start) -> Result:
    """The answer to an exec or attach request; `start` begins the session once the client is connected."""
    if request.wants_upgrade("websocket"):

        async def serve_socket(websocket: WebSocket) -> None:
            await over_channels(ChannelSocket(websocket), options, start)

        return accept(request, REMOTE_COMMAND, serve_socket)

    async def serve_spdy(session: SpdySession, protocol: str) -> None:
        await over_spdy(session, protocol, options, start)

    return accept_spdy(request, SPDY_PROTOCOLS, serve_spdy)


# -- WebSocket ---------------------------------------------------------------------------------------------


async def over_channels(socket: ChannelSocket, options: StreamOptions, start: Start) -> None:
    """Runs one session over a WebSocket's channels to its end."""
    session = await _started(start)
    if isinstance(session, Exit):
        ended = session
    else:
        reader = asyncio.get_running_loop().create_task(_from_channels(socket, session, options))
        try:
            ended = await _to_client(
                session,
                options,
                lambda data: socket.send(Channel.STDOUT, data),
                lambda data: socket.send(Channel.STDERR, data),
            )
        finally:
            reader.cancel()
            await asyncio.wait((reader,))
            await session.close()
    if socket.status_errors:
        await socket.send(Channel.ERROR, json.dumps(ended.status()).encode())
    elif ended != Exit():
        await socket.send(Channel.ERROR, str(ended.status()["message"]).encode())


async def _from_channels(socket: ChannelSocket, session: Session, options: StreamOptions) -> None:
    """What the client sends. Its going ends the session, and so the outputs."""
    sizes = Sizes()
    stdin = options.stdin
    try:
        while (received := await socket.receive()) is not None:
            channel, data = received
            if channel == Channel.STDIN and stdin:
                stdin = await _to_stdin(session, data)
            elif channel == Channel.RESIZE and options.tty:
                for width, height in sizes.feed(data):
                    await session.resize(width, height)
    except ConnectionError:
        log.debug("the client of a session has gone", exc_info=True)
    await session.close()


async def _to_stdin(session: Session, data: bytes) -> bool:
    """Whether stdin is still open. A command that no longer reads may still be writing: its outputs go on."""
    try:
        if isinstance(data, HalfClosed):
            await session.close_stdin()
            return False
        if data:
            await session.write_stdin(data)
    except ConnectionError:
        return False
    return True


# -- SPDY --------------------------------------------------------------------------------------------------


async def over_spdy(spdy: SpdySession, protocol: str, options: StreamOptions, start: Start) -> None:
    """Runs one session over the streams that a SPDY client opens."""
    streams = await _streams(spdy, _expected(options, protocol))
    error = streams["error"]
    session = await _started(start)
    if isinstance(session, Exit):
        ended = session
    else:
        ended = await _join_spdy(spdy, streams, session, options)
    if protocol == SPDY_PROTOCOLS[0]:
        await error.write(json.dumps(ended.status()).encode())
    elif ended != Exit():
        await error.write(str(ended.status()["message"]).encode())
    for stream in streams.values():
        await stream.finish()


async def _join_spdy(
    spdy: SpdySession, streams: Mapping[str, SpdyStream], session: Session, options: StreamOptions
) -> Exit:
    loop = asyncio.get_running_loop()
    readers = [loop.create_task(_end_with_client(spdy, session))]
    if "stdin" in streams:
        readers.append(loop.create_task(_spdy_stdin(streams["stdin"], session)))
    if "resize" in streams:
        readers.append(loop.create_task(_spdy_resize(streams["resize"], session)))
    try:
        return await _to_client(session, options, _writer(streams, "stdout"), _writer(streams, "stderr"))
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        await session.close()


def _writer(streams: Mapping[str, SpdyStream], name: str) -> Send:
    async def send(data: bytes) -> None:
        if name in streams:
            await streams[name].write(data)

    return send


def _expected(options: StreamOptions, protocol: str) -> set[str]:
    names = {"error"}
    names |= {name for name in ("stdin", "stdout") if getattr(options, name)}
    if options.stderr and not options.tty:
        names.add("stderr")
    if options.tty and protocol in SPDY_PROTOCOLS[:2]:
        names.add("resize")
    return names


async def _streams(spdy: SpdySession, expected: set[str]) -> dict[str, SpdyStream]:
    """The streams by type, once all have come. Raises TimeoutError, ConnectionError."""
    streams: dict[str, SpdyStream] = {}
    async with asyncio.timeout(CREATION_TIMEOUT):
        while expected - streams.keys():
            stream = await spdy.accept()
            if stream is None:
                raise ConnectionResetError("the client went before it opened its streams")
            streams[stream.headers.get("streamtype", "")] = stream
    return streams


async def _spdy_stdin(stream: SpdyStream, session: Session) -> None:
    try:
        while data := await stream.read():
            await session.write_stdin(data)
        await session.close_stdin()
    except ConnectionError:
        log.debug("stdin of a session broke", exc_info=True)


async def _spdy_resize(stream: SpdyStream, session: Session) -> None:
    sizes = Sizes()
    try:
        while data := await stream.read():
            for width, height in sizes.feed(data):
                await session.resize(width, height)
    except ConnectionError:
        log.debug("the resize stream of a session broke", exc_info=True)


async def _end_with_client(spdy: SpdySession, session: Session) -> None:
    """Gives the session up when the client's connection ends; streams beyond the expected ones are ignored."""
    while await spdy.accept() is not None:
        continue
    await session.close()


# -- both --------------------------------------------------------------------------------------------------


async def _started(start: Start) -> Session | Exit:
    try:
        return await start()
    except StreamingError as error:
        return Exit(error=str(error))


async def _to_client(session: Session, options: StreamOptions, stdout: Send, stderr: Send) -> Exit:
    """Sends both outputs to their ends, then tells how the session ended. Raises ConnectionError where the client has
    gone.
    """

    async def copy(read: Callable[[], Awaitable[bytes]], send: Send) -> None:
        while data := await read():
            await send(data)

    copies = []
    loop = asyncio.get_running_loop()
    if options.stdout:
        copies.append(loop.create_task(copy(session.read_stdout, stdout)))
    if options.stderr and not options.tty:
        copies.append(loop.create_task(copy(session.read_stderr, stderr)))
    try:
        await asyncio.gather(*copies)
        return await session.wait()
    except StreamingError as error:
        return Exit(error=str(error))
    finally:
        for task in copies:
            task.cancel()
        if copies:
            await asyncio.wait(copies)


class Sizes:
    """Terminal sizes out of a stream of JSON objects (`{"Width":80,"Height":24}`), however it is cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, int]]:
        """What is no size is dropped: a bad resize must not end a session."""
        *objects, self._rest = (self._rest + data)[-4096:].split(b"}")
        sizes = []
        for text in objects:
            try:
                size = json.loads(text + b"}")
                sizes.append((int(size.get("Width", 0)), int(size.get("Height", 0))))
            except (ValueError, TypeError, AttributeError):
                log.debug("not a terminal size: %r", text)
        return sizes
