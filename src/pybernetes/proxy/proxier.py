"""The shell of kube-proxy: watches Services and EndpointSlices, keeps the kernel's table equal to the rules.

A change is applied as soon as the loop is free; changes that arrive meanwhile share the next application. When the
kernel refuses a change, the whole table is put in place anew; when it refuses that too, it is tried again with
back-off while the last good table keeps working.
"""

from __future__ import annotations

import asyncio
import logging

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, labels_of
from pybernetes.client.informers import Informers

from .compile import Node, compile_rules
from .kernel import Kernel, KernelRefused
from .model import Rules, stale_udp
from .nftables import NodeNetwork, TableState, change, install, kept_chains, table_state, uninstall

log = logging.getLogger("kube-proxy")
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)


class Proxier:
    """Runs until cancelled. On a clean stop, `cleanup` removes what it put into the kernel."""

    def __init__(self, informers: Informers, kernel: Kernel, network: NodeNetwork, node_name: str) -> None:
        self._services = informers.of(kinds.SERVICE)
        self._slices = informers.of(kinds.ENDPOINTSLICE)
        self._nodes = informers.of(kinds.NODE)
        self._kernel = kernel
        self._network = network
        self._node_name = node_name
        self._dirty = asyncio.Event()
        self._installed: TableState | None = None
        self.rules: Rules = ()
        """What is in the kernel now, for `why` and tests."""

    async def run(self) -> None:
        """Keeps the table up to date until cancelled. The informers are run by whoever made them."""
        for informer in (self._services, self._slices):
            informer.on_event(self._changed)
        self._nodes.on_event(self._node_changed)
        for informer in (self._services, self._slices, self._nodes):
            await informer.synced()
        self._dirty.set()
        failures = 0
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._sync()
                failures = 0
            except KernelRefused as refused:
                self._installed = None
                log.error("the kernel refused the rules: %s", refused)
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                self._dirty.set()

    async def cleanup(self) -> None:
        """Takes the table out of the kernel."""
        await self._kernel.load(uninstall())

    def _changed(self, *_: object) -> None:
        self._dirty.set()

    def _node_changed(self, _type: str, old: Obj | None, new: Obj | None) -> None:
        """Only labels of nodes matter (the zone); a heartbeat changes no rule."""
        if old is None or new is None or labels_of(old) != labels_of(new):
            self._dirty.set()

    async def _sync(self) -> None:
        rules = compile_rules(self._services.list(), self._slices.list(), self._node())
        wanted = table_state(rules)
        if self._installed is None:
            await self._kernel.load(install(wanted, self._network))
            self._installed = wanted
        else:
            script = change(self._installed, wanted)
            if script:
                await self._kernel.load(script)
                self._installed = kept_chains(self._installed, wanted)
        before, self.rules = self.rules, rules
        for ip, port, backend_ip in stale_udp(before, rules):
            await self._kernel.forget_udp(ip, port, backend_ip)

    def _node(self) -> Node:
        node = self._nodes.get(self._node_name)
        return Node(self._node_name, labels_of(node).get("topology.kubernetes.io/zone", "") if node else "")
