"""Hollow nodes: the kubelet itself, over a runtime and a machine in memory."""

from __future__ import annotations

import asyncio
import functools

from pybernetes.api import kinds
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.informer import Informer
from pybernetes.clock import Env
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.sim.hollow_node import HollowNode, NodeSpec

from .config import ClusterConfig
from .controlplane import client_as
from .identities import kubelet
from .kubeletserver import Serving, serve_kubelet, serving_by
from .pki import Pki
from .podranges import share
from .supervise import Supervisor

SERVING = 16
"""How many hollow nodes have a port: beyond that, logs of their pods cannot be read."""
JOINING = 32
"""How many register at the same time: thousands at once would be answered too late, and renew their leases in step."""


def start_hollow_nodes(
    server: ApiServer, env: Env, config: ClusterConfig, pki: Pki, supervisor: Supervisor
) -> None:
    """Starts the configured number of them: node1, node2, … each with a share of the pod range and a port of its own."""
    reader = client_as(server, "system:kube-proxy")
    services = Informer(reader, kinds.SERVICE, rng=env.rng)
    supervisor.start("services of hollow nodes", services.run)
    gate = asyncio.Semaphore(JOINING)
    for number in range(config.hollow_nodes):
        node = _node(server, env, config, number, share(config.pod_cidr, number), services)
        supervisor.start(f"kubelet {node.name}", functools.partial(node.run, gate))
        if number < SERVING:
            serve = functools.partial(_serve, node, env, config, serving_by(pki, node.name, config.node_ip))
            supervisor.start(f"kubelet server {node.name}", serve)


def _node(
    server: ApiServer, env: Env, config: ClusterConfig, number: int, pod_cidr: str, services: Informer
) -> HollowNode:
    name = f"node{number + 1}"
    subject = kubelet(name)
    settings = KubeletConfig(
        node_name=name,
        node_ips=(config.node_ip,),
        cluster_dns=(config.dns_ip,),
        cluster_domain=config.cluster_domain,
        root_dir=f"/hollow/{name}",
        pod_cidr=pod_cidr,
        port=config.kubelet_port + number,
        hostname=name,
        labels={"type": "hollow"},
    )
    client = client_as(server, subject.common_name, *subject.organizations)
    return HollowNode(client, env, NodeSpec(name), settings, services=services)


async def _serve(node: HollowNode, env: Env, config: ClusterConfig, serving: Serving) -> None:
    await serve_kubelet(node.backend, env, serving, config.node_ip, node.config.port)
