"""The parts of a cluster inside a process: API server, controllers, scheduler, hollow nodes, DNS; no port, no file.

They are the components that run everywhere else; only their clients, their clock and their nodes are of the process.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pybernetes.api.kinds import KINDS, NODE, SERVICE
from pybernetes.api.meta import Obj
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.user import User, service_account_user
from pybernetes.client.client import ApiClient
from pybernetes.client.informers import Informers
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.controllers.manager import KubeControllerManager
from pybernetes.controllers.selection import chosen
from pybernetes.controllers.table import CONTROLLERS as CONTROLLER_TABLE
from pybernetes.dns.publish import publish
from pybernetes.dns.view import InformerView
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.runtime import CRIError
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.scheduler.configuration.types import Configuration
from pybernetes.scheduler.cycle import Cycle as _Cycle  # noqa: F401  (so that no scheduler loads NumPy in a thread)
from pybernetes.scheduler.framework import Plugin
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.sim.behaviour import Behaviour, Launch, Rule
from pybernetes.sim.hollow_node import HollowNode, NodeSpec
from pybernetes.sim.network import HollowNetwork
from pybernetes.store.types import Store

from . import metricsapi
from .clusternames import ClusterNames
from .components import Components
from .config import ClusterConfig
from .controlplane import client_as, client_of_account
from .faultyserver import FaultyApiServer
from .identities import DNS, kubelet
from .libraryca import library_ca
from .localkubelets import LocalKubelets, everybody, simulated
from .podranges import MANY_NODES, capacity, share
from .simulatedcalls import ways

NODE_RANGE = "172.18.0.0/16"
POD_RANGE = "10.244.0.0/16"
CONTROLLERS, SCHEDULER, DNS_VIEW = "kube-controller-manager", "kube-scheduler", "dns"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the cluster is to consist of."""

    nodes: Sequence[NodeSpec]
    rules: Sequence[Rule] = ()
    """What containers do, before what their pods' annotations say."""
    behaviour: Behaviour | None = None
    """In place of rules and annotations."""
    controllers: str = "*"
    """Upstream's `--controllers`."""
    scheduler: bool = True
    history: bool = True
    """Whether every revision stays readable."""
    features: frozenset[str] = frozenset()
    """The feature gates that are on (`api/features.py`)."""
    seed: int | None = None
    """What its CA and keys are derived from; None: they are the process's own."""


