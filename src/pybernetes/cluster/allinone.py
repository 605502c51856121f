"""`pyber up`: every component of a cluster in one process and on one event loop.

The components are the ones that also run alone; here each gets an in-process client with the rights of its own identity.
The API server is up first; the others start beside each other and find their way by watching.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType

from pybernetes.apiserver.server import ApiServer
from pybernetes.client.informers import Informers
from pybernetes.clock import Env
from pybernetes.control.definition import Settings

from .config import ClusterConfig
from .controlplane import client_as, client_of_account, issue_certificates, serving_control_plane
from .dnsserver import run_dns
from .identities import DNS, kubelet, write_kubeconfigs
from .localvolumes import LocalVolumes, ensure_storage_class
from .pki import Pki
from .supervise import Supervisor

Progress = Callable[[str], None]

CONTROLLERS = "*,bootstrap-signer-controller,token-cleaner-controller"
"""As kubeadm has it: nodes can join by token."""


async def imported(module: str) -> None:
    """Imports a module in a thread: the API server, which is up by then, answers meanwhile."""
    if module not in sys.modules:
        await asyncio.to_thread(importlib.import_module, module)


class AllInOne:
    """A whole cluster: `async with AllInOne(config, env, progress) as cluster`. Serving when the block begins; nothing
    of it is left when it ends, but for the state directory."""

    def __init__(self, config: ClusterConfig, env: Env, progress: Progress) -> None:
        self.config = config
        self.env = env
        self._progress = progress
        self._stack = AsyncExitStack()
        self._supervisor = Supervisor()
        self.server: ApiServer

    async def __aenter__(self) -> AllInOne:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        config = self.config
        config.state.mkdir(parents=True, exist_ok=True)
        pki = Pki(config.paths.pki, self.env.now())
        certificates = issue_certificates(pki, config)
        write_kubeconfigs(pki, config.state, config.server_url)
        self.server = await self._stack.enter_async_context(
            serving_control_plane(config, self.env, certificates)
        )
        self._progress(f"API server at {config.server_url}, store {config.store}")
        self._stack.push_async_callback(self._supervisor.stop)
        await ensure_storage_class(client_as(self.server, "system:admin", "system:masters"))
        self._supervise_control_plane(pki)
        await self._start_nodes(pki)

    def _supervise_control_plane(self, pki: Pki) -> None:
        server, env, config = self.server, self.env, self.config
        settings = Settings(
            features=config.features,
            root_ca=pki.ca.read_text(),
            cluster_cidr=config.pod_cidr,
            local_volumes=str(config.paths.volumes),
            local_volumes_are_cleared=config.node_kind == "real",
            cluster_signing_cert=pki.ca.read_text(),
            cluster_signing_key=pki.ca_key.read_text(),
            service_account_key=pki.service_account_key.read_text(),
        )

        async def controllers() -> None:
            await imported("pybernetes.controllers.manager")
            from pybernetes.controllers.manager import KubeControllerManager

            client = client_as(server, "system:kube-controller-manager")
            await KubeControllerManager(
                client, env, settings, lambda name: client_of_account(server, name), CONTROLLERS
            ).run()

        async def scheduler() -> None:
            from pybernetes.scheduler.scheduler import Scheduler

            from .keptdecision import decision_of

            deciding = Scheduler(
                client_as(server, "system:kube-scheduler"),
                env,
                configuration=config.scheduler,
                features=config.features,
            )
            server.services.decision = partial(decision_of, deciding)
            await deciding.run()

        async def dns() -> None:
            client = client_as(server, DNS.common_name, *DNS.organizations)
            await run_dns(client, Informers(client, env.rng), env, config)

        for short in ("controller-manager", "scheduler"):
            server.services.component_checks[short] = partial(self._problem, f"kube-{short}")
        self._supervisor.start("kube-controller-manager", controllers)
        self._supervisor.start("kube-scheduler", scheduler)
        self._supervisor.start("dns", dns)
        self._progress("controllers, scheduler, DNS")

    async def _problem(self, component: str) -> str:
        """For `kubectl get componentstatuses`."""
        return self._supervisor.problem(component)

    async def _start_nodes(self, pki: Pki) -> None:
        if self.config.node_kind == "hollow":
            await imported("pybernetes.cluster.hollownodes")
            from .hollownodes import start_hollow_nodes

            start_hollow_nodes(self.server, self.env, self.config, pki, self._supervisor)
            self._progress(f"{self.config.hollow_nodes} hollow node(s)")
            return
        await imported("pybernetes.cluster.realnode")
        from .kubeletserver import serving_by
        from .realnode import NodeClients, RealNode

        subject = kubelet(self.config.node_name)
        serving = serving_by(pki, self.config.node_name, self.config.node_ip)
        clients = NodeClients(
            client_as(self.server, subject.common_name, *subject.organizations),
            client_as(self.server, "system:kube-proxy"),
        )
        node = RealNode(clients, self.env, self.config, serving, self._progress)
        self._stack.push_async_callback(node.stop)
        await node.start()
        self._clear_volumes()

    def _clear_volumes(self) -> None:
        client = client_as(self.server, "system:admin", "system:masters")
        informers = Informers(client, self.env.rng)
        volumes = LocalVolumes(client, informers, self.config.node_name, self.config.paths.volumes)
        self._supervisor.start("volume informers", informers.run)
        self._supervisor.start("local volumes", volumes.run)
