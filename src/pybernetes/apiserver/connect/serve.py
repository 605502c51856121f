"""`Connector`: serves the connecting subresources for the pipeline (`Services.connect`)."""

from __future__ import annotations

from pybernetes.api.errors import InternalError, MethodNotAllowed, NotFound
from pybernetes.api.meta import Obj
from pybernetes.apiserver.connect.forward import connect_to_kubelet, forward, stream_logs
from pybernetes.apiserver.connect.pod_targets import (
    KubeletTarget,
    is_true,
    kubelet_base,
    log_path,
    port_forward_path,
    stream_path,
)
from pybernetes.apiserver.connect.proxied import passed_back, redirect_of_root, target_of, unreachable
from pybernetes.apiserver.connect.proxy_targets import node_url, pod_url, service_url, split_name
from pybernetes.apiserver.connect.servicelocation import slices_of
from pybernetes.apiserver.context import RequestContext
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Request, Response, Result


class Connector:
    """`kubelets` is a client with the API server's certificate for kubelets; `addresses` one for pods and services
    (which upstream does not verify). Use `connector.connect` as `Services.connect`.
    """

    def __init__(self, kubelets: HttpClient, addresses: HttpClient) -> None:
        self._kubelets = kubelets
        self._addresses = addresses

    async def connect(self, ctx: RequestContext) -> Result:
        """Raises ApiError."""
        info, request = ctx.info, ctx.request
        assert request is not None
        if info.subresource == "proxy":
            return await self._proxy(ctx, request)
        pod = _found(ctx, "pods", info.namespace, info.name)
        if info.subresource == "log":
            return await self._log(ctx, request, pod)
        if request.method not in ("GET", "POST"):
            raise MethodNotAllowed(f"{request.method} is not supported on pods/{info.subresource}")
        if info.subresource == "portforward":
            path = port_forward_path(pod, request.query)
        else:
            path = stream_path(pod, info.subresource, request.query)
        return await connect_to_kubelet(request, _target(ctx, pod, path), self._kubelets)

    async def close(self) -> None:
        await self._kubelets.close()
        await self._addresses.close()

    async def _log(self, ctx: RequestContext, request: Request, pod: Obj) -> Result:
        path = log_path(pod, request.query)
        if path is None:
            return Response(204)
        follow = is_true(request.query.first("follow"))
        target = _target(ctx, pod, path)
        answer = await stream_logs(target, self._kubelets, name=ctx.info.name, follow=follow)
        return log_answer(request, answer)

    async def _proxy(self, ctx: RequestContext, request: Request) -> Result:
        base, node = proxy_base(ctx)
        client = self._kubelets if node else self._addresses
        rest = ctx.info.rest
        if (moved := redirect_of_root(request, rest)) is not None:
            return moved
        try:
            answer = await forward(request, base + target_of(request, rest), client)
        except InternalError as error:
            if "upgrade" in request.headers:
                raise
            raise unreachable(error.__cause__, base) from error
        return passed_back(answer, request, rest, base) if isinstance(answer, Response) else answer


def log_answer(request: Request, answer: Response) -> Result:
    """A log as it was asked for: in the body, or over a WebSocket."""
    if not request.wants_upgrade("websocket"):
        return answer
    from pybernetes.apiserver.overwebsocket import log_over_websocket

    async def close() -> None:
        ended = getattr(answer.body, "aclose", None)
        if ended is not None:
            await ended()

    return log_over_websocket(request, answer.body, close)


def proxy_base(ctx: RequestContext) -> tuple[str, str]:
    """`scheme://host:port` of what a `proxy` subresource names, and the node whose kubelet that is ("": it is none).
    Raises NotFound, BadRequest, ServiceUnavailable."""
    info = ctx.info
    asked = split_name(info.name)
    match info.resource:
        case "nodes":
            node = _found(ctx, "nodes", "", asked.name)
            base = node_url(node, asked)
            return base, asked.name if base == kubelet_base(node) else ""
        case "pods":
            return pod_url(_found(ctx, "pods", info.namespace, asked.name), asked), ""
        case _:
            service = _found(ctx, "services", info.namespace, asked.name)
            pick = ctx.services.env.rng.getrandbits(30)
            slices = slices_of(ctx.services.registry, info.namespace, asked.name)
            return service_url(service, slices, asked, pick), ""


def _target(ctx: RequestContext, pod: Obj, path: str) -> KubeletTarget:
    return KubeletTarget(kubelet_base(_found(ctx, "nodes", "", pod["spec"]["nodeName"])), path)


def _found(ctx: RequestContext, plural: str, namespace: str, name: str) -> Obj:
    tree = ctx.services.registry.core(plural, namespace, name)
    if tree is None:
        raise NotFound(f'{plural} "{name}" not found', kind=plural, name=name)
    return tree
