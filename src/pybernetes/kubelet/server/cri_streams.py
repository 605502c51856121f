"""exec, attach and port-forward through a CRI runtime: its streaming endpoint speaks SPDY/3.1 with `v4.channel.k8s.io`.

The runtime answers a CRI call with a URL; connecting to it starts the command.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence

from pybernetes.kubelet.runtime import CRIError, RuntimeService
from pybernetes.kubelet.server.backend import Exit, StreamingError, StreamOptions
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.exchange import UpgradeRefused
from pybernetes.wire.spdy_streams import SpdySession, SpdyStream
from pybernetes.wire.spdy_upgrade import open_spdy

V4 = "v4.channel.k8s.io"
PORT_FORWARD = "portforward.k8s.io"


class CriStreams:
    """The `StreamingRuntime` of a CRI runtime. `client` reaches the runtime's streaming endpoint (a client without
    TLS for containerd's default, which listens on loopback).
    """

    def __init__(self, runtime: RuntimeService, client: HttpClient) -> None:
        self._runtime = runtime
        self._client = client

    async def exec(self, container_id: str, command: Sequence[str], options: StreamOptions) -> CriSession:
        """Raises StreamingError with the runtime's words."""
        try:
            url = await self._runtime.exec(container_id, command, **_flags(options))
        except CRIError as error:
            raise StreamingError(str(error)) from error
        return await self._session(url, options)

    async def attach(self, container_id: str, options: StreamOptions) -> CriSession:
        """Raises StreamingError with the runtime's words."""
        try:
            url = await self._runtime.attach(container_id, **_flags(options))
        except CRIError as error:
            raise StreamingError(str(error)) from error
        return await self._session(url, options)

    async def connect_port(self, sandbox_id: str, port: int) -> CriPortConnection:
        """Raises StreamingError; a port that nobody listens on shows at `read`."""
        try:
            url = await self._runtime.port_forward(sandbox_id, [port])
        except CRIError as error:
            raise StreamingError(str(error)) from error
        async with contextlib.AsyncExitStack() as stack:
            spdy = await self._connect(stack, url, PORT_FORWARD)
            headers = {"streamtype": "error", "port": str(port), "requestid": "0"}
            error_stream = await spdy.open(headers)
            await error_stream.finish()
            data = await spdy.open({**headers, "streamtype": "data"})
            return CriPortConnection(stack.pop_all(), data, error_stream)

    async def _session(self, url: str, options: StreamOptions) -> CriSession:
        async with contextlib.AsyncExitStack() as stack:
            spdy = await self._connect(stack, url, V4)
            # The order is upstream's client's: the error stream first.
            names = ["error"]
            names += [name for name in ("stdin", "stdout") if getattr(options, name)]
            if options.stderr and not options.tty:
                names.append("stderr")
            if options.tty:
                names.append("resize")
            streams = {name: await spdy.open({"streamtype": name}) for name in names}
            return CriSession(stack.pop_all(), streams)

    async def _connect(self, stack: contextlib.AsyncExitStack, url: str, protocol: str) -> SpdySession:
        try:
            session, _ = await stack.enter_async_context(open_spdy(self._client, url, (protocol,)))
        except UpgradeRefused as refused:
            text = refused.reply.body.decode("utf-8", "replace").strip()
            raise StreamingError(
                f"the runtime's streaming endpoint answered {refused.reply.status}: {text}"
            ) from None
        except (OSError, TimeoutError) as error:
            raise StreamingError(f"the runtime's streaming endpoint cannot be reached: {error}") from error
        return session


class CriSession:
    """A `Session` over the runtime's streams."""

    def __init__(self, stack: contextlib.AsyncExitStack, streams: Mapping[str, SpdyStream]) -> None:
        self._stack = stack
        self._streams = streams

    async def write_stdin(self, data: bytes) -> None:
        if stream := self._streams.get("stdin"):
            await stream.write(data)

    async def close_stdin(self) -> None:
        if stream := self._streams.get("stdin"):
            await stream.finish()

    async def resize(self, width: int, height: int) -> None:
        if stream := self._streams.get("resize"):
            await stream.write(json.dumps({"Width": width, "Height": height}).encode() + b"\n")

    async def read_stdout(self) -> bytes:
        stream = self._streams.get("stdout")
        return await stream.read() if stream else b""

    async def read_stderr(self) -> bytes:
        stream = self._streams.get("stderr")
        return await stream.read() if stream else b""

    async def wait(self) -> Exit:
        """The Status of the error stream; a stream that ends without one is a success, as upstream takes it."""
        try:
            message = await self._streams["error"].read_all()
        except ConnectionError as error:
            return Exit(error=f"the runtime broke the session off: {error}")
        if not message:
            return Exit()
        try:
            return Exit.of_status(json.loads(message))
        except ValueError:
            return Exit(error=message.decode("utf-8", "replace"))

    async def close(self) -> None:
        await self._stack.aclose()


class CriPortConnection:
    """A `PortConnection` over a pair of the runtime's streams."""

    def __init__(self, stack: contextlib.AsyncExitStack, data: SpdyStream, error: SpdyStream) -> None:
        self._stack = stack
        self._data = data
        self._error = error

    async def read(self) -> bytes:
        """Raises StreamingError where the runtime told why the connection failed."""
        try:
            data = await self._data.read()
        except ConnectionError:
            data = b""
        if not data:
            try:
                message = await self._error.read_all()
            except ConnectionError:
                message = b""
            if message:
                raise StreamingError(message.decode("utf-8", "replace"))
        return data

    async def write(self, data: bytes) -> None:
        await self._data.write(data)

    async def finish(self) -> None:
        await self._data.finish()

    async def close(self) -> None:
        await self._stack.aclose()


def _flags(options: StreamOptions) -> dict[str, bool]:
    return {
        "tty": options.tty,
        "stdin": options.stdin,
        "stdout": options.stdout,
        # CRI refuses a terminal with a stderr of its own.
        "stderr": options.stderr and not options.tty,
    }
