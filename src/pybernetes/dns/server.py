"""The sockets of the DNS server: UDP and TCP on one port, answers packed once per question and state of the cluster."""

from __future__ import annotations

import asyncio
import logging
import struct
from typing import cast

from .forward import Forwarder, Unanswered
from .message import FORMERR, IN, SERVFAIL, Malformed, Query, error_reply, pack, parse_query
from .view import InformerView
from .zone import answer

log = logging.getLogger("dns")
CACHE_ENTRIES = 4096
TCP_IDLE_SECONDS = 10.0


class DnsServer:
    """Serves one zone from a view and forwards the rest. Ready for questions when `start` returns."""

    def __init__(self, view: InformerView, forwarder: Forwarder, zone: str = "cluster.local") -> None:
        self._view = view
        self._forwarder = forwarder
        self._zone = zone
        self._packed: dict[tuple[bytes, int | None, bool, bool], bytes] = {}
        self._packed_generation = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._forwards: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, ip: str, port: int) -> None:
        """Listens on `ip`: on `port`, or on any free one where that is taken (clients find it through the Service, so
        a second cluster on a machine works too); `self.port` tells. Raises OSError where `ip` is not ours."""
        await self._view.synced()
        try:
            await self._listen(ip, port)
        except OSError:  # uvloop does not tell which; if it is the address, the next attempt fails too
            if not port:
                raise
            await self._listen(ip, 0)
            log.warning("port %d of %s is taken: DNS answers on port %d", port, ip, self.port)

    async def _listen(self, ip: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(ip, port))
        self.port = self._udp.get_extra_info("sockname")[1]
        try:
            self._tcp = await asyncio.start_server(self._serve_tcp, ip, self.port)
        except OSError:
            self._udp.close()
            raise

    async def close(self) -> None:
        """Stops listening and ends questions under way."""
        if self._udp:
            self._udp.close()
        if self._tcp:
            self._tcp.close()
        for task in tuple(self._forwards):
            task.cancel()
        await asyncio.gather(*self._forwards, return_exceptions=True)

    def answer_local(self, packet: bytes, *, tcp: bool) -> bytes | None:
        """The reply to a packet from what is known here; None where it has to be forwarded."""
        try:
            query = parse_query(packet)
        except Malformed as error:
            log.debug("malformed query: %s", error)
            return error_reply(packet, FORMERR)
        limit = None if tcp else min(query.udp_size, 4096)
        return self._packed_answer(query, limit)

    def _packed_answer(self, query: Query, limit: int | None) -> bytes | None:
        if self._packed_generation != self._view.generation or len(self._packed) > CACHE_ENTRIES:
            self._packed.clear()
            self._packed_generation = self._view.generation
        key = (query.question, limit, query.edns, query.recursion_desired)
        if (packed := self._packed.get(key)) is None:
            found = answer(self._view, self._zone, query.name, query.type, self._view.generation)
            if found is None or query.cls != IN:
                return None
            packed = self._packed[key] = pack(query, found, limit=limit)
        return struct.pack(">H", query.id) + packed[2:]

    def on_datagram(self, packet: bytes, client: tuple[str, int]) -> None:
        reply = self.answer_local(packet, tcp=False)
        if reply is not None:
            self._send(reply, client)
            return
        task = asyncio.get_running_loop().create_task(self._forward_udp(packet, client))
        self._forwards.add(task)
        task.add_done_callback(self._forwards.discard)

    async def _forward_udp(self, packet: bytes, client: tuple[str, int]) -> None:
        self._send(await self._forward(packet, tcp=False), client)

    def _send(self, reply: bytes, client: tuple[str, int]) -> None:
        if self._udp and not self._udp.is_closing():
            self._udp.sendto(reply, client)

    async def _forward(self, packet: bytes, *, tcp: bool) -> bytes:
        try:
            return await self._forwarder.ask(packet, tcp=tcp)
        except Unanswered:
            return error_reply(packet, SERVFAIL)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(TCP_IDLE_SECONDS):
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                    packet = await reader.readexactly(length)
                reply = self.answer_local(packet, tcp=True) or await self._forward(packet, tcp=True)
                writer.write(struct.pack(">H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            return  # the client has gone or is silent: that is how DNS over TCP ends
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._server.on_datagram(data, cast(tuple[str, int], addr))

    def error_received(self, exc: Exception) -> None:
        log.debug("a reply could not be delivered: %s", exc)
