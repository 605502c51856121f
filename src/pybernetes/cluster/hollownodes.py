"""Hollow nodes: the kubelet itself, over a runtime and a machine in memory."""

from __future__ import annotations

import ipaddress

from pybernetes.api import kinds
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.informer import Informer
from pybernetes.clock import Env
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.sim.hollow_backend import HollowBackend
from pybernetes.sim.hollow_host import HollowHost, HollowMachine
from pybernetes.sim.hollow_images import HollowImages
from pybernetes.sim.hollow_runtime import HollowRuntime

from .config import ClusterConfig
from .controlplane import client_as
from .identities import kubelet
from .kubeletserver import serve_kubelet, serving_by
from .pki import Pki
from .supervise import Supervisor


def start_hollow_nodes(
    server: ApiServer, env: Env, config: ClusterConfig, pki: Pki, supervisor: Supervisor
) -> None:
    """Starts the configured number of them: node1, node2, … each with a share of the pod range and a port of its own."""
    reader = client_as(server, "system:kube-proxy")
    services = Informer(reader, kinds.SERVICE, rng=env.rng)
    supervisor.start("services of hollow nodes", services.run)
    shares = ipaddress.ip_network(config.pod_cidr).subnets(new_prefix=24)
    for number, share in zip(range(config.hollow_nodes), shares, strict=False):
        node = _HollowNode(server, env, config, pki, number, str(share), services)
        supervisor.start(f"kubelet {node.name}", node.run)
        if number < SERVING:
            supervisor.start(f"kubelet server {node.name}", node.serve)


SERVING = 16
"""How many hollow nodes have a port: beyond that, logs of their pods cannot be read."""


class _HollowNode:
    def __init__(
        self,
        server: ApiServer,
        env: Env,
        config: ClusterConfig,
        pki: Pki,
        number: int,
        share: str,
        services: Informer,
    ) -> None:
        self.name = f"node{number + 1}"
        self._env = env
        self._config = config
        self._port = config.kubelet_port + number
        self._serving = serving_by(pki, self.name, config.node_ip)
        subject = kubelet(self.name)
        client = client_as(server, subject.common_name, *subject.organizations)
        self._runtime = HollowRuntime(env, share, config.node_ip)
        settings = KubeletConfig(
            node_name=self.name,
            node_ips=(config.node_ip,),
            cluster_dns=(config.dns_ip,),
            cluster_domain=config.cluster_domain,
            root_dir=f"/hollow/{self.name}",
            pod_cidr=share,
            port=self._port,
            hostname=self.name,
            labels={"type": "hollow"},
        )
        self._kubelet = Kubelet(
            client,
            self._runtime,
            HollowImages(env),
            HollowHost(HollowMachine(self.name)),
            env,
            settings,
            services=services,
        )

    async def run(self) -> None:
        await self._kubelet.run()

    async def serve(self) -> None:
        backend = HollowBackend(self._runtime, self._kubelet.pods)
        await serve_kubelet(backend, self._env, self._serving, self._config.node_ip, self._port)
