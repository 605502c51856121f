"""Components alone, each its own process over HTTPS: from upstream's flags to a running component."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from pybernetes.apiserver.admission.chain import chosen
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.https import HttpsTransport
from pybernetes.client.informers import Informers
from pybernetes.client.kubeconfig import Access
from pybernetes.client.leaderelection import LeaderElector, LeadershipLost
from pybernetes.clock import Env
from pybernetes.lang.durations import parse_go_duration

from .accounts import AccountTransport
from .config import ClusterConfig
from .controlplane import Certificates, issue_certificates, server_config, serving_control_plane
from .foreground import run_until_signal
from .identities import write_kubeconfigs
from .kubeletserver import Serving
from .pki import Issued, Pki

Component = Callable[[], Awaitable[None]]


def run_apiserver(arguments: argparse.Namespace) -> int:
    """`pyber kube-apiserver`."""
    given = (arguments.etcd_cafile, arguments.etcd_certfile, arguments.etcd_keyfile)
    config = ClusterConfig(
        state=arguments.data_dir.resolve(),
        node_ip=arguments.advertise_address,
        bind_address=arguments.bind_address,
        secure_port=arguments.secure_port,
        service_cidr=arguments.service_cluster_ip_range,
        store=arguments.etcd_servers or "sqlite",
        etcd_tls=given if all(given) else None,
    )
    config.state.mkdir(parents=True, exist_ok=True)
    env = Env.real()
    certificates = _certificates(arguments, config, env)
    settings = _settings(arguments, server_config(config, certificates))
    try:
        chosen(settings.enable_admission_plugins, settings.disable_admission_plugins)
    except ValueError as error:
        raise SystemExit(f"pyber kube-apiserver: {error}") from error

    async def serve(stop: asyncio.Event) -> None:
        async with serving_control_plane(config, env, certificates, settings):
            print(f"API server at {config.server_url}, store {config.store}", flush=True)
            await stop.wait()

    return run_until_signal(serve, verbose=arguments.v > 0)


def _certificates(arguments: argparse.Namespace, config: ClusterConfig, env: Env) -> Certificates:
    """Those that the flags name; where they name none, a CA of one's own with kubeconfigs for everybody."""
    if arguments.tls_cert_file is None:
        pki = Pki(arguments.cert_dir or config.paths.pki, env.now())
        everywhere = arguments.bind_address in ("0.0.0.0", "::")
        host = arguments.advertise_address if everywhere else arguments.bind_address
        write_kubeconfigs(pki, config.state, f"https://{host}:{config.secure_port}")
        return issue_certificates(pki, config)
    needed = {
        "--tls-private-key-file": arguments.tls_private_key_file,
        "--client-ca-file": arguments.client_ca_file,
        "--service-account-signing-key-file": arguments.service_account_signing_key_file,
        "--kubelet-client-certificate": arguments.kubelet_client_certificate,
        "--kubelet-client-key": arguments.kubelet_client_key,
    }
    if missing := [flag for flag, value in needed.items() if value is None]:
        raise SystemExit(f"pyber kube-apiserver: with --tls-cert-file also needed: {', '.join(missing)}")
    return Certificates(
        arguments.client_ca_file,
        Issued(arguments.tls_cert_file, arguments.tls_private_key_file),
        Issued(arguments.kubelet_client_certificate, arguments.kubelet_client_key),
        arguments.service_account_signing_key_file,
    )


def _settings(arguments: argparse.Namespace, settings: ApiServerConfig) -> ApiServerConfig:
    first, _, last = arguments.service_node_port_range.partition("-")
    issuer = arguments.service_account_issuer or settings.service_account_issuer
    return replace(
        settings,
        service_node_ports=(int(first), int(last)),
        service_account_issuer=issuer,
        service_account_audiences=(issuer,),
        service_account_verify_keys=tuple(p.read_bytes() for p in arguments.service_account_key_file),
        authorization_modes=tuple(arguments.authorization_mode.split(",")),
        anonymous=arguments.anonymous_auth,
        enable_admission_plugins=_names(arguments.enable_admission_plugins),
        disable_admission_plugins=_names(arguments.disable_admission_plugins),
        token_auth=arguments.token_auth_file.read_text() if arguments.token_auth_file else "",
        event_ttl=int(parse_go_duration(arguments.event_ttl)),
    )


