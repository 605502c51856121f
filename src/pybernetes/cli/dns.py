"""`pyber dns`: the cluster's DNS server alone."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, help="how to reach the API server, and as whom")
    add("--address", required=True, help="the address to listen on; pods must reach it")
    add("--port", type=int, default=10053, help="the port; Service kube-dns leads to it")
    add("--service-cidr", default="10.96.0.0/12", help="range of Service addresses; kube-dns has the tenth")
    add("--cluster-domain", default="cluster.local", help="the zone")
    add("--resolv-conf", type=Path, default=Path("/etc/resolv.conf"), help="resolvers for all other names")
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_dns

    return run_dns(arguments)
