"""The HTTPS port of a component that runs alone: its health, its metrics, its pages."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from pybernetes.clock import Env
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context

from .pki import Issued, Pki, Subject


@contextlib.asynccontextmanager
async def serving(
    name: str,
    arguments: argparse.Namespace,
    server: HttpServer,
    env: Env,
    client_ca: Path | str | None = None,
) -> AsyncIterator[None]:
    """Serves while the block runs, by the flags --bind-address, --secure-port (0: not at all), --tls-cert-file and
    --tls-private-key-file. `client_ca` (a path or PEM) makes it ask for client certificates. Exits where the port is
    taken."""
    if not arguments.secure_port:
        yield
        return
    with tempfile.TemporaryDirectory() as directory:
        issued = await asyncio.to_thread(_certificate, name, arguments, Path(directory), env)
        try:
            tls = server_context(issued.certificate, issued.key, client_ca)
            await server.listen(arguments.bind_address, arguments.secure_port, tls=tls)
        except OSError as error:
            raise SystemExit(f"pyber {name}: --secure-port {arguments.secure_port}: {error}") from error
    try:
        yield
    finally:
        await server.close()


def _certificate(name: str, arguments: argparse.Namespace, directory: Path, env: Env) -> Issued:
    """The one that is given, or a fresh one that nobody vouches for."""
    if arguments.tls_cert_file and arguments.tls_private_key_file:
        return Issued(arguments.tls_cert_file, arguments.tls_private_key_file)
    return Pki(directory, env.now()).issue(name, Subject(name, hosts=("localhost", "127.0.0.1")))
