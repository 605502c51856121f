"""`pyber issue-node`: what a kubelet needs to join, made with the cluster's CA: a kubeconfig and a serving certificate."""

from __future__ import annotations

import argparse
from pathlib import Path

from .up import default_state


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("node", help="the node's name")
    add("--node-ip", required=True, help="the node's address")
    add("--server", required=True, help="the API server's URL (https://198.51.100.1:6443)")
    add("--data-dir", type=Path, default=default_state(), help="where the API server keeps its certificates")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.clock import Env
    from pybernetes.cluster.identities import write_kubelet_kubeconfig
    from pybernetes.cluster.kubeletserver import serving_by
    from pybernetes.cluster.pki import Pki

    pki = Pki(arguments.data_dir / "pki", Env.real().now())
    kubeconfig = arguments.data_dir / f"kubelet-{arguments.node}.kubeconfig"
    write_kubelet_kubeconfig(pki, kubeconfig, arguments.server, arguments.node)
    serving = serving_by(pki, arguments.node, arguments.node_ip)
    print(f"--kubeconfig={kubeconfig}")
    print(f"--tls-cert-file={serving.identity.certificate}")
    print(f"--tls-private-key-file={serving.identity.key}")
    print(f"--client-ca-file={serving.client_ca}")
    return 0
