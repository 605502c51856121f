"""`pyber kube-controller-manager`, with upstream's main flags under upstream's names and defaults.

Three defaults are not upstream's: nodes are given pod ranges (`--allocate-node-cidrs`) and controllers use accounts of
their own (`--use-service-account-credentials`), as kubeadm sets both; and requests to the API server, which shares itself
out fairly, are not limited here (`--kube-api-qps`, upstream's is 20 for each client). Flags that could have no effect here are taken and
said to have none, so that kubeadm's manifest starts this program.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pybernetes.lang.durations import DurationError, parse_go_duration

from .kube_apiserver import boolean
from .up import features_of

SYNCS: tuple[tuple[str, str, int], ...] = (
    ("concurrent-cron-job-syncs", "cronjob-controller", 5),
    ("concurrent-daemonset-syncs", "daemonset-controller", 2),
    ("concurrent-deployment-syncs", "deployment-controller", 5),
    ("concurrent-endpoint-syncs", "endpoints-controller", 5),
    ("concurrent-ephemeralvolume-syncs", "ephemeral-volume-controller", 5),
    ("concurrent-gc-syncs", "garbage-collector-controller", 20),
    ("concurrent-horizontal-pod-autoscaler-syncs", "horizontal-pod-autoscaler-controller", 5),
    ("concurrent-job-syncs", "job-controller", 5),
    ("concurrent-namespace-syncs", "namespace-controller", 10),
    ("concurrent-rc-syncs", "replicationcontroller-controller", 5),
    ("concurrent-replicaset-syncs", "replicaset-controller", 5),
    ("concurrent-resource-quota-syncs", "resourcequota-controller", 5),
    ("concurrent-service-endpoint-syncs", "endpointslice-controller", 5),
    ("concurrent-serviceaccount-token-syncs", "serviceaccount-token-controller", 5),
    ("concurrent-statefulset-syncs", "statefulset-controller", 5),
    ("concurrent-ttl-after-finished-syncs", "ttl-after-finished-controller", 5),
    (
        "concurrent-validating-admission-policy-status-syncs",
        "validatingadmissionpolicy-status-controller",
        5,
    ),
    ("mirroring-concurrent-service-endpoint-syncs", "endpointslice-mirroring-controller", 5),
)
"""(flag, controller, upstream's default): how many objects are worked on at once."""

DURATIONS: tuple[tuple[str, str, str], ...] = (
    ("node-monitor-grace-period", "50s", "silence after which a node is not ready"),
    ("node-startup-grace-period", "1m0s", "the same for a node that has never reported"),
    ("node-monitor-period", "5s", "how often nodes are looked at"),
    ("horizontal-pod-autoscaler-sync-period", "15s", "between two looks at an autoscaler"),
    ("horizontal-pod-autoscaler-downscale-stabilization", "5m0s", "how long a higher recommendation holds"),
    (
        "horizontal-pod-autoscaler-cpu-initialization-period",
        "5m0s",
        "CPU before readiness is skipped so long",
    ),
    ("horizontal-pod-autoscaler-initial-readiness-delay", "30s", "unready so soon was never ready"),
    ("cluster-signing-duration", "8760h0m0s", "longest validity of issued certificates"),
    (
        "legacy-service-account-token-clean-up-period",
        "8760h0m0s",
        "how long a token in a Secret is unused before it is cleaned up",
    ),
    ("leader-elect-lease-duration", "15s", "how long a lease holds"),
    ("leader-elect-renew-deadline", "10s", "for how long the leader tries to renew it"),
    ("leader-elect-retry-period", "2s", "between two tries"),
)

NUMBERS: tuple[tuple[str, float, str], ...] = (
    ("horizontal-pod-autoscaler-tolerance", 0.1, "share of the target that metrics may differ by"),
    ("node-eviction-rate", 0.1, "nodes per second whose pods are evicted in a zone that is well"),
    ("secondary-node-eviction-rate", 0.01, "the same in a zone that is not well"),
    ("unhealthy-zone-threshold", 0.55, "share of nodes not ready (at least three) that makes a zone unwell"),
    ("kube-api-qps", 0.0, "requests per second of each client to the API server; 0 or less: no limit"),
)

WHOLE: tuple[tuple[str, int, str], ...] = (
    ("terminated-pod-gc-threshold", 12500, "ended pods that may stay; 0 or less: all"),
    ("large-cluster-size-threshold", 50, "nodes up to which an unwell zone evicts nothing"),
    ("max-endpoints-per-slice", 100, "endpoints in one EndpointSlice (1 to 1000)"),
    ("mirroring-max-endpoints-per-subset", 1000, "endpoints mirrored per subset (1 to 1000)"),
    ("kube-api-burst", 30, "requests at once to the API server"),
    ("node-cidr-mask-size", 24, "size of a node's share of an IPv4 range"),
    ("node-cidr-mask-size-ipv4", 0, "the same for dual stack (default: as above)"),
    ("node-cidr-mask-size-ipv6", 64, "size of a node's share of an IPv6 range"),
    ("secure-port", 10257, "port of health, metrics and configuration; 0: none"),
)

WITHOUT_EFFECT = (
    "attach-detach-reconcile-sync-period",
    "disable-attach-detach-reconcile-sync",
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "client-ca-file",
    "cluster-name",
    "concurrent-service-syncs",
    "configure-cloud-routes",
    "contention-profiling",
    "controller-start-interval",
    "enable-dynamic-provisioning",
    "endpointslice-updates-batch-period",
    "endpoint-updates-batch-period",
    "kube-api-content-type",
    "leader-elect-resource-lock",
    "logging-format",
    "min-resync-period",
    "mirroring-endpointslice-updates-batch-period",
    "namespace-sync-period",
    "profiling",
    "pvclaimbinder-sync-period",
    "requestheader-client-ca-file",
    "resource-quota-sync-period",
    "vmodule",
)
"""Flags of upstream that are taken and change nothing: controllers follow watches instead of syncing from time to time,
and who calls is asked of the API server over `--kubeconfig`."""


def duration(text: str) -> float:
    """Seconds of a Go duration. Raises ArgumentTypeError."""
    try:
        return parse_go_duration(text)
    except DurationError as error:
        raise argparse.ArgumentTypeError(f'time: invalid duration "{text}"') from error


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, help="how to reach the API server, and as whom")
    add(
        "--controllers",
        action="append",
        metavar="NAMES",
        help="by commas: `*` all that are on by default, `name` that one, `-name` not that one (default: *)",
    )
    for flag, default, text in DURATIONS:
        add(f"--{flag}", type=duration, default=default, metavar="DURATION", help=text)
    for name, number, text in NUMBERS:
        add(f"--{name}", type=float, default=number, help=text)
    for name, whole, text in WHOLE:
        add(f"--{name}", type=int, default=whole, help=text)
    for name, controller, workers in SYNCS:
        add(f"--{name}", type=int, default=workers, help=f"objects that {controller} works on at once")
    _leader(parser)
    _cluster(parser)
    _credentials(parser)
    add("--bind-address", default="0.0.0.0", help="where health and metrics are served")
    add("--tls-cert-file", type=Path, help="certificate to serve with (default: one made for this run)")
    add("--tls-private-key-file", type=Path, help="its key")
    add(
        "--feature-gates",
        default="",
        metavar="GATE=BOOL,…",
        help="features of v1.37 that are off by default: GenericWorkload=true",
    )
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs information")
    for name in WITHOUT_EFFECT:
        add(f"--{name}", nargs="?", const="true", metavar="VALUE", help="taken, without effect here")


