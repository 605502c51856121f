"""`pyber kube-scheduler`, with upstream's main flags."""

from __future__ import annotations

import argparse
from pathlib import Path

from .kube_apiserver import boolean


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, help="how to reach the API server, and as whom")
    add("--leader-elect", type=boolean, default=True, help="only one of several instances works")
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_scheduler

    return run_scheduler(arguments)
