"""How the API server of a cluster inside a process reaches its kubelets: by calling them, without a port."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from pybernetes.api.errors import BadRequest, InternalError, NotFound
from pybernetes.apiserver.connect.forward import answer_headers, forwarded_headers, log_error, require_upgrade
from pybernetes.apiserver.connect.pod_targets import log_path, port_forward_path, stream_path
from pybernetes.apiserver.connect.proxied import passed_back, redirect_of_root, target_of, unreachable
from pybernetes.apiserver.connect.serve import Connector, log_answer, proxy_base
from pybernetes.apiserver.context import RequestContext
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.sim.network import HollowNetwork
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Headers, Request, Response, Result
from pybernetes.wire.tls import client_context

ERROR_LIMIT = 50_000


async def everybody(_request: Request) -> bool:
    """Who is in the process may."""
    return True


class LocalKubelets:
    """`connect` serves log, exec, attach and port-forward of pods on hollow nodes, and proxies to addresses."""

    def __init__(
        self,
        server_of: Callable[[str], KubeletServer | None],
        network: Callable[[], HollowNetwork],
        is_simulated: Callable[[str], bool],
    ) -> None:
        """`is_simulated` tells addresses of the network of hollow nodes from those of the machine."""
        self._server_of = server_of
        self._network = network
        self._is_simulated = is_simulated
        self._proxies: Connector | None = None

    async def connect(self, ctx: RequestContext) -> Result:
        """See `Services.connect`. Raises ApiError."""
        info, request = ctx.info, ctx.request
        if request is None:
            raise BadRequest(f"pods/{info.subresource} needs a connection")
        if info.subresource == "proxy":
            return await self._proxy(ctx, request)
        pod = ctx.services.registry.core("pods", info.namespace, info.name)
        if pod is None:
            raise NotFound(f'pods "{info.name}" not found', kind="pods", name=info.name)
        if info.subresource == "log":
            path = log_path(pod, request.query)
        elif info.subresource == "portforward":
            path = port_forward_path(pod, request.query)
        else:
            path = stream_path(pod, info.subresource, request.query)
        if path is None:
            return Response(204)
        if info.subresource != "log":
            require_upgrade(request)
        node = pod["spec"]["nodeName"]
        server = self._server_of(node)
        if server is None:
            raise InternalError(f"error dialing backend: no kubelet runs on node {node}")
        answer = await server.handle(
            Request(request.method, path, request.headers, request.body, connection=request.connection)
        )
        if info.subresource == "log" and isinstance(answer, Response) and not 200 <= answer.status <= 206:
            text = (
                answer.body[:ERROR_LIMIT].decode("utf-8", "replace") if isinstance(answer.body, bytes) else ""
            )
            raise log_error(answer.status, text.rstrip("\n"), info.name)
        if info.subresource == "log" and isinstance(answer, Response):
            return log_answer(request, answer)
        return answer

    async def close(self) -> None:
        """Closes what proxies have open."""
        if self._proxies is not None:
            await self._proxies.close()

    async def _proxy(self, ctx: RequestContext, request: Request) -> Result:
        """Nodes, pods and Services of the simulated network are asked there; other addresses for real."""
        base, node = proxy_base(ctx)
        host = urlsplit(base).hostname or ""
        if not node and not self._is_simulated(host):
            if self._proxies is None:
                anyone = client_context(verify=False)
                self._proxies = Connector(HttpClient(tls=anyone), HttpClient(tls=anyone))
            return await self._proxies.connect(ctx)
        rest = ctx.info.rest
        if (moved := redirect_of_root(request, rest)) is not None:
            return moved
        headers = Headers((name.lower(), value) for name, value in forwarded_headers(request))
        asked = Request(request.method, target_of(request, rest), headers, request.body)
        if node:
            server = self._server_of(node)
            if server is None:
                raise unreachable(ConnectionRefusedError(), base)
            return await server.handle(asked)
        parts = urlsplit(base)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            reply = await self._network().exchange(host, port, asked)
        except OSError as error:
            raise unreachable(error, base) from error
        answer = Response(reply.status, answer_headers(reply.headers, drop=("content-length",)), reply.body)
        return passed_back(answer, request, rest, base)


def simulated(ranges: Sequence[str]) -> Callable[[str], bool]:
    """Whether an address is in one of the networks of a cluster inside the process."""
    networks = [ipaddress.ip_network(each) for each in ranges]

    def check(host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in networks)

    return check
