"""Calls of the API server to addresses of the simulated network: a webhook may run in a pod of a hollow node."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from pybernetes.apiserver.admission.webhooks.caller import Send
from pybernetes.sim.network import HollowNetwork
from pybernetes.wire.http.messages import HeaderPairs, Headers, Reply, Request


def ways(network: HollowNetwork, is_simulated: Callable[[str], bool]) -> Callable[[str], Send | None]:
    """Tells for a URL how to post there: within `network`; None: over the machine's own."""

    async def send(url: str, headers: HeaderPairs, body: bytes) -> Reply:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        pairs = Headers([("host", parts.netloc), *((name.lower(), value) for name, value in headers)])
        port = parts.port or (443 if parts.scheme == "https" else 80)
        request = Request("POST", target, pairs, body, scheme=parts.scheme)
        return await network.exchange(parts.hostname or "", port, request)

    def way(url: str) -> Send | None:
        return send if is_simulated(urlsplit(url).hostname or "") else None

    return way
