"""`pyber kube-scheduler`: its configuration file, the pages it serves, and the scheduler behind its lease."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.kubeconfig import Access
from pybernetes.clock import Env
from pybernetes.scheduler.configuration.read import read_file
from pybernetes.scheduler.configuration.types import Configuration, ConfigurationError
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.serving import SchedulerPages
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context

from .pki import Issued, Pki, Subject

log = logging.getLogger("scheduler")

PORT = 10259
Work = Callable[[ApiClient], Awaitable[None]]
Run = Callable[[argparse.Namespace, Access, Env, str, Work], int]


def run_scheduler(arguments: argparse.Namespace, run: Run) -> int:
    """Runs until a signal, or until the lease is lost. `run` is how every component alone runs. Exits with a message
    that names the file and the field where the configuration is wrong."""
    configuration = None
    path = arguments.kubeconfig
    try:
        if arguments.config is not None:
            configuration = read_file(arguments.config)
            path = path or (Path(configuration.kubeconfig) if configuration.kubeconfig else None)
            _check(configuration)
        if path is None:
            raise SystemExit("pyber kube-scheduler: --kubeconfig, or clientConnection.kubeconfig, is needed")
        access = kubeconfig.load(path)
    except (ConfigurationError, kubeconfig.BadKubeconfig, OSError) as error:
        raise SystemExit(f"pyber kube-scheduler: {error}") from error
    if arguments.leader_elect is None:
        arguments.leader_elect = configuration.leader_election.leader_elect if configuration else True
    lease = configuration.leader_election.name if configuration else "kube-scheduler"
    env = Env.real()

    async def work(client: ApiClient) -> None:
        scheduler = Scheduler(client, env, configuration=configuration)
        async with _serving(arguments, scheduler, client, env):
            await scheduler.run()

    return run(arguments, access, env, lease, work)


def _check(configuration: Configuration) -> None:
    """Makes the profiles once, so that a wrong plugin or argument is told at the start."""
    from pybernetes.scheduler.configuration.profiles import profiles_of

    profiles_of(configuration, "default-scheduler")


@contextlib.asynccontextmanager
async def _serving(
    arguments: argparse.Namespace, scheduler: Scheduler, client: ApiClient, env: Env
) -> AsyncIterator[None]:
    """Health, metrics and decisions over HTTPS. A port that was not asked for and is taken is done without."""
    port = PORT if arguments.secure_port is None else arguments.secure_port
    if not port:
        yield
        return
    server = HttpServer(SchedulerPages(scheduler, client), now=env.now)
    with tempfile.TemporaryDirectory() as directory:
        issued = await asyncio.to_thread(_certificate, arguments, Path(directory), env)
        try:
            await server.listen(
                arguments.bind_address, port, tls=server_context(issued.certificate, issued.key)
            )
        except OSError as error:
            if arguments.secure_port is not None:
                raise SystemExit(f"pyber kube-scheduler: --secure-port {port}: {error}") from error
            log.warning("nothing is served on port %d: %s", port, error)
    try:
        yield
    finally:
        await server.close()


def _certificate(arguments: argparse.Namespace, directory: Path, env: Env) -> Issued:
    """The one that is given, or a fresh one that nobody vouches for."""
    if arguments.tls_cert_file and arguments.tls_private_key_file:
        return Issued(arguments.tls_cert_file, arguments.tls_private_key_file)
    subject = Subject("kube-scheduler", hosts=("localhost", "127.0.0.1"))
    return Pki(directory, env.now()).issue("kube-scheduler", subject)
