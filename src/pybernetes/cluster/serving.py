"""HTTPS for a cluster inside a process: certificates and a kubeconfig in a temporary directory, a port of loopback."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

from pybernetes.apiserver.refusal import refuse
from pybernetes.clock import Env
from pybernetes.sim.virtualclock import VirtualClock
from pybernetes.wire.http.messages import Body, Request, Response, Result
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context, tune_process

from . import identities
from .blocking import guarded
from .composition import Composition
from .kubeconfig import write_kubeconfig
from .libraryca import LibraryCa
from .pki import Pki, Subject

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Served:
    """Where the cluster is. The files are gone when the cluster's block has ended."""

    url: str
    kubeconfig: str
    """Path of the administrator's kubeconfig."""
    directory: Path
    pki: Pki

    def kubeconfig_for(self, user: str, *groups: str) -> str:
        """The path of a kubeconfig with a certificate for any user."""
        name = f"user-{user.replace(':', '-').replace('/', '-')}"
        identity = self.pki.issue(name, Subject(user, groups))
        path = self.directory / f"{name}.kubeconfig"
        write_kubeconfig(path, server=self.url, ca=self.pki.ca, identity=identity, user=user)
        return str(path)


async def serve(parts: Composition, stack: AsyncExitStack, clock: VirtualClock | None, port: int) -> Served:
    """Starts serving; `stack` ends it. Certificates are valid by the machine's clock: its clients check them."""
    tune_process()
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pybernetes-")))
    pki = _pki(directory / "pki", parts.ca)
    config = parts.config
    subject = identities.apiserver(config.api_service_ip, config.node_ip, config.cluster_domain)
    serving = pki.issue("apiserver", subject)
    front_proxy = pki.front_proxy()
    proxy = front_proxy.issue("front-proxy-client", identities.FRONT_PROXY_CLIENT)
    parts.server.be_front_proxy(
        front_proxy.ca.read_bytes(),
        proxy.certificate.read_bytes(),
        proxy.key.read_bytes(),
        identities.FRONT_PROXY_CLIENT.common_name,
    )
    cas = pki.ca.read_text() + front_proxy.ca.read_text()
    handler = parts.server.handler if clock is None else _Released(parts, clock).handle
    http = HttpServer(handler, now=parts.env.now, refuse=refuse)
    bound = await http.listen(
        ADDRESS, port, tls=server_context(serving.certificate, serving.key, cas, http2=True)
    )
    stack.push_async_callback(http.close)
    stack.enter_context(guarded(bound))
    url = f"https://{ADDRESS}:{bound}"
    kubeconfig = directory / "kubeconfig"
    admin = identities.ADMIN
    identity = pki.issue("admin", admin)
    write_kubeconfig(kubeconfig, server=url, ca=pki.ca, identity=identity, user=admin.common_name)
    return Served(url, str(kubeconfig), directory, pki)


def _pki(directory: Path, ca: LibraryCa) -> Pki:
    """Certificates under the CA that the cluster has had from its start."""
    directory.mkdir(mode=0o700)
    (directory / "ca.crt").write_text(ca.certificate)
    (directory / "ca.key").touch(mode=0o600)
    (directory / "ca.key").write_text(ca.key)
    return Pki(directory, Env.real().now())


class _Released:
    """The server's handler, with time passing while a request is under way."""

    def __init__(self, parts: Composition, clock: VirtualClock) -> None:
        self._parts = parts
        self._clock = clock

    async def handle(self, request: Request) -> Result:
        with ExitStack() as stack:
            stack.enter_context(self._clock.released())
            result = await self._parts.server.handler(request)
            if isinstance(result, Response) and not isinstance(result.body, bytes):
                result.body = self._streamed(result.body, stack.pop_all())
            return result

    async def _streamed(self, body: Body, stack: ExitStack) -> AsyncIterator[bytes | list[bytes]]:
        assert not isinstance(body, bytes)
        try:
            async for chunk in body:
                yield chunk
        finally:
            stack.close()
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
