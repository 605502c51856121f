"""How the API server of a cluster inside a process reaches its kubelets: by calling them, without a port."""

from __future__ import annotations

from collections.abc import Callable

from pybernetes.api.errors import BadRequest, InternalError, NotFound
from pybernetes.apiserver.connect.forward import log_error
from pybernetes.apiserver.connect.pod_targets import log_path, port_forward_path, stream_path
from pybernetes.apiserver.connect.serve import Connector
from pybernetes.apiserver.context import RequestContext
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Request, Response, Result
from pybernetes.wire.tls import client_context

ERROR_LIMIT = 50_000


async def everybody(_request: Request) -> bool:
    """Who is in the process may."""
    return True


class LocalKubelets:
    """`connect` serves log, exec, attach and port-forward of pods on hollow nodes, and proxies to addresses."""

    def __init__(self, server_of: Callable[[str], KubeletServer | None]) -> None:
        self._server_of = server_of
        self._proxies: Connector | None = None

    async def connect(self, ctx: RequestContext) -> Result:
        """See `Services.connect`. Raises ApiError."""
        info, request = ctx.info, ctx.request
        if request is None:
            raise BadRequest(f"pods/{info.subresource} needs a connection")
        if info.subresource == "proxy":
            return await self._proxy(ctx)
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
        return answer

    async def close(self) -> None:
        """Closes what proxies have open."""
        if self._proxies is not None:
            await self._proxies.close()

    async def _proxy(self, ctx: RequestContext) -> Result:
        if self._proxies is None:
            anyone = client_context(verify=False)
            self._proxies = Connector(HttpClient(tls=anyone), HttpClient(tls=anyone))
        return await self._proxies.connect(ctx)
