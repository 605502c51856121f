"""The DNS server as a component: listening, published as `kube-dns`, forwarding to the machine's resolvers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.dns.forward import Forwarder, Resolver, resolvers_of
from pybernetes.dns.publish import publish
from pybernetes.dns.server import DnsServer
from pybernetes.dns.view import InformerView

from .config import ClusterConfig


async def run_dns(client: Client, informers: Informers, env: Env, config: ClusterConfig) -> None:
    """Serves the cluster's zone on the node's address until cancelled."""
    server = DnsServer(
        InformerView(informers), Forwarder(ResolverFile(config.resolv_conf), env.rng), config.cluster_domain
    )
    async with asyncio.TaskGroup() as group:
        following = group.create_task(informers.run(), name="dns informers")
        try:
            await server.start(config.node_ip, config.dns_port)
            await publish(client, config.dns_ip, config.node_ip, server.port)
            await asyncio.Event().wait()
        finally:
            await server.close()
            following.cancel()


class ResolverFile:
    """The resolvers of a file, read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = -1.0
        self._found: tuple[Resolver, ...] = ()

    def __call__(self) -> tuple[Resolver, ...]:
        try:
            stamp = self._path.stat().st_mtime
        except FileNotFoundError:
            return ()
        if stamp != self._stamp:
            self._found = resolvers_of(self._path.read_text())
            self._stamp = stamp
        return self._found
