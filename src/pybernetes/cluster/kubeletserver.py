"""A kubelet's HTTPS port: certificate from the cluster's CA, the API server let in by its name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from pybernetes.clock import Env
from pybernetes.kubelet.server.authorize import by_common_name
from pybernetes.kubelet.server.backend import Backend
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context

from .identities import kubelet_server
from .pki import Issued, Pki


@dataclass(frozen=True, slots=True)
class Serving:
    """The certificate that the port presents, and the CA of those who may call."""

    identity: Issued
    client_ca: Path


def serving_by(pki: Pki, node_name: str, address: str) -> Serving:
    """A certificate for a node from the cluster's own CA."""
    return Serving(pki.issue(f"kubelet-server-{node_name}", kubelet_server(node_name, address)), pki.ca)


async def serve_kubelet(backend: Backend, env: Env, serving: Serving, address: str, port: int) -> None:
    """Serves until cancelled. Raises OSError where the port is taken."""
    identity = serving.identity
    http = HttpServer(KubeletServer(backend, env, by_common_name()).handle, now=env.now)
    await http.listen(
        address, port, tls=server_context(identity.certificate, identity.key, serving.client_ca)
    )
    try:
        await asyncio.Event().wait()
    finally:
        await http.close(grace=1)
