"""port-forward: connections into a pod's network namespace, joined to a client over SPDY streams (plain, or tunnelled
inside WebSocket messages as kubectl does) or over WebSocket channels.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pybernetes.kubelet.server.backend import PortConnection, StreamingError
from pybernetes.wire.channels import V1, V1_BASE64, V4, V4_BASE64, ChannelSocket
from pybernetes.wire.http.messages import Request, Response, Result
from pybernetes.wire.spdy_streams import SpdySession, SpdyStream
from pybernetes.wire.spdy_upgrade import accept_spdy
from pybernetes.wire.websocket import WebSocket, WebSocketTunnel, accept

log = logging.getLogger(__name__)

PROTOCOL = "portforward.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNEL_PROTOCOLS = (V4, V4_BASE64, V1, V1_BASE64, "")
# How long the second stream of a pair may take to come, in seconds.
PAIR_TIMEOUT = 30.0

Connect = Callable[[int], Awaitable[PortConnection]]


@dataclass(frozen=True, slots=True)
class Target:
    """The pod, for messages, and how to connect to one of its ports."""

    pod: str
    uid: str
    connect: Connect

    def failed(self, port: int, error: Exception) -> bytes:
        return f"error forwarding port {port} to pod {self.pod}, uid {self.uid}: {error}".encode()


def serve_port_forward(request: Request, target: Target) -> Result:
    """The answer to a portForward request."""
    if not request.wants_upgrade("websocket"):

        async def serve_spdy(session: SpdySession, _: str) -> None:
            await over_spdy(session, target)

        return accept_spdy(request, (PROTOCOL,), serve_spdy)
    ports = ports_of(request)
    if isinstance(ports, Response):
        return ports

    async def serve_socket(websocket: WebSocket) -> None:
        if websocket.subprotocol == TUNNEL:
            async with SpdySession(WebSocketTunnel(websocket), client=False) as session:
                await over_spdy(session, target)
        elif ports:
            await over_channels(ChannelSocket(websocket), ports, target)

    return accept(request, (TUNNEL, *(CHANNEL_PROTOCOLS if ports else ())), serve_socket)


def ports_of(request: Request) -> list[int] | Response:
    """The ports of the query (`port=80,443`, `ports=…`, or repeated); needed by channels, unused by SPDY."""
    values = request.query.all("ports") + request.query.all("port")
    texts = [text for value in values for text in value.split(",")]
    ports = [int(text) for text in texts if text.isascii() and text.isdigit() and 0 < int(text) < 65536]
    if len(ports) != len(texts):
        return Response.text(400, f"query parameter ports holds what is no port: {texts}\n")
    return ports


# -- SPDY --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pair:
    """The data and error stream of one connection."""

    data: SpdyStream | None = None
    error: SpdyStream | None = None
    whole: asyncio.Event = field(default_factory=asyncio.Event)


async def over_spdy(session: SpdySession, target: Target) -> None:
    """Serves connections, as the client opens pairs of streams, until the client goes."""
    pairs: dict[str, Pair] = {}
    tasks: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    try:
        while (stream := await session.accept()) is not None:
            kind = stream.headers.get("streamtype", "")
            if kind not in ("data", "error") or not stream.headers.get("port", "").isdigit():
                await stream.reset()
                continue
            # Old clients send no request id; they open the error stream first, two before the data stream.
            id = stream.headers.get("requestid") or str(stream.id if kind == "error" else stream.id - 2)
            if id not in pairs:
                pairs[id] = Pair()
                task = loop.create_task(_forward(pairs, id, target))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            pair = pairs[id]
            if kind == "data":
                pair.data = stream
            else:
                pair.error = stream
            if pair.data is not None and pair.error is not None:
                pair.whole.set()
    finally:
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks))


async def _forward(pairs: dict[str, Pair], id: str, target: Target) -> None:
    pair = pairs[id]
    try:
        async with asyncio.timeout(PAIR_TIMEOUT):
            await pair.whole.wait()
    except TimeoutError:
        log.info("port-forward: the streams of request %s did not come in time", id)
        for stream in (pair.data, pair.error):
            if stream is not None:
                await stream.reset()
        return
    finally:
        pairs.pop(id, None)
    assert pair.data is not None
    assert pair.error is not None
    port = int(pair.data.headers["port"])
    try:
        await _join(pair.data, port, target)
    except StreamingError as error:
        log.info("port-forward: %s", error)
        await _tell(pair.error, target.failed(port, error))
    except ConnectionError:
        log.debug("a forwarded connection broke", exc_info=True)
    finally:
        await pair.data.finish()
        await pair.error.finish()


async def _tell(stream: SpdyStream, message: bytes) -> None:
    try:
        await stream.write(message)
    except ConnectionError:
        log.debug("nobody reads why a connection failed", exc_info=True)


async def _join(stream: SpdyStream, port: int, target: Target) -> None:
    """Copies both ways until the pod's side ends."""
    connection = await target.connect(port)

    async def to_pod() -> None:
        try:
            while data := await stream.read():
                await connection.write(data)
            await connection.finish()
        except ConnectionError:
            await connection.close()

    task = asyncio.get_running_loop().create_task(to_pod())
    try:
        while data := await connection.read():
            await stream.write(data)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await connection.close()


# -- WebSocket channels ------------------------------------------------------------------------------------


async def over_channels(socket: ChannelSocket, ports: list[int], target: Target) -> None:
    """Channel 2n carries the data of the nth port and 2n+1 its error; each begins with the port, two bytes."""
    loop = asyncio.get_running_loop()
    connections: dict[int, PortConnection] = {}
    tasks: list[asyncio.Task[None]] = []
    for index, port in enumerate(ports):
        for channel in (2 * index, 2 * index + 1):
            await socket.send(channel, struct.pack("<H", port))
    try:
        for index, port in enumerate(ports):
            try:
                connections[index] = await target.connect(port)
            except StreamingError as error:
                await socket.send(2 * index + 1, target.failed(port, error))
                continue
            tasks.append(loop.create_task(_from_pod(socket, index, port, connections[index], target)))
        while (received := await socket.receive()) is not None:
            channel, data = received
            connection = connections.get(channel // 2)
            if channel % 2 == 0 and data and connection is not None:
                await connection.write(data)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for connection in connections.values():
            await connection.close()


async def _from_pod(
    socket: ChannelSocket, index: int, port: int, connection: PortConnection, target: Target
) -> None:
    try:
        while data := await connection.read():
            await socket.send(2 * index, data)
    except StreamingError as error:
        await socket.send(2 * index + 1, target.failed(port, error))
    except ConnectionError:
        log.debug("a forwarded connection broke", exc_info=True)
