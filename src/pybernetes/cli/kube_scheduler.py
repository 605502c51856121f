"""`pyber kube-scheduler`, with upstream's main flags."""

from __future__ import annotations

import argparse
from pathlib import Path

from .kube_apiserver import boolean


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--kubeconfig", type=Path, help="how to reach the API server, and as whom")
    add("--config", type=Path, help="a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1)")
    add(
        "--leader-elect",
        type=boolean,
        nargs="?",
        const=True,
        help="only one of several instances works (default: the configuration's, or true)",
    )
    add("--bind-address", default="127.0.0.1", help="where health, metrics and decisions are served")
    add("--secure-port", type=int, help="the port for them, 0 for none (default: 10259 where it is free)")
    add("--tls-cert-file", type=Path, help="the certificate to serve with (default: one made for this run)")
    add("--tls-private-key-file", type=Path, help="the certificate's key")
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_scheduler

    return run_scheduler(arguments)
