"""A client that speaks HTTP/2 frame by frame, so that a test decides what is sent and what is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings
from certificates import Pki

from pybernetes.wire.tls import client_context


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None


class Client:
    """`acknowledge` False leaves the windows as they are: what the server may send is then used up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.answers: dict[int, Answer] = {}
        self.acknowledge = True
        self.goaway: int | None = None
        self.closed = False

    def start(self) -> None:
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def send(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        end: bool = True,
    ) -> int:
        number = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "h")]
        self.h2.send_headers(number, [*pseudo, *headers], end_stream=end and not body)
        self.answers[number] = Answer()
        if body:
            self.h2.send_data(number, body, end_stream=end)
        self.flush()
        return number

    async def read(self) -> None:
        """Takes what the server has sent."""
        data = await self.reader.read(65536)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self._handle(event)
        self.flush()

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = int(event.error_code)
        answer = self.answers.get(getattr(event, "stream_id", None) or 0)
        if answer is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = dict(event.headers)  # type: ignore[arg-type]
            answer.status = int(answer.headers.pop(":status"))
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.acknowledge:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = int(event.error_code)

    async def until(self, *numbers: int) -> None:
        """Reads until these streams have ended, in whatever way."""
        while any(not self.answers[n].ended and self.answers[n].reset is None for n in numbers):
            await self.read()
            assert not self.closed, "the server closed the connection"

    async def ask(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:
        number = self.send(method, path, headers, body)
        await self.until(number)
        return self.answers[number]


@contextlib.asynccontextmanager
async def connected(port: int, pki: Pki, *, certificate: bool = False) -> AsyncIterator[Client]:
    tls = client_context(pki.ca, *((pki.client, pki.client_key) if certificate else ()))
    tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    chosen: ssl.SSLObject = writer.get_extra_info("ssl_object")
    assert chosen.selected_alpn_protocol() == "h2"
    client = Client(reader, writer)
    client.start()
    try:
        yield client
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
