"""Names outside the cluster go to the machine's own resolvers, as packets that are not looked into."""

from __future__ import annotations

import asyncio
import logging
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger("dns")
TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True, order=True)
class Resolver:
    ip: str
    port: int = 53


def resolvers_of(resolv_conf: str) -> tuple[Resolver, ...]:
    """The `nameserver` lines of a resolv.conf."""
    fields = (line.split() for line in resolv_conf.splitlines())
    return tuple(Resolver(words[1]) for words in fields if len(words) > 1 and words[0] == "nameserver")


class Unanswered(Exception):
    """No resolver answered."""


class Forwarder:
    """Asks the resolvers in order; each question by its own socket and random id, so answers cannot be mixed up."""

    def __init__(self, resolvers: Callable[[], Sequence[Resolver]], rng: random.Random) -> None:
        """`resolvers` is read for each question: the machine's configuration may change."""
        self._resolvers = resolvers
        self._rng = rng

    async def ask(self, packet: bytes, *, tcp: bool) -> bytes:
        """The answer to a query packet, under the query's own id. Raises Unanswered."""
        for resolver in self._resolvers():
            ident = struct.pack(">H", self._rng.getrandbits(16))
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    reply = await (_ask_tcp if tcp else _ask_udp)(resolver, ident + packet[2:])
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                log.info("resolver %s did not answer: %r", resolver.ip, error)
                continue
            return packet[:2] + reply[2:]
        raise Unanswered


async def _ask_tcp(resolver: Resolver, packet: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(resolver.ip, resolver.port)
    try:
        writer.write(struct.pack(">H", len(packet)) + packet)
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()


async def _ask_udp(resolver: Resolver, packet: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _OneReply(loop.create_future(), packet[:2]), remote_addr=(resolver.ip, resolver.port)
    )
    try:
        transport.sendto(packet)
        return await protocol.reply
    finally:
        transport.close()


class _OneReply(asyncio.DatagramProtocol):
    """Resolves with the first datagram that carries the expected id."""

    def __init__(self, reply: asyncio.Future[bytes], ident: bytes) -> None:
        self.reply = reply
        self._ident = ident

    def datagram_received(self, data: bytes, _addr: object) -> None:
        if data[:2] == self._ident and not self.reply.done():
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)
