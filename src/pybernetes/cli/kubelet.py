"""`pyber kubelet`, with upstream's main flags."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

from .up import default_state, route_address


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, help="how to reach the API server, and as whom")
    network = (
        "an identity that may read all nodes, for the pod network (kube-proxy's will do; a kubelet's may not)"
    )
    add("--network-kubeconfig", type=Path, required=True, help=network)
    volumes = "an identity that may change PersistentVolumes (local-path's): makes and removes directories of StorageClass local-path"
    add("--local-volumes-kubeconfig", type=Path, help=volumes)
    add(
        "--local-volumes-dir",
        type=Path,
        default=Path("/var/lib/pybernetes/volumes"),
        help="where these directories are, as kube-controller-manager is told too",
    )
    add("--hostname-override", default=socket.gethostname().lower(), help="the node's name")
    add("--node-ip", default="", help="the node's address (default: the one of the default route)")
    add(
        "--root-dir",
        type=Path,
        default=default_state() / "kubelet",
        help="directory of pods' volumes and state",
    )
    add("--port", type=int, default=10250, help="the HTTPS port")
    add("--tls-cert-file", type=Path, help="serving certificate")
    add("--tls-private-key-file", type=Path, help="key of the serving certificate")
    add("--client-ca-file", type=Path, help="CA of those who may call")
    add("--cluster-domain", default="cluster.local", help="DNS zone of the cluster")
    add("--cluster-cidr", default="10.244.0.0/16", help="range of pod addresses of all nodes")
    add("--service-cidr", default="10.96.0.0/12", help="range of Service addresses")
    add(
        "--resolv-conf",
        type=Path,
        default=Path("/etc/resolv.conf"),
        help="resolvers of pods that use the node's",
    )
    add("--cgroup-root", default="/", help="the cgroup below which pods are put")
    add("--registry-mirror", default="", help="pull every image from this registry")
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_kubelet

    if not arguments.node_ip:
        arguments.node_ip = route_address()
    return run_kubelet(arguments)
