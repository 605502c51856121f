"""`pyber kube-controller-manager`, with upstream's main flags."""

from __future__ import annotations

import argparse
from pathlib import Path

from .kube_apiserver import boolean


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, help="how to reach the API server, and as whom")
    add("--controllers", default="*", help="controllers to run, by commas: `*` all, `-name` not that one")
    add("--leader-elect", type=boolean, default=True, help="only one of several instances works")
    add("--cluster-cidr", default="10.244.0.0/16", help="range that nodes get their pod addresses from")
    add("--node-cidr-mask-size", type=int, default=24, help="size of a node's share")
    add(
        "--root-ca-file",
        type=Path,
        help="CA that pods are given in kube-root-ca.crt (default: the kubeconfig's)",
    )
    add("--cluster-signing-cert-file", type=Path, help="CA that certificates are issued under")
    add("--cluster-signing-key-file", type=Path, help="its private key")
    add("--cluster-signing-duration", default="8760h0m0s", help="longest validity of issued certificates")
    add("--service-account-private-key-file", type=Path, help="key that tokens in Secrets are signed with")
    add(
        "--legacy-service-account-token-clean-up-period",
        default="8760h0m0s",
        help="how long a token in a Secret is unused before it is cleaned up",
    )
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_controller_manager

    return run_controller_manager(arguments)
