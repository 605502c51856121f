"""Who is who in a cluster: the certificates of the components, under the names that upstream's RBAC policy knows."""

from __future__ import annotations

import socket
from pathlib import Path

from .kubeconfig import write_kubeconfig
from .pki import Issued, Pki, Subject

ADMIN = Subject("kubernetes-admin", ("system:masters",))
CONTROLLER_MANAGER = Subject("system:kube-controller-manager")
SCHEDULER = Subject("system:kube-scheduler")
PROXY = Subject("system:kube-proxy")
APISERVER_KUBELET_CLIENT = Subject("kube-apiserver-kubelet-client", ("system:masters",))
FRONT_PROXY_CLIENT = Subject("front-proxy-client")
DNS = Subject("system:coredns")
LOCAL_PATH = Subject("system:local-path")

COMPONENTS: tuple[tuple[str, Subject], ...] = (
    ("controller-manager", CONTROLLER_MANAGER),
    ("scheduler", SCHEDULER),
    ("kube-proxy", PROXY),
    ("dns", DNS),
    ("local-path", LOCAL_PATH),
)
"""Components that are given a kubeconfig: (file name below the state directory, subject)."""


def kubelet(node_name: str) -> Subject:
    """A kubelet's client identity."""
    return Subject(f"system:node:{node_name}", ("system:nodes",))


def kubelet_server(node_name: str, node_ip: str) -> Subject:
    """The kubelet's own HTTPS server."""
    return Subject(f"system:node:{node_name}", ("system:nodes",), hosts=(node_name, node_ip), client=False)


def apiserver(service_ip: str, advertise_address: str, cluster_domain: str, *more: str) -> Subject:
    """The API server's serving certificate: every name and address by which clients reach it."""
    names = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{cluster_domain}",
    )
    hosts = (*names, "localhost", socket.gethostname(), "127.0.0.1", service_ip, advertise_address, *more)
    return Subject("kube-apiserver", hosts=tuple(dict.fromkeys(hosts)), client=False)


def write_kubeconfigs(pki: Pki, state: Path, server: str) -> None:
    """The administrator's `kubeconfig` and one for each component, all for the same server URL."""
    write_kubeconfig(
        state / "kubeconfig",
        server=server,
        ca=pki.ca,
        identity=pki.issue("admin", ADMIN),
        user=ADMIN.common_name,
    )
    for name, subject in COMPONENTS:
        identity = pki.issue(name, subject)
        path = state / f"{name}.kubeconfig"
        write_kubeconfig(path, server=server, ca=pki.ca, identity=identity, user=subject.common_name)


def write_kubelet_kubeconfig(pki: Pki, path: Path, server: str, node_name: str) -> Issued:
    """A kubelet's kubeconfig for a node of this name."""
    subject = kubelet(node_name)
    identity = pki.issue(f"kubelet-{node_name}", subject)
    write_kubeconfig(path, server=server, ca=pki.ca, identity=identity, user=subject.common_name)
    return identity
