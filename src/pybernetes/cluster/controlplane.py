"""The control plane's front: certificates, the store, the API server, and its HTTPS listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pybernetes.apiserver.config import ApiServerConfig, KubeletClientTls
from pybernetes.apiserver.connect.serve import Connector
from pybernetes.apiserver.refusal import refuse
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User, service_account_user
from pybernetes.client.client import ApiClient
from pybernetes.clock import Env
from pybernetes.store.types import Store
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import client_context, server_context, tune_process

from . import identities
from .config import ClusterConfig
from .pki import Issued, Pki


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the control plane presents, trusts and signs with. `ca` signs clients' and kubelets' certificates."""

    ca: Path
    serving: Issued
    kubelet_client: Issued
    service_account_key: Path
    front_proxy_ca: Path | None = None
    """Signs certificates of those who may speak for others."""
    front_proxy_client: Issued | None = None
    """What this API server shows to aggregated ones."""


def issue_certificates(pki: Pki, config: ClusterConfig) -> Certificates:
    """The control plane's certificates under the cluster's own CA."""
    listening = () if config.bind_address in ("0.0.0.0", "::") else (config.bind_address,)
    serving = identities.apiserver(config.api_service_ip, config.node_ip, config.cluster_domain, *listening)
    front_proxy = pki.front_proxy()
    return Certificates(
        pki.ca,
        pki.issue("apiserver", serving),
        pki.issue("apiserver-kubelet-client", identities.APISERVER_KUBELET_CLIENT),
        pki.service_account_key,
        front_proxy.ca,
        front_proxy.issue("front-proxy-client", identities.FRONT_PROXY_CLIENT),
    )


async def open_store(config: ClusterConfig, env: Env) -> Store:
    """The store that the configuration names. Raises StoreError where it cannot be opened."""
    if config.store == "memory":
        from pybernetes.store.memory import MemoryStore

        return MemoryStore(env)
    if config.store == "journal":
        from pybernetes.store.journal import JournalStore

        return await JournalStore.open(config.paths.store, env)
    from pybernetes.store.etcd import EtcdStore
    from pybernetes.store.etcdchannel import TlsFiles

    files = config.etcd_tls
    tls = TlsFiles(*(str(path) for path in files)) if files else None
    return await EtcdStore.connect(config.store.split(","), env, tls=tls)


def server_config(config: ClusterConfig, certificates: Certificates) -> ApiServerConfig:
    """The API server's part of a cluster's settings."""
    proxy, proxy_ca = certificates.front_proxy_client, certificates.front_proxy_ca
    return ApiServerConfig(
        features=config.features,
        advertise_address=config.node_ip,
        secure_port=config.secure_port,
        service_cidr=config.service_cidr,
        client_ca=certificates.ca.read_bytes(),
        cluster_ca=certificates.ca.read_bytes(),
        service_account_issuer=f"https://kubernetes.default.svc.{config.cluster_domain}",
        service_account_audiences=(f"https://kubernetes.default.svc.{config.cluster_domain}",),
        service_account_signing_key=certificates.service_account_key.read_bytes(),
        kubelet_client=KubeletClientTls(
            client_certificate=certificates.kubelet_client.certificate.read_bytes(),
            client_key=certificates.kubelet_client.key.read_bytes(),
            kubelet_ca=certificates.ca.read_bytes(),
        ),
        audit=config.audit,
        proxy_client_certificate=proxy.certificate.read_bytes() if proxy else b"",
        proxy_client_key=proxy.key.read_bytes() if proxy else b"",
        requestheader_client_ca=proxy_ca.read_bytes() if proxy_ca else b"",
        requestheader_allowed_names=(identities.FRONT_PROXY_CLIENT.common_name,) if proxy_ca else (),
    )


@asynccontextmanager
async def serving_control_plane(
    config: ClusterConfig, env: Env, certificates: Certificates, settings: ApiServerConfig | None = None
) -> AsyncIterator[ApiServer]:
    """The API server over its store, reachable by HTTPS; taken down in reverse order at the end."""
    async with AsyncExitStack() as stack:
        store = await open_store(config, env)
        stack.push_async_callback(store.close)
        connector = Connector(_kubelets(certificates), HttpClient(tls=client_context(verify=False)))
        stack.push_async_callback(connector.close)
        server = ApiServer(
            store, env, settings or server_config(config, certificates), connect=connector.connect
        )
        stack.push_async_callback(server.close)
        await server.start()
        await stack.enter_async_context(listener(server, env, config, certificates))
        yield server


@asynccontextmanager
async def listener(
    server: ApiServer, env: Env, config: ClusterConfig, certificates: Certificates
) -> AsyncIterator[None]:
    """The HTTPS port; at the end watches are ended and running requests get two seconds to finish."""
    tune_process()
    http = HttpServer(server.handler, now=env.now, refuse=refuse)
    serving = certificates.serving
    cas = [ca.read_text() for ca in (certificates.ca, certificates.front_proxy_ca) if ca is not None]
    tls = server_context(serving.certificate, serving.key, "\n".join(cas), http2=True)
    await http.listen(config.bind_address, config.secure_port, tls=tls)
    try:
        yield
    finally:
        await http.close(grace=2)


def _kubelets(certificates: Certificates) -> HttpClient:
    """The client that the API server is towards kubelets, by its certificate for them."""
    identity = certificates.kubelet_client
    return HttpClient(tls=client_context(certificates.ca, identity.certificate, identity.key))


CONTROLLER_MANAGER = "kube-controller-manager"


def program_of(user: str) -> str:
    """The program behind a component's user: how upstream's components appear in managedFields."""
    return "kubelet" if user.startswith("system:node:") else user.rpartition(":")[2]


def client_as(server: ApiServer, name: str, *groups: str) -> ApiClient:
    """A client inside the process, with the rights of one user."""
    return ApiClient(
        server.transport(User(name, groups=(*groups, "system:authenticated"))), field_manager=program_of(name)
    )


def client_of_account(server: ApiServer, account: str) -> ApiClient:
    """A client inside the process with the rights of a service account of kube-system."""
    user = service_account_user("kube-system", account).with_group("system:authenticated")
    return ApiClient(server.transport(user), field_manager=CONTROLLER_MANAGER)
