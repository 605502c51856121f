"""Components alone, each its own process over HTTPS: from upstream's flags to a running component."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.apiserver.admission.chain import chosen
from pybernetes.apiserver.allocators.networks import read_ranges
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.client import kubeconfig
from pybernetes.client.client import ApiClient
from pybernetes.client.https import HttpsTransport
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Transport
from pybernetes.client.kubeconfig import Access
from pybernetes.client.leaderelection import LeaderElector, LeadershipLost, Timing
from pybernetes.clock import Env
from pybernetes.lang.durations import parse_go_duration

from .config import ClusterConfig
from .controlplane import Certificates, issue_certificates, server_config, serving_control_plane
from .foreground import run_until_signal
from .identities import write_kubeconfigs
from .kubeletserver import Serving
from .localvolumes import LocalVolumes
from .pki import Issued, Pki
from .supervise import Supervisor

if TYPE_CHECKING:
    from pybernetes.apiserver.audit.auditor import AuditConfig

Component = Callable[[], Awaitable[None]]


def run_apiserver(arguments: argparse.Namespace, audit: AuditConfig | None = None) -> int:
    """`pyber kube-apiserver`."""
    try:
        read_ranges(arguments.service_cluster_ip_range)
    except ValueError as error:
        raise SystemExit(f"pyber kube-apiserver: --service-cluster-ip-range: {error}") from error
    given = (arguments.etcd_cafile, arguments.etcd_certfile, arguments.etcd_keyfile)
    config = ClusterConfig(
        state=arguments.data_dir.resolve(),
        node_ip=arguments.advertise_address,
        bind_address=arguments.bind_address,
        secure_port=arguments.secure_port,
        service_cidr=arguments.service_cluster_ip_range,
        store=arguments.etcd_servers or "journal",
        etcd_tls=given if all(given) else None,
        audit=audit,
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
        made = issue_certificates(pki, config)
        return replace(
            made,
            front_proxy_ca=arguments.requestheader_client_ca_file or made.front_proxy_ca,
            front_proxy_client=_front_proxy_client(arguments) or made.front_proxy_client,
        )
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
        arguments.requestheader_client_ca_file,
        _front_proxy_client(arguments),
    )


def _front_proxy_client(arguments: argparse.Namespace) -> Issued | None:
    files = (arguments.proxy_client_cert_file, arguments.proxy_client_key_file)
    if (files[0] is None) != (files[1] is None):
        raise SystemExit(
            "pyber kube-apiserver: --proxy-client-cert-file and --proxy-client-key-file go together"
        )
    return Issued(*files) if files[0] is not None else None


def _settings(arguments: argparse.Namespace, settings: ApiServerConfig) -> ApiServerConfig:
    first, _, last = arguments.service_node_port_range.partition("-")
    issuer = arguments.service_account_issuer or settings.service_account_issuer
    return replace(
        settings,
        features=arguments.features,
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
        **_requestheader(arguments),
    )


def _requestheader(arguments: argparse.Namespace) -> dict[str, Any]:
    """What flags say of front proxies; what they leave open stays as it is."""
    given = {
        "requestheader_allowed_names": arguments.requestheader_allowed_names,
        "requestheader_username_headers": arguments.requestheader_username_headers,
        "requestheader_uid_headers": arguments.requestheader_uid_headers,
        "requestheader_group_headers": arguments.requestheader_group_headers,
        "requestheader_extra_headers_prefix": arguments.requestheader_extra_headers_prefix,
    }
    found: dict[str, Any] = {field: _names(text) for field, text in given.items() if text is not None}
    if arguments.requestheader_client_ca_file is not None:
        found.setdefault("requestheader_allowed_names", ())
    return found


def _names(text: str) -> tuple[str, ...]:
    """The names in a flag's value, by commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


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
    env, access, network_access = Env.real(), _access(arguments), _loaded(arguments.network_kubeconfig)
    own = arguments.local_volumes_kubeconfig
    volumes_access = None if own is None else _loaded(own)

    async def serve(stop: asyncio.Event) -> None:
        client = ApiClient(HttpsTransport(access, "pybernetes/kubelet"), field_manager="kubelet")
        network = ApiClient(HttpsTransport(network_access, "pybernetes/network"))
        clients = NodeClients(client, network, proxy=False)
        node = RealNode(clients, env, config, serving, lambda text: print(text, flush=True))
        try:
            async with _local_volumes(arguments, volumes_access, env):
                await node.start()
                await stop.wait()
        finally:
            await node.stop()
            await client.close()
            await network.close()

    return run_until_signal(serve, verbose=arguments.v > 0)


@contextlib.asynccontextmanager
async def _local_volumes(
    arguments: argparse.Namespace, access: Access | None, env: Env
) -> AsyncIterator[None]:
    """Looks after the directories of StorageClass local-path, where the kubelet is told to."""
    if access is None:
        yield
        return
    client = ApiClient(HttpsTransport(access, "pybernetes/local-path"))
    informers = Informers(client, env.rng)
    directory = arguments.local_volumes_dir.resolve()
    volumes = LocalVolumes(client, informers, arguments.hostname_override, directory)
    supervisor = Supervisor()
    supervisor.start("volume informers", informers.run)
    supervisor.start("local volumes", volumes.run)
    try:
        yield
    finally:
        await supervisor.stop()
        await client.close()


def _access(arguments: argparse.Namespace) -> Access:
    return _loaded(arguments.kubeconfig)


def _loaded(path: Path) -> Access:
    try:
        return kubeconfig.load(path)
    except (kubeconfig.BadKubeconfig, OSError) as error:
        raise SystemExit(f"pyber: {error}") from error


def _run(
    arguments: argparse.Namespace,
    access: Access,
    env: Env,
    lease: str,
    work: Callable[[ApiClient], Awaitable[None]],
) -> int:
    """`run_component` as most are run."""
    return run_component(arguments, access, env, lease, work)


def run_component(
    arguments: argparse.Namespace,
    access: Access,
    env: Env,
    lease: str,
    work: Callable[[ApiClient], Awaitable[None]],
    *,
    namespace: str = "kube-system",
    timing: Timing | None = None,
    around: Callable[[ApiClient], AbstractAsyncContextManager[None]] | None = None,
    transport: Callable[[Transport], Transport] = lambda inner: inner,
    field_manager: str = "",
) -> int:
    """Runs a component until a signal, or until it loses its lease: then it exits with 1, to be started again.
    `around` is open from the start, also while another instance leads; `transport` wraps the way to the server."""
    lost = False

    async def serve(stop: asyncio.Event) -> None:
        nonlocal lost
        https = HttpsTransport(access, f"pybernetes/{lease or 'component'}")
        client = ApiClient(transport(https), field_manager=field_manager or lease)
        # What the lease hangs on is never kept waiting by the rest.
        electing = ApiClient(https, field_manager=field_manager or lease)

        async def component() -> None:
            if lease and arguments.leader_elect:
                identity = f"{socket.gethostname()}_{os.getpid()}_{env.uid()}"
                elector = LeaderElector(electing, env, lease, identity, namespace, timing)
                await elector.run(lambda: work(client))
            else:
                await work(client)

        async with around(client) if around is not None else contextlib.nullcontext():
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
