"""`pyber kube-controller-manager`: from its flags to settings, the pages it serves, and the controllers behind a Lease."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Client, Transport
from pybernetes.client.kubeconfig import Access
from pybernetes.client.leaderelection import Timing
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.control.pages import ComponentPages
from pybernetes.control.queuemetrics import QueueGauge, queue_lines
from pybernetes.controllers.manager import KubeControllerManager
from pybernetes.controllers.selection import UnknownController, chosen
from pybernetes.controllers.table import CONTROLLERS, GARBAGE_COLLECTOR
from pybernetes.wire.http.server import HttpServer

from .accounts import AccountTransport
from .componentserver import serving
from .localvolumes import ensure_storage_class
from .ratelimited import limited
from .standalone import run_component

log = logging.getLogger("controller-manager")

NAME = "kube-controller-manager"
NODE_IPAM = "node-ipam-controller"
LOCAL_PATH_ACCOUNT = "local-path-provisioner"


def run_controller_manager(arguments: argparse.Namespace, workers: Mapping[str, int]) -> int:
    """Runs until a signal, or until the lease is lost. Exits with a message that names the flag where one is wrong."""
    try:
        access = kubeconfig.load(arguments.kubeconfig)
        settings = settings_of(arguments, access)
        selection = selection_of(arguments)
        timing = _timing(arguments)
    except (kubeconfig.BadKubeconfig, OSError, ValueError) as error:
        raise SystemExit(f"pyber {NAME}: {error}") from error
    env, state = Env.real(), ManagerState()

    def slow(transport: Transport) -> Transport:
        return limited(transport, arguments.kube_api_qps, arguments.kube_api_burst)

    async def work(client: ApiClient) -> None:
        def client_of(account: str) -> Client:
            if not arguments.use_service_account_credentials:
                return client
            return ApiClient(slow(AccountTransport(access, client, account)), field_manager=NAME)

        manager = KubeControllerManager(client, env, settings, client_of, selection, workers)
        state.lead(manager)
        if settings.local_volumes_are_cleared:
            await ensure_storage_class(client_of(LOCAL_PATH_ACCOUNT))
        try:
            await manager.run()
        finally:
            state.leads = False

    @contextlib.asynccontextmanager
    async def around(client: ApiClient) -> AsyncIterator[None]:
        pages = ComponentPages(client, state.metrics, lambda: configuration(arguments), {})
        async with serving(NAME, arguments, HttpServer(pages, now=env.now), env):
            yield

    return run_component(
        arguments,
        access,
        env,
        arguments.leader_elect_resource_name,
        work,
        namespace=arguments.leader_elect_resource_namespace,
        timing=timing,
        around=around,
        transport=slow,
        field_manager=NAME,
    )


def settings_of(arguments: argparse.Namespace, access: Access) -> Settings:
    """Raises OSError, ValueError."""
    if bool(arguments.cluster_signing_cert_file) != bool(arguments.cluster_signing_key_file):
        raise ValueError("--cluster-signing-cert-file and --cluster-signing-key-file are needed together")
    for flag in ("max_endpoints_per_slice", "mirroring_max_endpoints_per_subset"):
        if not 1 <= getattr(arguments, flag) <= 1000:
            raise ValueError(
                f"--{flag.replace('_', '-')}: must be between 1 and 1000, not {getattr(arguments, flag)}"
            )
    for part in filter(
        None, [*arguments.cluster_cidr.split(","), *arguments.service_cluster_ip_range.split(",")]
    ):
        ipaddress.ip_network(part)
    root_ca = arguments.root_ca_file.read_text() if arguments.root_ca_file else access.ca_pem.decode()
    return Settings(
        features=arguments.features,
        root_ca=root_ca,
        cluster_cidr=arguments.cluster_cidr,
        service_cidr=arguments.service_cluster_ip_range,
        node_cidr_mask_size=arguments.node_cidr_mask_size_ipv4 or arguments.node_cidr_mask_size,
        node_cidr_mask_size_ipv6=arguments.node_cidr_mask_size_ipv6,
        node_monitor_grace_seconds=arguments.node_monitor_grace_period,
        node_startup_grace_seconds=arguments.node_startup_grace_period,
        node_eviction_rate=arguments.node_eviction_rate,
        secondary_node_eviction_rate=arguments.secondary_node_eviction_rate,
        unhealthy_zone_threshold=arguments.unhealthy_zone_threshold,
        large_cluster_size=arguments.large_cluster_size_threshold,
        terminated_pod_gc_threshold=arguments.terminated_pod_gc_threshold,
        max_endpoints_per_slice=arguments.max_endpoints_per_slice,
        mirrored_endpoints_per_subset=arguments.mirroring_max_endpoints_per_subset,
        hpa_sync_seconds=arguments.horizontal_pod_autoscaler_sync_period,
        hpa_downscale_stabilization_seconds=arguments.horizontal_pod_autoscaler_downscale_stabilization,
        hpa_tolerance=arguments.horizontal_pod_autoscaler_tolerance,
        hpa_cpu_initialization_seconds=arguments.horizontal_pod_autoscaler_cpu_initialization_period,
        hpa_initial_readiness_seconds=arguments.horizontal_pod_autoscaler_initial_readiness_delay,
        local_volumes=arguments.local_volumes_dir,
        local_volumes_are_cleared=arguments.local_volumes,
        cluster_signing_cert=_text(arguments.cluster_signing_cert_file),
        cluster_signing_key=_text(arguments.cluster_signing_key_file),
        cluster_signing_seconds=int(arguments.cluster_signing_duration),
        service_account_key=_text(arguments.service_account_private_key_file),
        legacy_token_clean_up_seconds=arguments.legacy_service_account_token_clean_up_period,
    )


def selection_of(arguments: argparse.Namespace) -> str:
    """`--controllers`, with what other flags switch off. Raises UnknownController."""
    selection = ",".join(arguments.controllers or ["*"])
    chosen([*(row.name for row in CONTROLLERS), GARBAGE_COLLECTOR], selection)
    off = [
        f"-{name}"
        for name, on in (
            (NODE_IPAM, arguments.allocate_node_cidrs),
            (GARBAGE_COLLECTOR, arguments.enable_garbage_collector),
        )
        if not on
    ]
    return ",".join([*off, selection])


def _timing(arguments: argparse.Namespace) -> Timing:
    timing = Timing(
        arguments.leader_elect_lease_duration,
        arguments.leader_elect_renew_deadline,
        arguments.leader_elect_retry_period,
    )
    if problem := timing.problem():
        raise ValueError(problem)
    return timing


def configuration(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """What `/configz` tells: every flag as it is in force, but for where keys are."""
    values = {k: v for k, v in vars(arguments).items() if k not in ("run", "command") and v is not None}
    return {
        "kubecontrollermanager.config.k8s.io": {
            k.replace("_", "-"): str(v) for k, v in sorted(values.items())
        }
    }


class ManagerState:
    """What the metrics page knows of the manager, before and while it leads."""

    def __init__(self) -> None:
        self.leads = False
        self._names: frozenset[str] = frozenset()
        self._gauges: Mapping[str, QueueGauge] = {}

    def lead(self, manager: KubeControllerManager) -> None:
        self.leads = True
        self._names = manager.names
        self._gauges = manager.measure(asyncio.get_running_loop().time)

    def metrics(self) -> str:
        """The text format of Prometheus."""
        return "\n".join([*self._lines(), *queue_lines(self._gauges), ""])

    def _lines(self) -> Iterator[str]:
        yield "# HELP leader_election_master_status Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease."
        yield "# TYPE leader_election_master_status gauge"
        yield f'leader_election_master_status{{name="{NAME}"}} {int(self.leads)}'
        yield "# HELP running_managed_controllers Indicates where instances of a controller are currently running"
        yield "# TYPE running_managed_controllers gauge"
        for name in sorted(self._names):
            yield f'running_managed_controllers{{manager="{NAME}",name="{name}"}} {int(self.leads)}'


def _text(path: Path | None) -> str:
    return path.read_text() if path is not None else ""


__all__ = ["UnknownController", "run_controller_manager", "selection_of", "settings_of"]