def _leader(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--leader-elect", **_switch(True), help="only one of several instances works")
    add("--leader-elect-resource-name", default="kube-controller-manager", help="name of the Lease")
    add("--leader-elect-resource-namespace", default="kube-system", help="its namespace")


def _cluster(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--allocate-node-cidrs", **_switch(True), help="give every node a share of the cluster's range")
    add(
        "--cidr-allocator-type",
        default="RangeAllocator",
        choices=("RangeAllocator",),
        help="how they are given",
    )
    add("--cluster-cidr", default="10.244.0.0/16", help="range of pod addresses; two by comma for dual stack")
    add("--service-cluster-ip-range", default="", help="range of Service addresses, which no node is given")
    add("--enable-garbage-collector", **_switch(True), help="remove what has lost its owners")
    add(
        "--local-volumes",
        **_switch(False),
        help="nodes run `pyber kubelet --local-volumes-kubeconfig`: serve StorageClass local-path",
    )
    add("--local-volumes-dir", default="/var/lib/pybernetes/volumes", help="where on nodes these volumes are")


def _credentials(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--use-service-account-credentials", **_switch(True), help="an account for each controller")
    add(
        "--root-ca-file",
        type=Path,
        help="CA that pods are given in kube-root-ca.crt (default: the kubeconfig's)",
    )
    add("--service-account-private-key-file", type=Path, help="key that tokens in Secrets are signed with")
    add("--cluster-signing-cert-file", type=Path, help="CA that certificates are issued under")
    add("--cluster-signing-key-file", type=Path, help="its private key")


def _switch(default: bool) -> dict[str, Any]:
    return {"type": boolean, "nargs": "?", "const": True, "default": default}


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.controllermanagerprocess import run_controller_manager

    arguments.features = features_of("kube-controller-manager", arguments)
    workers = {}
    for flag, controller, _ in SYNCS:
        workers[controller] = getattr(arguments, flag.replace("-", "_"))
        if workers[controller] < 1:
            raise SystemExit(
                f"pyber kube-controller-manager: --{flag}: must be greater than 0, not {workers[controller]}"
            )
    return run_controller_manager(arguments, workers)
