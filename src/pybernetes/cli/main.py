"""`pyber COMMAND`: a table of subcommands, each in its own module with `configure(parser)` and `run(arguments)`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("up", "up", "run a whole cluster on this machine, in the foreground"),
    ("kube-apiserver", "kube_apiserver", "run the API server alone"),
    ("kube-controller-manager", "kube_controller_manager", "run the controllers alone"),
    ("kube-scheduler", "kube_scheduler", "run the scheduler alone"),
    ("kubelet", "kubelet", "run the node agent alone"),
    ("kube-proxy", "kube_proxy", "run the service proxy alone"),
    ("dns", "dns", "run the cluster's DNS server alone"),
    ("issue-node", "issue_node", "make the credentials with which a kubelet joins"),
    ("story", "story", "what really happened to an object, in order"),
    ("why", "why", "why an object is as it is: pending, restarting, stuck, refused"),
    ("schedule", "schedule", "where pods would go in a cluster, without touching anything"),
    ("fuzz", "fuzz", "run a test file under many seeds and find the smallest that fails"),
    ("version", "version", "print the versions of pybernetes and of the API"),
)
"""(name, module in this package, one line of help)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code. Wrong usage exits with 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="pyber", description="Kubernetes, whole, in Python.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, module_name, summary in COMMANDS:
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:
            module = importlib.import_module(f"pybernetes.cli.{module_name}")
            module.configure(sub)
            sub.set_defaults(run=module.run)
    parsed = parser.parse_args(words)
    return int(parsed.run(parsed))