def _names(text: str) -> tuple[str, ...]:
    """The names in a flag's value, by commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def run_controller_manager(arguments: argparse.Namespace) -> int:
    """`pyber kube-controller-manager`."""
    from pybernetes.control.definition import Settings
    from pybernetes.controllers.manager import KubeControllerManager

    access, env = _access(arguments), Env.real()
    root_ca = arguments.root_ca_file.read_text() if arguments.root_ca_file else access.ca_pem.decode()
    settings = Settings(
        root_ca=root_ca,
        cluster_cidr=arguments.cluster_cidr,
        node_cidr_mask_size=arguments.node_cidr_mask_size,
        cluster_signing_cert=_text(arguments.cluster_signing_cert_file),
        cluster_signing_key=_text(arguments.cluster_signing_key_file),
        cluster_signing_seconds=int(parse_go_duration(arguments.cluster_signing_duration)),
        service_account_key=_text(arguments.service_account_private_key_file),
        legacy_token_clean_up_seconds=parse_go_duration(
            arguments.legacy_service_account_token_clean_up_period
        ),
    )

    async def work(client: ApiClient) -> None:
        def client_of(account: str) -> ApiClient:
            return ApiClient(
                AccountTransport(access, client, account), field_manager="kube-controller-manager"
            )

        await KubeControllerManager(client, env, settings, client_of, arguments.controllers).run()

    return _run(arguments, access, env, "kube-controller-manager", work)


def _text(path: Path | None) -> str:
    return path.read_text() if path is not None else ""


def run_scheduler(arguments: argparse.Namespace) -> int:
    """`pyber kube-scheduler`."""
    from pybernetes.scheduler.scheduler import Scheduler

    env = Env.real()

    async def work(client: ApiClient) -> None:
        await Scheduler(client, env).run()

    return _run(arguments, _access(arguments), env, "kube-scheduler", work)


def run_proxy(arguments: argparse.Namespace) -> int:
    """`pyber kube-proxy`."""
    from pybernetes.host.nft import NftKernel
    from pybernetes.proxy.nftables import NodeNetwork, uninstall
    from pybernetes.proxy.proxier import Proxier

    if arguments.cleanup:
        asyncio.run(NftKernel().load(uninstall()))
        return 0
    env = Env.real()

    async def work(client: ApiClient) -> None:
        informers = Informers(client, env.rng)
        ranges = NodeNetwork(arguments.service_cidr, arguments.cluster_cidr)
        proxier = Proxier(informers, NftKernel(), ranges, arguments.hostname_override)
        async with asyncio.TaskGroup() as group:
            group.create_task(informers.run())
            await proxier.run()

    return _run(arguments, _access(arguments), env, "", work)


def run_dns(arguments: argparse.Namespace) -> int:
    """`pyber dns`."""
    from .dnsserver import run_dns as serve_dns

    env = Env.real()
    config = ClusterConfig(
        state=Path("/"),
        node_ip=arguments.address,
        dns_port=arguments.port,
        service_cidr=arguments.service_cidr,
        cluster_domain=arguments.cluster_domain,
        resolv_conf=arguments.resolv_conf,
    )

    async def work(client: ApiClient) -> None:
        await serve_dns(client, Informers(client, env.rng), env, config)

    return _run(arguments, _access(arguments), env, "", work)


def run_kubelet(arguments: argparse.Namespace) -> int:
    """`pyber kubelet`: the kubelet with a containerd of its own and the node's pod network."""
    from .realnode import NodeClients, RealNode

    if not (arguments.tls_cert_file and arguments.tls_private_key_file and arguments.client_ca_file):
        raise SystemExit(
            "pyber kubelet: --tls-cert-file, --tls-private-key-file and --client-ca-file are needed"
        )
    serving = Serving(
        Issued(arguments.tls_cert_file, arguments.tls_private_key_file), arguments.client_ca_file
    )
    config = ClusterConfig(
        state=arguments.root_dir.resolve(),
        node_kind="real",
        node_name=arguments.hostname_override,
        node_ip=arguments.node_ip,
        kubelet_port=arguments.port,
        service_cidr=arguments.service_cidr,
        pod_cidr=arguments.cluster_cidr,
        cluster_domain=arguments.cluster_domain,
        resolv_conf=arguments.resolv_conf,
        cgroup_root=arguments.cgroup_root,
        registry_mirror=arguments.registry_mirror,
    )
    env, access = Env.real(), _access(arguments)

    async def serve(stop: asyncio.Event) -> None:
        client = ApiClient(HttpsTransport(access, "pybernetes/kubelet"), field_manager="kubelet")
        network = ApiClient(
            HttpsTransport(kubeconfig.load(arguments.network_kubeconfig), "pybernetes/network")
        )
        clients = NodeClients(client, network, proxy=False)
        node = RealNode(clients, env, config, serving, lambda text: print(text, flush=True))
        try:
            await node.start()
            await stop.wait()
        finally:
            await node.stop()
            await client.close()
            await network.close()

    return run_until_signal(serve, verbose=arguments.v > 0)


def _access(arguments: argparse.Namespace) -> Access:
    try:
        return kubeconfig.load(arguments.kubeconfig)
    except (kubeconfig.BadKubeconfig, OSError) as error:
        raise SystemExit(f"pyber: {error}") from error


def _run(
    arguments: argparse.Namespace,
    access: Access,
    env: Env,
    lease: str,
    work: Callable[[ApiClient], Awaitable[None]],
) -> int:
    """Runs a component until a signal, or until it loses its lease: then it exits with 1, to be started again."""
    lost = False

    async def serve(stop: asyncio.Event) -> None:
        nonlocal lost
        client = ApiClient(HttpsTransport(access, f"pybernetes/{lease or 'component'}"), field_manager=lease)

        async def component() -> None:
            if lease and arguments.leader_elect:
                identity = f"{socket.gethostname()}_{os.getpid()}_{env.uid()}"
                await LeaderElector(client, env, lease, identity).run(lambda: work(client))
            else:
                await work(client)

        working, stopping = asyncio.ensure_future(component()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        except LeadershipLost as error:
            print(error, flush=True)
            lost = True
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.wait({working, stopping})
            await client.close()

    code = run_until_signal(serve, verbose=arguments.v > 0)
    return 1 if lost else code
