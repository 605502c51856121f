"""The shell: follows Nodes and keeps this node's routes and CNI configuration as `layout` says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.client.informers import Informers

from .layout import (
    PROTOCOL,
    NetworkConfig,
    conflist,
    internal_ip,
    layout,
    masquerade,
    parse_routes,
    pod_cidr_of,
    route_commands,
    without_masquerade,
)

log = logging.getLogger("network")
RETRY_SECONDS = 5.0


class NetworkKernel(Protocol):
    """What the agent needs of the machine; `host/ipcommand.py` is the real one."""

    async def routes(self, protocol: int) -> str:
        """The routes of a protocol number, as `ip -json route show` prints them. Raises OSError."""

    async def ip(self, commands: Sequence[str]) -> None:
        """Runs all `ip -batch` lines, also after one has failed. Raises OSError with what ip said of those that did."""

    async def nft(self, script: str) -> None:
        """Loads an nft script. Raises OSError."""

    async def enable_forwarding(self) -> None:
        """Lets the machine forward packets. Raises OSError."""


class NetworkAgent:
    """Runs until cancelled. `cleanup` takes everything out of the kernel again.

    Routes are compared with what the kernel has, so a restart changes nothing that is right already.
    """

    def __init__(
        self,
        informers: Informers,
        kernel: NetworkKernel,
        config: NetworkConfig,
        publish: Callable[[str], None],
    ) -> None:
        """`publish` puts the CNI configuration (text) where the runtime reads it."""
        self._nodes = informers.of(kinds.NODE)
        self._kernel = kernel
        self._config = config
        self._publish = publish
        self._changed = asyncio.Event()
        self._pod_cidr = ""

    async def run(self) -> None:
        self._nodes.on_event(self._node_changed)
        await self._nodes.synced()
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._sync()
            except OSError as error:
                log.error("the node's network could not be set up: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()

    async def cleanup(self) -> None:
        """Removes routes and masquerading. The cables of pods go with their pods."""
        present = parse_routes(await self._kernel.routes(PROTOCOL))
        await self._kernel.ip(route_commands(present, ()))
        await self._kernel.nft(without_masquerade())

    def _node_changed(self, _type: str, old: Obj | None, new: Obj | None) -> None:
        facts = [(pod_cidr_of(node), internal_ip(node)) if node is not None else None for node in (old, new)]
        if facts[0] != facts[1]:
            self._changed.set()

    async def _sync(self) -> None:
        wanted = layout(self._nodes.list(), self._config)
        if wanted is None:
            return
        present = parse_routes(await self._kernel.routes(PROTOCOL))
        try:
            await self._kernel.ip(route_commands(present, wanted.routes))
        finally:
            # A route to another node that the kernel refuses must not keep this node's own pods from starting.
            await self._set_up(wanted.pod_cidr)

    async def _set_up(self, pod_cidr: str) -> None:
        """What depends on the node's own share, once."""
        if pod_cidr == self._pod_cidr:
            return
        await self._kernel.enable_forwarding()
        await self._kernel.nft(masquerade(self._config))
        # Last: from here on the runtime makes pods.
        self._publish(conflist(pod_cidr, self._config))
        self._pod_cidr = pod_cidr
