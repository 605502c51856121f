"""The HTTP upgrade to SPDY/3.1 with Kubernetes' negotiation of what the streams mean (`X-Stream-Protocol-Version`)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from pybernetes.wire.http.client import GivenHeaders, HttpClient
from pybernetes.wire.http.messages import Request, Response, Result, Upgrade, header_pairs
from pybernetes.wire.spdy_streams import SpdySession
from pybernetes.wire.stream import Stream

UPGRADE = "SPDY/3.1"
VERSION_HEADER = "X-Stream-Protocol-Version"
ACCEPTED_HEADER = "X-Accepted-Stream-Protocol-Versions"


def accept_spdy(
    request: Request, supported: Sequence[str], serve: Callable[[SpdySession, str], Awaitable[None]]
) -> Result:
    """A handler's answer: the upgrade, or the refusal. `serve` gets the session and the protocol chosen ("" where the
    client named none); the connection ends when it returns.
    """
    if not request.wants_upgrade(UPGRADE):
        asked = request.headers.get("upgrade", "")
        return Response.text(400, f"unable to upgrade: missing upgrade headers in request: {asked!r}\n")
    offered = request.headers.tokens(VERSION_HEADER.lower())
    chosen = next((protocol for protocol in offered if protocol in supported), None)
    if offered and chosen is None:
        message = f"unable to upgrade: unable to negotiate protocol: client supports {offered}, server accepts {list(supported)}\n"
        return Response.text(403, message, [(ACCEPTED_HEADER, protocol) for protocol in supported])

    async def serve_stream(stream: Stream) -> None:
        async with SpdySession(stream, client=False) as session:
            await serve(session, chosen or "")

    headers = [("Upgrade", UPGRADE)]
    if chosen is not None:
        headers.append((VERSION_HEADER, chosen))
    return Upgrade(headers, serve_stream)


@contextlib.asynccontextmanager
async def open_spdy(
    client: HttpClient,
    url: str,
    protocols: Sequence[str],
    *,
    headers: GivenHeaders = (),
    timeout: float | None = 30.0,
) -> AsyncIterator[tuple[SpdySession, str]]:
    """A session as the client, and the protocol that the server chose. Raises UpgradeRefused, OSError, TimeoutError."""
    asked = [
        *header_pairs(headers),
        ("Connection", "Upgrade"),
        ("Upgrade", UPGRADE),
        *((VERSION_HEADER, protocol) for protocol in protocols),
    ]
    upgraded = await client.upgrade("POST", url, headers=asked, timeout=timeout)
    try:
        async with SpdySession(upgraded.stream, client=True) as session:
            yield session, upgraded.headers.get(VERSION_HEADER.lower(), "")
    finally:
        upgraded.stream.close()
