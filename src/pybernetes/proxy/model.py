"""What a node has to do for the ports of Services: values between the API objects and any kind of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """One address and port that traffic may go to."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class Frontend:
    """One place where a service port is reached, and the backends that serve traffic from there.

    `ip` is None for a node port: any address of the node itself. `preserve_source` is true where traffic must keep its
    source address (externalTrafficPolicy Local). Without backends, connections are refused.
    """

    ip: str | None
    protocol: str
    """"tcp", "udp" or "sctp"."""
    port: int
    backends: tuple[Backend, ...]
    affinity_seconds: int = 0
    preserve_source: bool = False
    service: str = ""
    """`namespace/name:port`, for messages and `why`."""


Rules: TypeAlias = tuple[Frontend, ...]


def stale_udp(before: Rules, after: Rules) -> Iterator[tuple[str | None, int, str]]:
    """(frontend address, port, backend address) of UDP backends that `after` no longer has."""
    now = {(f.ip, f.port): {b.ip for b in f.backends} for f in after if f.protocol == "udp"}
    for frontend in before:
        if frontend.protocol == "udp":
            left = now.get((frontend.ip, frontend.port), set())
            for ip in sorted({backend.ip for backend in frontend.backends} - left):
                yield frontend.ip, frontend.port, ip
