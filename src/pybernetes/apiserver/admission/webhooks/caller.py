"""Calling a hook over HTTPS: where it is, whom to trust there, how long to wait."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

from pybernetes.api.errors import ServiceUnavailable
from pybernetes.api.meta import Obj
from pybernetes.clock import Env

from ...connect.proxy_targets import ProxyName, service_url
from ...registry import Registry
from .hooks import Hook
from .review import BadReview, Verdict, read, review

if TYPE_CHECKING:
    from pybernetes.wire.http.client import HttpClient

LONGEST_ANSWER = 3 << 20
SERVICE_LABEL = "kubernetes.io/service-name"
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


class WebhookCaller:
    """The connections of one API server to hooks. Close it."""

    def __init__(self, registry: Registry, env: Env) -> None:
        self._registry = registry
        self._env = env
        self._clients: dict[tuple[str, str], HttpClient] = {}

    async def call(self, hook: Hook, request: Obj, *, mutating: bool) -> Verdict:
        """Asks a hook. What goes wrong is in the verdict's `failure`, as upstream words it."""
        shown = _shown_url(hook.client, hook.timeout)
        try:
            url, server_name = self._locate(hook.client, hook.timeout)
            client = self._client(hook.client, server_name)
            uid = self._env.uid()
            reply = await client.request(
                "POST",
                url,
                headers=JSON,
                body=review(request, uid),
                timeout=hook.timeout,
                limit=LONGEST_ANSWER,
            )
            if not 200 <= reply.status < 300:
                text = reply.body.decode("utf-8", "replace").strip()
                raise BadReview(text or f"the server responded with the status code {reply.status}")
            return read(reply.body, uid, mutating=mutating)
        except BadReview as error:
            return Verdict(failure=str(error))
        except TimeoutError:
            why = "context deadline exceeded"
        except (OSError, ValueError) as error:
            why = str(error) or type(error).__name__
        except ServiceUnavailable as error:
            why = error.message
        return Verdict(failure=f'failed to call webhook: Post "{shown}": {why}')

    def _locate(self, config: Obj, timeout: int) -> tuple[str, str]:
        """The URL, and the name that the certificate must be for ("": the URL's host). Raises ServiceUnavailable."""
        if config.get("url"):
            return _with_timeout(config["url"], timeout), ""
        ref = config.get("service") or {}
        namespace, name = ref.get("namespace", ""), ref.get("name", "")
        service = self._registry.core("services", namespace, name)
        if service is None:
            raise ServiceUnavailable(f'service "{name}" not found')
        base = self._base(service, str(ref.get("port") or 443))
        path = quote(str(ref.get("path") or "/"), safe="/:@!$&'()*+,;=~?")
        return _with_timeout(
            f"{base}{path if path.startswith('/') else f'/{path}'}", timeout
        ), f"{name}.{namespace}.svc"

    def _base(self, service: Obj, port: str) -> str:
        """A ready endpoint of the service; the cluster's own address where it has none of ours to offer."""
        spec = service.get("spec") or {}
        if spec.get("type") == "ExternalName":
            return f"https://{spec.get('externalName', '')}:{port}"
        slices = self._registry.find("discovery.k8s.io", "v1", "endpointslices")
        trees: list[Obj] = []
        if slices is not None:
            metadata = service["metadata"]
            found = (version.tree() for version in slices.stored().in_namespace(metadata["namespace"]))
            trees = [
                t for t in found if (t["metadata"].get("labels") or {}).get(SERVICE_LABEL) == metadata["name"]
            ]
        return service_url(service, trees, ProxyName("https", "", port), self._env.rng.getrandbits(30))

    def _client(self, config: Obj, server_name: str) -> HttpClient:
        """One per authority and server name, so that connections are kept. Raises ValueError for a bad bundle."""
        from pybernetes.wire.http.client import HttpClient
        from pybernetes.wire.tls import client_context

        bundle = str(config.get("caBundle") or "")
        client = self._clients.get((bundle, server_name))
        if client is None:
            pem = base64.b64decode(bundle).decode() if bundle else ""
            context = client_context(pem) if pem else client_context()
            client = HttpClient(tls=context, server_hostname=server_name or None)
            self._clients[bundle, server_name] = client
        return client

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def _with_timeout(url: str, timeout: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}timeout={timeout}s"


def _shown_url(config: Obj, timeout: int) -> str:
    """How error messages name the hook's address."""
    if config.get("url"):
        return _with_timeout(config["url"], timeout)
    ref = config.get("service") or {}
    path = str(ref.get("path") or "/")
    return _with_timeout(
        f"https://{ref.get('name', '')}.{ref.get('namespace', '')}.svc:{ref.get('port') or 443}{path}",
        timeout,
    )
