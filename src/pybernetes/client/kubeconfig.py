"""Reading how to reach a cluster: kubeconfig files, and what a pod is given."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pybernetes.wire.tls import client_context, load_client_pair

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class BadKubeconfig(ValueError):
    """The file does not say how to reach a cluster; the text names the file and the field."""


@dataclass(frozen=True, slots=True)
class Access:
    """A server and the credentials for it. `token_file` is read anew from time to time: its content is replaced."""

    server: str
    tls: ssl.SSLContext | None
    server_name: str | None = None
    token: str = ""
    token_file: Path | None = None
    namespace: str = "default"
    ca_pem: bytes = b""
    """The cluster's CA as the file has it, empty where none is given."""


def load(path: Path, context_name: str = "") -> Access:
    """The access of a kubeconfig's current (or named) context. Raises BadKubeconfig, OSError."""
    try:
        tree = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise BadKubeconfig(f"{path}: not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise BadKubeconfig(f"{path}: not a kubeconfig")
    name = context_name or tree.get("current-context") or ""
    context = _named(path, tree, "contexts", name, "context")
    cluster = _named(path, tree, "clusters", context.get("cluster", ""), "cluster")
    user = _named(path, tree, "users", context["user"], "user") if context.get("user") else {}
    server = cluster.get("server")
    if not server:
        raise BadKubeconfig(f"{path}: clusters[{context.get('cluster')}].cluster.server is missing")
    return Access(
        server=server,
        tls=_tls(path, cluster, user) if server.startswith("https:") else None,
        server_name=cluster.get("tls-server-name"),
        token=user.get("token", ""),
        token_file=_beside(path, user["tokenFile"]) if user.get("tokenFile") else None,
        namespace=context.get("namespace") or "default",
        ca_pem=_content(path, cluster, "certificate-authority"),
    )


def in_cluster(environment: Mapping[str, str] = os.environ) -> Access:
    """The access that every pod has by its service account. Raises BadKubeconfig outside a pod."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    token = SERVICE_ACCOUNT / "token"
    if not host or not port or not token.exists():
        raise BadKubeconfig("not in a pod: KUBERNETES_SERVICE_HOST or the service account token is missing")
    ca = SERVICE_ACCOUNT / "ca.crt"
    return Access(
        server=f"https://{host}:{port}",
        tls=client_context(ca),
        token_file=token,
        namespace=(SERVICE_ACCOUNT / "namespace").read_text().strip(),
        ca_pem=ca.read_bytes(),
    )


def _named(path: Path, tree: Mapping[str, Any], section: str, name: str, content: str) -> Mapping[str, Any]:
    for entry in tree.get(section) or ():
        if entry.get("name") == name:
            return entry.get(content) or {}
    raise BadKubeconfig(f"{path}: {section} has no entry named {name!r}")


def _tls(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _content(path, cluster, "certificate-authority").decode()
    context = client_context(authority or None, verify=not cluster.get("insecure-skip-tls-verify"))
    certificate = _content(path, user, "client-certificate").decode()
    if certificate:
        load_client_pair(context, certificate, _content(path, user, "client-key").decode())
    return context


def _content(path: Path, section: Mapping[str, Any], field: str) -> bytes:
    """A field given inside (`…-data`, base64) or as a file; empty where it is not given."""
    if section.get(f"{field}-data"):
        try:
            return base64.b64decode(section[f"{field}-data"], validate=True)
        except ValueError as error:
            raise BadKubeconfig(f"{path}: {field}-data is not base64") from error
    return _beside(path, section[field]).read_bytes() if section.get(field) else b""


def _beside(path: Path, name: str) -> Path:
    """Relative names are relative to the kubeconfig."""
    return path.parent / name
