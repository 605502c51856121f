"""`pyber kube-scheduler`, with upstream's main flags under upstream's names and defaults.

Requests to the API server, which shares itself out fairly, are not limited unless `--kube-api-qps` says so. Flags that
could have no effect here are taken and said to have none, so that kubeadm's manifest starts this program.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .kube_apiserver import boolean
from .kube_controller_manager import duration
from .up import features_of

DURATIONS: tuple[tuple[str, str], ...] = (
    ("leader-elect-lease-duration", "how long a lease holds (default: the file's, or 15s)"),
    (
        "leader-elect-renew-deadline",
        "for how long the leader tries to renew it (default: the file's, or 10s)",
    ),
    ("leader-elect-retry-period", "between two tries (default: the file's, or 2s)"),
)

WITHOUT_EFFECT = (
    "allow-metric-labels",
    "authentication-kubeconfig",
    "authentication-skip-lookup",
    "authentication-tolerate-lookup-failure",
    "authorization-always-allow-paths",
    "authorization-kubeconfig",
    "cert-dir",
    "contention-profiling",
    "http2-max-streams-per-connection",
    "kube-api-content-type",
    "leader-elect-resource-lock",
    "log-flush-frequency",
    "logging-format",
    "pod-max-in-unschedulable-pods-duration",
    "profiling",
    "requestheader-client-ca-file",
    "tls-cipher-suites",
    "tls-min-version",
    "vmodule",
)
"""Flags of upstream that are taken and change nothing: who calls is asked of the API server over `--kubeconfig`."""


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--kubeconfig", type=Path, help="how to reach the API server, and as whom")
    add("--master", default="", help="the API server's URL, in place of the kubeconfig's")
    add("--config", type=Path, help="a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1)")
    add(
        "--leader-elect",
        type=boolean,
        nargs="?",
        const=True,
        help="only one of several instances works (default: the file's, or true)",
    )
    for flag, text in DURATIONS:
        add(f"--{flag}", type=duration, metavar="DURATION", help=text)
    add("--leader-elect-resource-name", metavar="NAME", help="the Lease (default: kube-scheduler)")
    add("--leader-elect-resource-namespace", metavar="NAME", help="its namespace (default: kube-system)")
    add("--bind-address", default="0.0.0.0", help="where health, metrics and decisions are served")
    add("--secure-port", type=int, default=10259, help="the port for them; 0: none (default: 10259)")
    add("--tls-cert-file", type=Path, help="certificate to serve with (default: one made for this run)")
    add("--tls-private-key-file", type=Path, help="its key")
    add("--client-ca-file", type=Path, help="CA of client certificates (default: the kubeconfig's)")
    add("--kube-api-qps", type=float, default=0.0, help="requests per second; 0 or less: no limit")
    add("--kube-api-burst", type=int, default=100, help="requests at once")
    add(
        "--feature-gates",
        default="",
        metavar="GATE=BOOL,…",
        help="features of v1.37 that are off by default: GenericWorkload=true",
    )
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")
    for name in WITHOUT_EFFECT:
        add(f"--{name}", nargs="?", const="true", metavar="VALUE", help="taken, without effect here")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.schedulerprocess import run_scheduler

    arguments.features = features_of("kube-scheduler", arguments)
    return run_scheduler(arguments)
