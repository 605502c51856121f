"""The shell: follows Nodes and keeps this node's bridge, routes and CNI configuration as `layout` says."""

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
    Layout,
    NetworkConfig,
    Route,
    conflist,
    internal_ip,
    layout,
    masquerade,
    pod_cidr_of,
    route_commands,
    setup_commands,
    without_masquerade,
)

log = logging.getLogger("network")
RETRY_SECONDS = 5.0


class NetworkKernel(Protocol):
    """What the agent needs of the machine; `host/ipcommand.py` is the real one."""

    async def ip(self, commands: Sequence[str], *, force: bool = False) -> None:
        """Runs `ip -batch` lines; with `force` goes on after a failed one. Raises OSError with what ip said."""

    async def nft(self, script: str) -> None:
        """Loads an nft script. Raises OSError."""

    async def flush_routes(self, protocol: int) -> None:
        """Removes every route of a protocol number, what an earlier run may have left."""

    def enable_forwarding(self) -> None: ...


class NetworkAgent:
    """Runs until cancelled. `cleanup` takes everything out of the kernel again."""

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
        self._routes: tuple[Route, ...] = ()
        self._pod_cidr = ""

    async def run(self) -> None:
        self._nodes.on_event(self._node_changed)
        await self._nodes.synced()
        self._kernel.enable_forwarding()
        await self._kernel.flush_routes(PROTOCOL)
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
        """Removes routes, masquerading and the bridge."""
        await self._kernel.flush_routes(PROTOCOL)
        await self._kernel.nft(without_masquerade())
        await self._kernel.ip([f"link del {self._config.bridge}"], force=True)

    def _node_changed(self, _type: str, old: Obj | None, new: Obj | None) -> None:
        facts = [(pod_cidr_of(node), internal_ip(node)) if node is not None else None for node in (old, new)]
        if facts[0] != facts[1]:
            self._changed.set()

    async def _sync(self) -> None:
        wanted = layout(self._nodes.list(), self._config)
        if wanted is None:
            return
        if wanted.pod_cidr != self._pod_cidr:
            await self._set_up(wanted)
        await self._kernel.ip(route_commands(self._routes, wanted.routes))
        self._routes = wanted.routes
        if wanted.pod_cidr != self._pod_cidr:
            # Last: from here on the runtime makes pods.
            self._publish(conflist(wanted.pod_cidr, self._config))
            self._pod_cidr = wanted.pod_cidr

    async def _set_up(self, wanted: Layout) -> None:
        await self._kernel.ip(setup_commands(wanted, self._config), force=True)
        await self._kernel.nft(masquerade(self._config))