class Composition:
    """Made inside the running loop; `start`, then `close`."""

    def __init__(self, plan: Plan, store: Store, env: Env, config: ClusterConfig) -> None:
        self.plan = plan
        self.store = store
        self.env = env
        self.config = config
        self.components = Components()
        self.nodes: dict[str, HollowNode] = {}
        is_simulated = simulated((NODE_RANGE, POD_RANGE, MANY_NODES))
        self.kubelets = LocalKubelets(self._kubelet_server, lambda: self.network, is_simulated)
        self.server = FaultyApiServer(
            store,
            env,
            server_config(config, plan),
            kinds=(*KINDS, *metricsapi.KINDS),
            connect=self.kubelets.connect,
        )
        self.server.services.computed = metricsapi.MetricsApi(self._usage).computed
        self.ca = library_ca(plan.seed)
        self.scheduler: Scheduler | None = None
        self.scheduling: tuple[Configuration | None, tuple[Plugin, ...]] = (None, ())
        """How it decides, and the plugins of one's own that it has (`scheduling.py`)."""
        self.manager: KubeControllerManager | None = None
        shared = client_as(self.server, "system:kube-proxy", "system:masters")
        self._informers = Informers(shared, env.rng)
        self.dns = InformerView(self._informers)
        names = ClusterNames(self.dns, config.cluster_domain)
        self.network = HollowNetwork(names, lambda count: env.rng.randrange(count))
        self.server.services.webhooks.way = ways(self.network, is_simulated)
        self.disturbed = 0
        """How many faults are at work."""
        self._looked_at, self._all_well = -1, False
        self._pod_range = POD_RANGE if len(plan.nodes) <= capacity(POD_RANGE) else MANY_NODES

    async def start(self, like: Composition | None = None) -> None:
        """With `like`, nodes go on as those of another cluster are. Returns when the API server serves and the other components are on their way."""
        if like is not None:
            self.scheduling = like.scheduling
        await self.server.start()
        self.components.add("informers", self._informers.run)
        self.components.add(CONTROLLERS, self._run_controllers)
        if self.plan.scheduler:
            self.components.add(SCHEDULER, self._run_scheduler)
        self.components.add(DNS_VIEW, self._publish_dns)
        for spec in self.plan.nodes:
            self.add_node(spec, like)

    async def close(self) -> None:
        """Ends everything that `start` began; the store stays open."""
        await self.components.close()
        for node in self.nodes.values():
            await node.close()
        await self.kubelets.close()
        await self.server.close()

    def add_node(self, spec: NodeSpec, like: Composition | None = None) -> HollowNode:
        """Starts one more hollow node, as the one of the same name of another cluster is now."""
        number = len(self.nodes)
        name = spec.name or f"node{number + 1}"
        address = str(ipaddress.ip_network(NODE_RANGE)[number + 2])
        config = KubeletConfig(
            node_name=name,
            node_ips=(address,),
            cluster_dns=(self.config.dns_ip,),
            cluster_domain=self.config.cluster_domain,
            root_dir=f"/hollow/{name}",
            pod_cidr=share(self._pod_range, number),
            hostname=name,
            labels={"type": "hollow", **spec.labels},
            taints=spec.taints,
        )
        subject = kubelet(name)
        client = client_as(self.server, subject.common_name, *subject.organizations)
        services = self._informers.of(SERVICE)
        node = HollowNode(
            client,
            self.env,
            spec,
            config,
            rules=self.plan.rules,
            behaviour=self.plan.behaviour,
            network=self.network,
            client_of=self._client_of_pod,
            services=services,
        )
        self.nodes[name] = node
        if like is not None and name in like.nodes:
            node.adopt(like.nodes[name])
        self.components.add(kubelet_of(name), node.run)
        return node

    def is_steady(self) -> bool:
        """Whether every node is well and heard of: then nobody misses its signs of life in between."""
        cache = self.server.services.registry.cache(NODE)
        if self._looked_at != cache.last_change:
            self._looked_at = cache.last_change
            nodes = {version.name: version.tree() for version in cache.entries.values()}
            self._all_well = nodes.keys() <= self.nodes.keys() and all(map(is_usable, nodes.values()))
        return self._all_well and not self.disturbed and all(map(self.components.running, self.components))

    def runs(self, controller: str) -> bool:
        """Whether a controller is among those that are on."""
        return controller in chosen([row.name for row in CONTROLLER_TABLE], self.plan.controllers)

    def client(self, user: str, *groups: str) -> ApiClient:
        """A client inside the process, with a user's rights."""
        transport = self.server.transport(User(user, groups=(*groups, "system:authenticated")))
        return ApiClient(transport, field_manager=user)

    def _client_of_pod(self, launch: Launch) -> ApiClient:
        """A client with the rights of a pod's service account."""
        pod = self.server.services.registry.core("pods", launch.namespace, launch.pod)
        account = (pod["spec"].get("serviceAccountName") if pod else "") or "default"
        user = service_account_user(launch.namespace, account).with_group("system:authenticated")
        return ApiClient(self.server.transport(user), field_manager=launch.container)

    async def _run_controllers(self) -> None:
        server = self.server
        settings = Settings(
            features=self.plan.features,
            root_ca=self.ca.certificate,
            cluster_signing_cert=self.ca.certificate,
            cluster_signing_key=self.ca.key,
            cluster_cidr=self._pod_range,
            service_account_key=server.services.config.service_account_signing_key.decode(),
        )
        self.manager = KubeControllerManager(
            client_as(server, "system:kube-controller-manager"),
            self.env,
            settings,
            lambda account: client_of_account(server, account),
            self.plan.controllers,
        )
        await self.manager.run()

    async def _run_scheduler(self) -> None:
        from .keptdecision import decision_of

        client = client_as(self.server, "system:kube-scheduler")
        configuration, plugins = self.scheduling
        self.scheduler = Scheduler(
            client, self.env, configuration=configuration, plugins=plugins, features=self.plan.features
        )
        self.server.services.decision = functools.partial(decision_of, self.scheduler)
        await self.scheduler.run()

    async def _publish_dns(self) -> None:
        """Questions are answered by `Cluster.resolve`; what pods are told is the Service, as everywhere."""
        await self.dns.synced()
        client = client_as(self.server, DNS.common_name, *DNS.organizations, "system:masters")
        await publish(client, self.config.dns_ip, self.config.node_ip, self.config.dns_port)
        await asyncio.Event().wait()

    def _usage(self, node: str, container_id: str) -> tuple[float, int]:
        """What a running container uses. Raises LookupError."""
        try:
            return self.nodes[node].runtime.usage_of(container_id)
        except CRIError as error:
            raise LookupError(container_id) from error

    def _kubelet_server(self, name: str) -> KubeletServer | None:
        node = self.nodes.get(name)
        if node is None or not self.components.running(kubelet_of(name)):
            return None
        return KubeletServer(node.backend, self.env, everybody)


def kubelet_of(node: str) -> str:
    """The name of a node's kubelet among the components."""
    return f"kubelet {node}"


def server_config(config: ClusterConfig, plan: Plan) -> ApiServerConfig:
    """The API server's part."""
    ca = library_ca(plan.seed)
    issuer = f"https://kubernetes.default.svc.{config.cluster_domain}"
    settings = ApiServerConfig(
        features=plan.features,
        advertise_address=config.node_ip,
        service_cidr=config.service_cidr,
        service_account_issuer=issuer,
        service_account_audiences=(issuer,),
        service_account_signing_key=ca.service_account_key,
        client_ca=ca.certificate.encode(),
        cluster_ca=ca.certificate.encode(),
    )
    return replace(settings, compaction_interval=0.0) if plan.history else settings


def is_usable(node: Obj) -> bool:
    """Whether pods can be scheduled onto a node."""
    conditions = {c["type"]: c["status"] for c in (node.get("status") or {}).get("conditions") or ()}
    return conditions.get("Ready") == "True" and not any(
        taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints") or ()
    )
