"""The control plane's front: certificates, the store, the API server, and its HTTPS listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

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
    """What the control plane presents and signs with."""

    pki: Pki
    serving: Issued
    kubelet_client: Issued


def make_certificates(config: ClusterConfig, now: float) -> Certificates:
    """Opens or makes the certificates below the state directory, and writes the kubeconfigs."""
    pki = Pki(config.paths.pki, now)
    serving = identities.apiserver(config.api_service_ip, config.node_ip, config.cluster_domain)
    made = Certificates(
        pki,
        pki.issue("apiserver", serving),
        pki.issue("apiserver-kubelet-client", identities.APISERVER_KUBELET_CLIENT),
    )
    identities.write_kubeconfigs(pki, config.state, config.server_url)
    return made


async def open_store(where: str, config: ClusterConfig, env: Env) -> Store:
    """The store that `where` names: "sqlite", "memory" or etcd's URLs by commas. Raises StoreError where it cannot
    be opened."""
    if where == "memory":
        from pybernetes.store.memory import MemoryStore

        return MemoryStore(env)
    if where == "sqlite":
        from pybernetes.store.sqlite import SqliteStore

        return await SqliteStore.open(config.paths.store, env)
    from pybernetes.store.etcd import EtcdStore

    return await EtcdStore.connect(where.split(","), env)


def server_config(config: ClusterConfig, certificates: Certificates) -> ApiServerConfig:
    """The API server's part of a cluster's settings."""
    pki = certificates.pki
    return ApiServerConfig(
        advertise_address=config.node_ip,
        secure_port=config.secure_port,
        service_cidr=config.service_cidr,
        client_ca=pki.ca.read_bytes(),
        cluster_ca=pki.ca.read_bytes(),
        service_account_issuer=f"https://kubernetes.default.svc.{config.cluster_domain}",
        service_account_audiences=(f"https://kubernetes.default.svc.{config.cluster_domain}",),
        service_account_signing_key=pki.service_account_key.read_bytes(),
        kubelet_client=KubeletClientTls(
            client_certificate=certificates.kubelet_client.certificate.read_bytes(),
            client_key=certificates.kubelet_client.key.read_bytes(),
            kubelet_ca=pki.ca.read_bytes(),
        ),
    )


@asynccontextmanager
async def serving_control_plane(
    config: ClusterConfig, env: Env, certificates: Certificates
) -> AsyncIterator[ApiServer]:
    """The API server over its store, reachable by HTTPS; taken down in reverse order at the end."""
    async with AsyncExitStack() as stack:
        store = await open_store(config.store, config, env)
        stack.push_async_callback(store.close)
        connector = Connector(_kubelets(certificates), HttpClient(tls=client_context(verify=False)))
        stack.push_async_callback(connector.close)
        server = ApiServer(store, env, server_config(config, certificates), connect=connector.connect)
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
    tls = server_context(certificates.serving.certificate, certificates.serving.key, certificates.pki.ca)
    await http.listen(config.bind_address, config.secure_port, tls=tls)
    try:
        yield
    finally:
        await http.close(grace=2)


def _kubelets(certificates: Certificates) -> HttpClient:
    """The client that the API server is towards kubelets, by its certificate for them."""
    identity = certificates.kubelet_client
    return HttpClient(tls=client_context(certificates.pki.ca, identity.certificate, identity.key))


def client_as(server: ApiServer, name: str, *groups: str) -> ApiClient:
    """A client inside the process, with the rights of one user."""
    return ApiClient(
        server.transport(User(name, groups=(*groups, "system:authenticated"))), field_manager=name
    )


def client_of_account(server: ApiServer, account: str) -> ApiClient:
    """A client inside the process with the rights of a service account of kube-system."""
    user = service_account_user("kube-system", account).with_group("system:authenticated")
    return ApiClient(server.transport(user), field_manager=account)
