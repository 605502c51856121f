"""`pyber story`: what really happened to an object, in order."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "What really happened to an object: every write about it and because of it, from the API server's ledger."
    add = parser.add_argument
    add("object", help="KIND/NAME, such as deployment/web or po/x")
    add("-n", "--namespace", default="", help="default: the kubeconfig's")
    add("--kubeconfig", type=Path, help="default: $KUBECONFIG, then ~/.kube/config")
    add("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.asking import ask_story

    return ask_story(arguments.object, arguments.namespace, arguments.kubeconfig, arguments.output)
