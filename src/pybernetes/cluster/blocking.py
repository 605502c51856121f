"""A blocking client in the thread of the loop that serves it would wait for itself for ever: it is refused instead.

While a cluster is served, `socket.socket.connect` looks at who connects where. A socket that would block, to a port that
is served by the very loop that runs in this thread, raises at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

WHAT_TO_DO = (
    "a blocking client is used inside of the event loop that serves the cluster, and would wait for itself for ever: "
    "use an asynchronous client (cluster.client, lightkube.AsyncClient, kr8s.asyncio), run it by "
    "asyncio.to_thread(…), or write a plain `def` test (Cluster.sync())"
)


class BlockingCall(RuntimeError):
    """Something blocking was done inside of the cluster's own event loop."""


_served: dict[int, asyncio.AbstractEventLoop] = {}
"""Port of loopback -> the loop that serves it."""
_connect = socket.socket.connect


@contextlib.contextmanager
def guarded(port: int) -> Iterator[None]:
    """Within the block, blocking connections from the running loop's thread to `port` raise BlockingCall."""
    if not _served:
        socket.socket.connect = _guarded_connect  # type: ignore[assignment, method-assign]
    _served[port] = asyncio.get_running_loop()
    try:
        yield
    finally:
        del _served[port]
        if not _served:
            socket.socket.connect = _connect  # type: ignore[method-assign]


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if self.gettimeout() != 0 and isinstance(address, tuple) and len(address) >= 2:
        loop = _served.get(address[1])
        if loop is not None and asyncio._get_running_loop() is loop:
            self.close()
            raise BlockingCall(WHAT_TO_DO)
    _connect(self, address)
