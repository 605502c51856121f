"""A real node in this process: containerd, the kubelet with its port, pod networking, and kube-proxy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.host.containerd import Containerd, ContainerdConfig
from pybernetes.host.ipcommand import IpCommand
from pybernetes.host.machine import Machine
from pybernetes.host.mounts import mount_points, unmount
from pybernetes.host.nft import NftKernel
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.runtime import CRIError, ImageService, RuntimeService
from pybernetes.kubelet.server.cri_backend import CriBackend
from pybernetes.kubelet.server.cri_streams import CriStreams
from pybernetes.network.agent import NetworkAgent
from pybernetes.network.layout import NetworkConfig
from pybernetes.proxy.nftables import NodeNetwork
from pybernetes.proxy.proxier import Proxier
from pybernetes.wire.http.client import HttpClient

from .config import ClusterConfig
from .kubeletserver import Serving, serve_kubelet
from .supervise import Supervisor

log = logging.getLogger("node")
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NodeClients:
    """Two identities: the kubelet's, and one that may read all nodes, for the pod network (and kube-proxy, which is run
    where `proxy` says so)."""

    kubelet: Client
    network: Client
    proxy: bool = True


class RealNode:
    """Started once; `stop` leaves nothing of the node running or mounted, but images and state."""

    def __init__(
        self,
        clients: NodeClients,
        env: Env,
        config: ClusterConfig,
        serving: Serving,
        progress: Callable[[str], None],
    ) -> None:
        self._clients = clients
        self._env = env
        self._config = config
        self._serving = serving
        self._progress = progress
        self._supervisor = Supervisor()
        self._containerd = Containerd(ContainerdConfig(config.paths.containerd, config.registry_mirror))
        self._runtime: RuntimeService | None = None
        self._machine = Machine(env, config.paths.kubelet, config.cgroup_root, str(config.resolv_conf))
        self._network: NetworkAgent | None = None
        self._proxier: Proxier | None = None

    async def start(self) -> None:
        """Returns when containerd answers and everything else is started."""
        from pybernetes.host.cri.images import CriImages
        from pybernetes.host.cri.runtime import CriRuntime, open_channel

        config = self._config
        await self._containerd.start()
        self._progress(f"containerd at {self._containerd.socket}")
        channel = open_channel(str(self._containerd.socket))
        self._runtime = CriRuntime(channel)
        config.paths.kubelet.mkdir(parents=True, exist_ok=True)
        self._supervisor.start("containerd", self._containerd.keep)
        self._start_network()
        self._start_kubelet(self._runtime, CriImages(channel))
        proxy = ", kube-proxy (nftables)" if self._proxier is not None else ""
        self._progress(f"node {config.node_name}: kubelet, network{proxy}")

    async def stop(self) -> None:
        """Ends the components, then every pod, then containerd, and takes back what was put into the kernel. After a
        start that failed, what it had got to."""
        await self._supervisor.stop()
        if self._runtime is not None:
            await self._stop_pods(self._runtime)
            await self._runtime.close()
        await self._containerd.stop()
        if self._proxier is not None:
            await self._proxier.cleanup()
        if self._network is not None:
            await self._network.cleanup()
        for point in mount_points(str(self._config.paths.kubelet)):
            unmount(point)
        await self._machine.remove_cgroup(("kubepods",))

    def _start_network(self) -> None:
        config = self._config
        informers = Informers(self._clients.network, self._env.rng)
        network = NetworkConfig(
            config.node_name,
            config.pod_cidr,
            config.primary_service_cidr,
            ipam_dir=str(config.paths.cni / "networks"),
        )
        self._network = NetworkAgent(informers, IpCommand(), network, self._containerd.publish_cni)
        self._supervisor.start("node informers", informers.run)
        self._supervisor.start("network", self._network.run)
        if self._clients.proxy:
            ranges = NodeNetwork(config.primary_service_cidr, config.pod_cidr)
            self._proxier = Proxier(informers, NftKernel(), ranges, config.node_name)
            self._supervisor.start("kube-proxy", self._proxier.run)

    def _start_kubelet(self, runtime: RuntimeService, images: ImageService) -> None:
        config = self._config
        settings = KubeletConfig(
            node_name=config.node_name,
            node_ips=(config.node_ip,),
            cluster_dns=(config.dns_ip,),
            cluster_domain=config.cluster_domain,
            root_dir=str(config.paths.kubelet),
            pod_logs_dir=str(config.paths.pod_logs),
            port=config.kubelet_port,
            hostname=config.node_name,
        )
        kubelet = Kubelet(self._clients.kubelet, runtime, images, self._machine, self._env, settings)
        backend = CriBackend(runtime, CriStreams(runtime, HttpClient()), kubelet.pods)

        async def serve() -> None:
            await serve_kubelet(backend, self._env, self._serving, config.node_ip, config.kubelet_port)

        self._supervisor.start("kubelet", kubelet.run)
        self._supervisor.start("kubelet server", serve)

    async def _stop_pods(self, runtime: RuntimeService) -> None:
        """Stops containers with a short grace, then removes every sandbox."""

        async def end(sandbox_id: str) -> None:
            containers = await runtime.list_containers(pod_sandbox_id=sandbox_id, state="RUNNING")
            await asyncio.gather(*(runtime.stop_container(c.id, STOP_SECONDS) for c in containers))
            await runtime.stop_pod_sandbox(sandbox_id)
            await runtime.remove_pod_sandbox(sandbox_id)

        try:
            sandboxes = await runtime.list_pod_sandbox()
            results = await asyncio.gather(
                *(end(sandbox.id) for sandbox in sandboxes), return_exceptions=True
            )
        except CRIError as error:
            log.error("pods could not be stopped: %s", error)
            return
        for result in results:
            if isinstance(result, BaseException):
                log.error("a pod could not be stopped: %s", result)
