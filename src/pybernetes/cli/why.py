"""`pyber why`: why an object is as it is."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Why an object is as it is: pending, restarting, stuck, without endpoints, refused."
    add = parser.add_argument
    add("object", help="KIND/NAME, such as deployment/web or po/x")
    add("-n", "--namespace", default="", help="default: the kubeconfig's")
    add("--kubeconfig", type=Path, help="default: $KUBECONFIG, then ~/.kube/config")
    add(
        "--scheduler",
        default="",
        metavar="URL",
        help="where a kube-scheduler that runs alone serves its decisions (https://127.0.0.1:10259)",
    )
    add("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.asking import ask_why

    return ask_why(
        arguments.object, arguments.namespace, arguments.kubeconfig, arguments.output, arguments.scheduler
    )
