"""`pyber kube-apiserver`, with upstream's main flags.

Without certificate flags it makes a CA and every certificate in `--cert-dir`, and kubeconfigs beside it: one command is a
working control plane.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import auditflags
from .up import default_state, features_of, route_address


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    add = parser.add_argument
    add("--etcd-servers", default="", help="URLs of an etcd cluster, by commas; empty: the embedded store")
    add("--etcd-cafile", type=Path, help="CA of etcd's certificates")
    add("--etcd-certfile", type=Path, help="client certificate for etcd")
    add("--etcd-keyfile", type=Path, help="key of the client certificate for etcd")
    add(
        "--data-dir",
        type=Path,
        default=default_state(),
        help="directory of the embedded store and of kubeconfigs",
    )
    add(
        "--cert-dir",
        type=Path,
        help="where certificates are made when none are given (default: DATA_DIR/pki)",
    )
    add("--bind-address", default="0.0.0.0", help="the address to listen on")
    add("--secure-port", type=int, default=6443, help="the HTTPS port")
    add(
        "--advertise-address",
        default="",
        help="the address that pods reach (default: the one of the default route)",
    )
    add(
        "--service-cluster-ip-range",
        default="10.96.0.0/12",
        help="range of Service addresses; with a comma a second one, of the other address family",
    )
    add("--service-node-port-range", default="30000-32767", help="range of node ports")
    add("--tls-cert-file", type=Path, help="serving certificate")
    add("--tls-private-key-file", type=Path, help="key of the serving certificate")
    add("--client-ca-file", type=Path, help="CA of client certificates")
    add(
        "--service-account-key-file",
        type=Path,
        action="append",
        default=[],
        help="public keys of accepted tokens",
    )
    add("--service-account-signing-key-file", type=Path, help="key that signs tokens")
    add(
        "--service-account-issuer",
        default="",
        help="`iss` of tokens (default: https://kubernetes.default.svc.…)",
    )
    add("--kubelet-client-certificate", type=Path, help="client certificate towards kubelets")
    add("--kubelet-client-key", type=Path, help="key of the client certificate towards kubelets")
    add("--requestheader-client-ca-file", type=Path, help="CA of front proxies, who may speak for others")
    add("--requestheader-allowed-names", help="common names of front proxies, by commas; empty: any")
    add("--requestheader-username-headers", help="headers that name the user (default: X-Remote-User)")
    add("--requestheader-uid-headers", help="headers that name the user's uid (default: X-Remote-Uid)")
    add("--requestheader-group-headers", help="headers that name groups (default: X-Remote-Group)")
    add(
        "--requestheader-extra-headers-prefix",
        help="how headers with more about the user begin (default: X-Remote-Extra-)",
    )
    add("--proxy-client-cert-file", type=Path, help="client certificate towards aggregated API servers")
    add("--proxy-client-key-file", type=Path, help="key of that certificate")
    add("--authorization-mode", default="Node,RBAC", help="authorizers in order, by commas")
    add(
        "--anonymous-auth",
        type=boolean,
        default=True,
        help="whether requests without credentials are anonymous",
    )
    add("--enable-admission-plugins", default="", help="admission plugins beside the default ones, by commas")
    add("--disable-admission-plugins", default="", help="admission plugins to leave out, by commas")
    add("--token-auth-file", type=Path, help='CSV file of bearer tokens: token,user,uid,"group1,group2"')
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
    add("--event-ttl", default="1h0m0s", help="how long Events are kept")
    auditflags.configure(parser)
    add("-v", "--v", type=int, default=0, help="log level; above 0 logs every component's information")


def boolean(text: str) -> bool:
    """A flag's value as Go reads it. Raises ArgumentTypeError."""
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("false", "0", "f"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.cluster.standalone import run_apiserver

    arguments.features = features_of("kube-apiserver", arguments)
    if not arguments.advertise_address:
        arguments.advertise_address = route_address()
    return run_apiserver(arguments, auditflags.audit_of(arguments, "pyber kube-apiserver"))
