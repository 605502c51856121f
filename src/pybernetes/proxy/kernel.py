"""What kube-proxy needs of the node's kernel. `host/nft.py` is the real one; tests and hollow nodes have their own."""

from __future__ import annotations

from typing import Protocol


class Kernel(Protocol):
    async def load(self, script: str) -> None:
        """Runs an nft script as one transaction. Raises `KernelRefused` and changes nothing where it is refused."""

    async def forget_udp(self, ip: str | None, port: int, backend_ip: str) -> None:
        """Drops the tracked UDP flows from a frontend (None: any address of the node) to a backend that is gone;
        without this, a client that keeps its source port would be sent there for ever."""


class KernelRefused(Exception):
    """The kernel or nft said no; the message holds what it said."""
