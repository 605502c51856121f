"""What a cluster is started with, and where its files are. Values only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pybernetes.apiserver.audit.auditor import AuditConfig
    from pybernetes.scheduler.configuration.types import Configuration


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """The settings of `pyber up`, and the defaults of every other size of cluster."""

    state: Path
    """Directory of everything that outlives a stop: certificates, store, images, volumes."""
    node_kind: Literal["real", "hollow"] = "hollow"
    hollow_nodes: int = 1
    node_name: str = "node1"
    node_ip: str = "127.0.0.1"
    bind_address: str = "0.0.0.0"
    secure_port: int = 6443
    kubelet_port: int = 10250
    dns_port: int = 10053
    store: str = "journal"
    """"journal", "memory", or the URL of an etcd (`http://127.0.0.1:2379`)."""
    etcd_tls: tuple[Path, Path, Path] | None = None
    """CA, certificate and key for an etcd that wants them."""
    service_cidr: str = "10.96.0.0/12"
    pod_cidr: str = "10.244.0.0/16"
    cluster_domain: str = "cluster.local"
    resolv_conf: Path = Path("/etc/resolv.conf")
    """Where names outside the cluster are forwarded: the nameservers of this file."""
    cgroup_root: str = "/"
    """The cgroup below which `kubepods` is made."""
    features: frozenset[str] = frozenset()
    """The feature gates that are on (`api/features.py`)."""
    registry_mirror: str = ""
    """URL of a registry that every image is pulled from in place of its own; "" for none."""

    scheduler: Configuration | None = None
    """How the scheduler decides: what a KubeSchedulerConfiguration says; None: upstream's defaults."""
    audit: AuditConfig | None = None
    """What the API server logs of requests, and where."""

    @property
    def primary_service_cidr(self) -> str:
        """Of two ranges (dual-stack) the first."""
        return self.service_cidr.partition(",")[0]

    @property
    def api_service_ip(self) -> str:
        """The address of Service `kubernetes`: the first of the range."""
        return str(ipaddress.ip_network(self.primary_service_cidr)[1])

    @property
    def dns_ip(self) -> str:
        """The address of Service `kube-dns`: the tenth of the range, as kubeadm has it."""
        return str(ipaddress.ip_network(self.primary_service_cidr)[10])

    @property
    def server_url(self) -> str:
        """How a client on this machine reaches the API server."""
        host = "127.0.0.1" if self.bind_address in ("0.0.0.0", "127.0.0.1") else self.bind_address
        return f"https://{host}:{self.secure_port}"

    @property
    def paths(self) -> Paths:
        return Paths(self.state)


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are below the state directory."""

    state: Path

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.state / "kubeconfig"

    @property
    def store(self) -> Path:
        return self.state / "store"

    @property
    def kubelet(self) -> Path:
        return self.state / "kubelet"

    @property
    def containerd(self) -> Path:
        return self.state / "containerd"

    @property
    def cni(self) -> Path:
        return self.state / "cni"

    @property
    def volumes(self) -> Path:
        """Volumes of class `local-path`."""
        return self.state / "volumes"

    @property
    def pod_logs(self) -> Path:
        return self.state / "logs" / "pods"
