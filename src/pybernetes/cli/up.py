"""`pyber up`: from options to a running cluster and back to nothing."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.podranges import MANY_NODES, capacity

from . import auditflags

if TYPE_CHECKING:
    from pybernetes.scheduler.configuration.types import Configuration


def configure(parser: argparse.ArgumentParser) -> None:
    """The options; every default is printed by --help."""
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--state-dir", type=Path, default=default_state(), help="directory of all that outlives a stop")
    add("--node", choices=("auto", "real", "hollow"), default="auto", help="real needs root and containerd")
    add("--nodes", type=int, default=1, help="how many hollow nodes")
    add("--store", default="journal", help="journal, memory, or the URL of an etcd (http://127.0.0.1:2379)")
    add("--port", type=int, default=6443, help="the API server's HTTPS port")
    add("--bind-address", default="0.0.0.0", help="the address that the API server listens on")
    add("--node-ip", default="", help="the node's address (default: the one of the default route)")
    add("--node-name", default=socket.gethostname().lower(), help="the name of the real node")
    add("--kubelet-port", type=int, default=10250, help="the kubelet's HTTPS port")
    add(
        "--service-cidr",
        default="10.96.0.0/12",
        help="range of Service addresses; with a comma a second one, of the other address family",
    )
    add("--pod-cidr", default="10.244.0.0/16", help="range of pod addresses")
    add(
        "--resolv-conf",
        type=Path,
        default=Path("/etc/resolv.conf"),
        help="resolvers for names outside the cluster",
    )
    add("--cgroup-root", default="/", help="the cgroup below which pods are put")
    add("--registry-mirror", default="", help="pull every image from this registry (http://127.0.0.1:5055)")
    add(
        "--feature-gates",
        default="",
        metavar="GATE=BOOL,…",
        help="features of v1.37 that are off by default: GenericWorkload=true",
    )
    add(
        "--runtime-config",
        default="",
        metavar="API=BOOL,…",
        help="APIs that are off by default: scheduling.k8s.io/v1beta1=true",
    )
    auditflags.configure(parser)
    add("--scheduler-config", type=Path, help="a KubeSchedulerConfiguration (profiles, plugins, extenders)")
    add("-v", "--verbose", action="store_true", help="log every component")


def default_state() -> Path:
    """`/var/lib/pybernetes` for root, else below the user's data directory."""
    if os.geteuid() == 0:
        return Path("/var/lib/pybernetes")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "pybernetes"


def missing_for_real_node() -> str:
    """Why a real node cannot run here, in words; "" if it can."""
    if os.geteuid() != 0:
        return "not root"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [name for name in ("containerd", "runc", "nft", "ip") if shutil.which(name, path=path) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


def route_address() -> str:
    """The address this machine uses towards others (no packet is sent), loopback where it has no route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def config_of(arguments: argparse.Namespace) -> ClusterConfig:
    """The configuration the options stand for. Exits with a message where they contradict the machine."""
    from pybernetes.apiserver.allocators.networks import read_ranges

    try:
        read_ranges(arguments.service_cidr)
    except ValueError as error:
        raise SystemExit(f"pyber up: --service-cidr: {error}") from error
    missing = missing_for_real_node()
    if arguments.node == "real" and missing:
        raise SystemExit(f"pyber up: --node real is not possible here: {missing}")
    real = not missing and arguments.node != "hollow"
    if not real and arguments.nodes > capacity(arguments.pod_cidr):
        raise SystemExit(
            f"pyber up: --pod-cidr {arguments.pod_cidr} serves {capacity(arguments.pod_cidr)} nodes, "
            f"not {arguments.nodes}; try --pod-cidr {MANY_NODES}"
        )
    if missing and arguments.node == "auto":
        print(f"hollow nodes: {missing}; containers will be simulated", flush=True)
    return ClusterConfig(
        state=arguments.state_dir.resolve(),
        node_kind="real" if real else "hollow",
        hollow_nodes=arguments.nodes,
        node_name=arguments.node_name if real else "node1",
        node_ip=arguments.node_ip or route_address(),
        bind_address=arguments.bind_address,
        secure_port=arguments.port,
        kubelet_port=arguments.kubelet_port,
        store=arguments.store,
        service_cidr=arguments.service_cidr,
        pod_cidr=arguments.pod_cidr,
        resolv_conf=arguments.resolv_conf,
        cgroup_root=arguments.cgroup_root,
        registry_mirror=arguments.registry_mirror,
        audit=auditflags.audit_of(arguments, "pyber up"),
        features=features_of("up", arguments),
        scheduler=_scheduler(arguments.scheduler_config),
    )


def _scheduler(path: Path | None) -> Configuration | None:
    """What a KubeSchedulerConfiguration says. Exits with a message that names the file and the field that is wrong."""
    if path is None:
        return None
    from pybernetes.scheduler.configuration.profiles import profiles_of
    from pybernetes.scheduler.configuration.read import read_file
    from pybernetes.scheduler.configuration.types import ConfigurationError

    try:
        configuration = read_file(path)
        profiles_of(configuration, "default-scheduler")
    except ConfigurationError as error:
        raise SystemExit(f"pyber up: --scheduler-config: {error}") from error
    return configuration


def features_of(command: str, arguments: argparse.Namespace) -> frozenset[str]:
    """The feature gates that are on. Exits with a message where a flag is wrong."""
    from pybernetes.api.features import FeatureError, read

    try:
        return read(arguments.feature_gates or "", getattr(arguments, "runtime_config", None))
    except FeatureError as error:
        raise SystemExit(f"pyber {command}: {error}") from None


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.foreground import run_in_foreground

    return run_in_foreground(config_of(arguments), verbose=arguments.verbose)
