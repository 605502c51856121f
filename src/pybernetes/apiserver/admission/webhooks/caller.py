"""Calling a hook over HTTPS: where it is, whom to trust there, how long to wait."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pybernetes.api.errors import ServiceUnavailable
from pybernetes.api.meta import Obj
from pybernetes.clock import Env
from pybernetes.wire.http.messages import HeaderPairs, Reply

from ...connect.servicelocation import service_base
from ...registry import Registry
from .hooks import Hook
from .review import UNREACHED, BadReview, Verdict, read, review
from .unexpected import told

if TYPE_CHECKING:
    from pybernetes.wire.http.client import HttpClient

Send = Callable[[str, HeaderPairs, bytes], Awaitable[Reply]]
"""(URL, headers, body) -> the answer to a POST. Raises OSError."""
LONGEST_ANSWER = 3 << 20
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


class WebhookCaller:
    """The connections of one API server to hooks. Close it."""

    def __init__(self, registry: Registry, env: Env) -> None:
        self._registry = registry
        self._env = env
        self._clients: dict[tuple[str, str], HttpClient] = {}
        self.way: Callable[[str], Send | None] = lambda _url: None
        """Another way to a URL than a connection, where there is one."""

    async def call(self, hook: Hook, request: Obj, *, mutating: bool) -> Verdict:
        """Asks a hook. What goes wrong is in the verdict's `failure`, as upstream words it."""
        uid, version = self._env.uid(), hook.review_version
        try:
            asked = review(request, uid, version)
            body, unreached = await self._post(hook.client, hook.timeout, asked, LONGEST_ANSWER)
            if unreached:
                raise BadReview(unreached, UNREACHED)
            return read(body, uid, version, mutating=mutating)
        except BadReview as error:
            return Verdict(failure=f"{error.at}{error}")

    async def post(self, config: Obj, timeout: int, body: bytes) -> tuple[bytes, str]:
        """The body of the answer of the webhook that a WebhookClientConfig names, and why there is none ("": there
        is one). `timeout` is in seconds."""
        return await self._post(config, timeout, body, None)

    async def _post(self, config: Obj, timeout: int, body: bytes, limit: int | None) -> tuple[bytes, str]:
        shown = _shown_url(config, timeout)
        try:
            url, server_name = self._locate(config, timeout)
            send = self.way(url)
            if send is not None:
                async with asyncio.timeout(timeout):
                    reply = await send(url, JSON, body)
            else:
                client = self._client(config, server_name)
                reply = await client.request(
                    "POST", url, headers=JSON, body=body, timeout=timeout, limit=limit
                )
        except TimeoutError:
            why = "context deadline exceeded"
        except ConnectionRefusedError:
            why = f"dial tcp {urlsplit(url).netloc}: connect: connection refused"
        except (OSError, ValueError) as error:
            why = str(error) or type(error).__name__
        except ServiceUnavailable as error:
            why = error.message
        else:
            if not 200 <= reply.status < 300:
                return b"", told(reply)
            return reply.body, ""
        return b"", f'Post "{shown}": {why}'

    def _locate(self, config: Obj, timeout: int) -> tuple[str, str]:
        """The URL, and the name that the certificate must be for ("": the URL's host). Raises ServiceUnavailable."""
        if config.get("url"):
            return _with_timeout(config["url"], timeout), ""
        ref = config.get("service") or {}
        namespace, name = ref.get("namespace", ""), ref.get("name", "")
        base = service_base(self._registry, self._env, namespace, name, str(ref.get("port") or 443))
        path = quote(str(ref.get("path") or "/"), safe="/:@!$&'()*+,;=~?")
        return _with_timeout(
            f"{base}{path if path.startswith('/') else f'/{path}'}", timeout
        ), f"{name}.{namespace}.svc"

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
