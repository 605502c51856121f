"""The DNS server of a cluster: with the rights of its own identity, and beside another cluster's on one machine."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import uvloop

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.dnsserver import run_dns
from pybernetes.cluster.identities import DNS
from pybernetes.store.memory import MemoryStore


async def published(client: Client) -> Obj:
    while True:
        try:
            return await client.get(kinds.ENDPOINTSLICE, "kube-dns", "kube-system")
        except NotFound:
            await asyncio.sleep(0.01)


def test_it_publishes_itself_with_its_own_rights_and_on_a_free_port_where_the_usual_is_taken(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        env = Env(lambda: 1_790_000_000.0, random.Random(1))
        other = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        taken = other.sockets[0].getsockname()[1]
        async with ApiServer(MemoryStore(env), env) as server, other:
            user = User(DNS.common_name, groups=("system:authenticated", *DNS.organizations))
            client = ApiClient(server.transport(user))
            config = ClusterConfig(state=tmp_path, node_ip="127.0.0.1", dns_port=taken)
            dns = asyncio.create_task(run_dns(client, Informers(client, env.rng), env, config))
            piece = await asyncio.wait_for(published(ApiClient(server.transport(LOOPBACK))), 10)
            ports = {port["protocol"]: port["port"] for port in piece["ports"]}
            assert ports["UDP"] == ports["TCP"] != taken
            _, writer = await asyncio.open_connection("127.0.0.1", ports["TCP"])
            writer.close()
            await writer.wait_closed()
            assert not dns.done()
            dns.cancel()
            await asyncio.gather(dns, return_exceptions=True)

    for loop_factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())
