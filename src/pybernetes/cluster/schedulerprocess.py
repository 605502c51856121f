"""`pyber kube-scheduler`: from its flags and its configuration file to the pages it serves and the scheduler behind its
lease."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pybernetes.apiserver.authn import clientcert
from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.kubeconfig import Access
from pybernetes.client.leaderelection import Timing
from pybernetes.clock import Env
from pybernetes.scheduler.configuration.read import read_file
from pybernetes.scheduler.configuration.types import Configuration, ConfigurationError, LeaderElection
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.serving import scheduler_pages
from pybernetes.wire.http.server import HttpServer

from .componentserver import serving
from .ratelimited import limited
from .standalone import run_component

NAME = "kube-scheduler"

ELECTION: tuple[tuple[str, str], ...] = (
    ("leader_elect", "leader_elect"),
    ("leader_elect_lease_duration", "lease_seconds"),
    ("leader_elect_renew_deadline", "renew_seconds"),
    ("leader_elect_retry_period", "retry_seconds"),
    ("leader_elect_resource_namespace", "namespace"),
    ("leader_elect_resource_name", "name"),
)
"""(flag, field of LeaderElection): a flag that is given counts before the file."""


def run_scheduler(arguments: argparse.Namespace) -> int:
    """Runs until a signal, or until the lease is lost. Exits with a message that names the flag, or the file and the
    field, where something is wrong."""
    try:
        configuration = configuration_of(arguments)
        access = _access(arguments, configuration)
        timing = _timing(configuration.leader_election)
        _check(configuration)
    except (ConfigurationError, kubeconfig.BadKubeconfig, OSError, ValueError) as error:
        raise SystemExit(f"pyber {NAME}: {error}") from error
    arguments.leader_elect = configuration.leader_election.leader_elect
    env = Env.real()
    running: list[Scheduler] = []

    async def work(client: ApiClient) -> None:
        running[:] = [Scheduler(client, env, configuration=configuration, features=arguments.features)]
        try:
            await running[0].run()
        finally:
            running.clear()

    @contextlib.asynccontextmanager
    async def around(client: ApiClient) -> AsyncIterator[None]:
        pages = scheduler_pages(
            lambda: running[0] if running else None, client, lambda: in_force(configuration), user_of
        )
        client_ca = arguments.client_ca_file or (access.ca_pem.decode() if access.ca_pem else None)
        async with serving(NAME, arguments, HttpServer(pages, now=env.now), env, client_ca):
            yield

    return run_component(
        arguments,
        access,
        env,
        configuration.leader_election.name,
        work,
        namespace=configuration.leader_election.namespace,
        timing=timing,
        around=around,
        transport=lambda inner: limited(inner, arguments.kube_api_qps, arguments.kube_api_burst),
        field_manager=NAME,
    )


def configuration_of(arguments: argparse.Namespace) -> Configuration:
    """The file's, with what the flags say. Raises ConfigurationError."""
    found = read_file(arguments.config) if arguments.config is not None else Configuration()
    given = {
        field: value for flag, field in ELECTION if (value := getattr(arguments, flag, None)) is not None
    }
    return replace(found, leader_election=replace(found.leader_election, **given))


def _access(arguments: argparse.Namespace, configuration: Configuration) -> Access:
    """Raises BadKubeconfig, OSError, ValueError."""
    path = arguments.kubeconfig or (Path(configuration.kubeconfig) if configuration.kubeconfig else None)
    if path is None:
        raise ValueError("--kubeconfig, or clientConnection.kubeconfig in --config, is needed")
    access = kubeconfig.load(path)
    return replace(access, server=arguments.master) if arguments.master else access


def _timing(election: LeaderElection) -> Timing:
    timing = Timing(election.lease_seconds, election.renew_seconds, election.retry_seconds)
    if election.leader_elect and (problem := timing.problem()):
        raise ValueError(f"leaderElection: {problem}")
    return timing


def _check(configuration: Configuration) -> None:
    """Makes the profiles once, so that a wrong plugin or argument is told at the start. Raises ConfigurationError."""
    from pybernetes.scheduler.configuration.profiles import profiles_of

    profiles_of(configuration, "default-scheduler")


def in_force(configuration: Configuration) -> Mapping[str, Any]:
    """What `/configz` tells."""
    election, (first, most) = configuration.leader_election, configuration.backoff
    return {
        "kubescheduler.config.k8s.io": {
            "leaderElection": asdict(election),
            "podInitialBackoffSeconds": first,
            "podMaxBackoffSeconds": most,
            "profiles": [
                {
                    "schedulerName": profile.name,
                    "plugins": {point: asdict(each) for point, each in profile.plugins.items()},
                    "pluginConfig": [
                        {"name": name, "args": tree} for name, (tree, _) in profile.arguments.items()
                    ],
                }
                for profile in configuration.profiles
            ],
            "extenders": [each.url_prefix for each in configuration.extenders],
        }
    }


def user_of(certificate: bytes) -> Mapping[str, Any] | None:
    """Whom a client certificate stands for, as a SubjectAccessReview names users."""
    user = clientcert.user_of(certificate)
    if user is None:
        return None
    return {"user": user.name, "groups": [*user.groups, "system:authenticated"]}
