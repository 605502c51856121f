"""Listening sockets: the event loop's own where they are plain, aiofastnet's below TLS on uvloop.

There it talks to OpenSSL without Python in between: a third more events to a thousand watchers, and their delays shorter.
On asyncio's loop (a library's cluster) there is nothing to gain that would be worth another transport.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

HANDSHAKE_SECONDS = 10.0
SHUTDOWN_SECONDS = 2.0
"""What a client is given to begin and to end its TLS."""
RECORD = 16 * 1024 + 64
"""Bytes of a TLS record and what is around it: buffers are so many of them, for each connection."""

Factory = Callable[[], asyncio.Protocol]


async def listen(
    factory: Factory, *, tls: ssl.SSLContext | None = None, backlog: int = 1024, **where: Any
) -> asyncio.Server:
    """Listens; `where` is `host` and `port`, or a bound `sock`. Raises OSError where the address is taken."""
    loop = asyncio.get_running_loop()
    if tls is None:
        return await loop.create_server(factory, backlog=backlog, **where)
    where.update(ssl=tls, ssl_handshake_timeout=HANDSHAKE_SECONDS, ssl_shutdown_timeout=SHUTDOWN_SECONDS)
    if type(loop).__module__.partition(".")[0] != "uvloop":
        return await loop.create_server(factory, backlog=backlog, **where)
    import aiofastnet  # 15 ms and 3.5 MB, for those who listen

    where.update(ssl_incoming_bio_size=2 * RECORD, ssl_outgoing_bio_size=4 * RECORD)
    return await aiofastnet.create_server(loop, factory, backlog=backlog, **where)
