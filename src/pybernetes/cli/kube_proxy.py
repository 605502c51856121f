"""`pyber kube-proxy`, with upstream's main flags."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, help="how to reach the API server, and as whom")
    add("--proxy-mode", choices=("nftables",), default="nftables", help="what the rules are made of")
    add("--hostname-override", default=socket.gethostname().lower(), help="the node's name")
    add("--cluster-cidr", default="10.244.0.0/16", help="range of pod addresses")
    add("--service-cidr", default="10.96.0.0/12", help="range of Service addresses")
    add("--cleanup", action="store_true", help="remove the rules and exit")
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_proxy

    return run_proxy(arguments)
