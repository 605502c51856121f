"""The connections to other API servers, made with this server's certificate of a front proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybernetes.clock import Env

from ..config import ApiServerConfig
from ..connect.servicelocation import service_base
from ..registry import Registry
from .remotes import Remote

if TYPE_CHECKING:
    from pybernetes.wire.http.client import HttpClient


class Peers:
    """One client per way of trusting: connections are kept. Close it."""

    def __init__(self, registry: Registry, env: Env, config: ApiServerConfig) -> None:
        self._registry = registry
        self._env = env
        self.config = config
        self._clients: dict[tuple[str, bool, str, bytes], HttpClient] = {}

    def base(self, remote: Remote) -> str:
        """`https://host:port`. Raises ServiceUnavailable."""
        return service_base(self._registry, self._env, remote.namespace, remote.service, str(remote.port))

    def client(self, remote: Remote) -> HttpClient:
        """Raises OSError (ssl.SSLError) where the CA bundle is none."""
        from pybernetes.wire.http.client import HttpClient
        from pybernetes.wire.tls import client_context, load_client_pair

        certificate = self.config.proxy_client_certificate
        key = (remote.ca_bundle, remote.insecure, remote.server_name, certificate)
        client = self._clients.get(key)
        if client is None:
            context = client_context(remote.ca_bundle or None, verify=not remote.insecure)
            if certificate:
                load_client_pair(
                    context,
                    certificate.decode(),
                    self.config.proxy_client_key.decode(),
                )
            client = self._clients[key] = HttpClient(tls=context, server_hostname=remote.server_name)
        return client

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
