"""Finding the bearer token in a request: the Authorization header, or a WebSocket subprotocol (browsers)."""

from __future__ import annotations

import base64
from collections.abc import Sequence

WEBSOCKET_PREFIX = "base64url.bearer.authorization.k8s.io."


def token_in_header(value: str) -> str | None:
    """The token of `Authorization: Bearer <token>`; None for another scheme or an empty token."""
    scheme, _, rest = value.strip().partition(" ")
    token = rest.strip().partition(" ")[0]
    return token if scheme.lower() == "bearer" and token else None


def token_in_subprotocols(protocols: Sequence[str]) -> str | None:
    """The token hidden in `Sec-WebSocket-Protocol`, base64url without padding, as browsers cannot set headers."""
    for protocol in protocols:
        if protocol.startswith(WEBSOCKET_PREFIX):
            encoded = protocol[len(WEBSOCKET_PREFIX) :]
            try:
                raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
                return raw.decode() or None
            except ValueError:
                return None
    return None
