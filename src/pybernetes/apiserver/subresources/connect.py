"""log, exec, attach, portforward and proxy: requests that go on to a kubelet or to an address of the cluster."""

from __future__ import annotations

from typing import Any

from pybernetes.api.errors import BadRequest, MethodNotAllowed

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..admission.questions import answering
from ..context import RequestContext
from ..replies import HttpReply, Reply

OPTIONS = {
    ("pods", "exec"): "PodExecOptions",
    ("pods", "attach"): "PodAttachOptions",
    ("pods", "portforward"): "PodPortForwardOptions",
    ("pods", "proxy"): "PodProxyOptions",
    ("nodes", "proxy"): "NodeProxyOptions",
    ("services", "proxy"): "ServiceProxyOptions",
}
"""What admission sees of a connection. Reading a log is no connection."""
FLAGS = ("stdin", "stdout", "stderr", "tty")


async def connect(ctx: RequestContext) -> Reply:
    """Hands over to `apiserver/connect`. A caller in this process has no stream to give: BadRequest."""
    if ctx.request is None:
        raise BadRequest(f"{ctx.info.resource}/{ctx.info.subresource} is served over HTTP only")
    if not ctx.info.verb and ctx.request.method != "OPTIONS":
        raise MethodNotAllowed(
            "the server does not allow this method on the requested resource", generic=True
        )
    await ctx.services.cacher.fresh()
    if (ctx.info.resource, ctx.info.subresource) in OPTIONS:
        await answering(ctx, _admit)
    return HttpReply(await ctx.services.connect(ctx))


async def _admit(ctx: RequestContext) -> None:
    """CONNECT, with the options as the object."""
    subresource = ctx.info.subresource
    admission = Admission(ctx, ctx.kind, "CONNECT", options_of(ctx), None, subresource, ctx.info.name)
    admit_mutating(admission)
    admit_validating(admission)


def options_of(ctx: RequestContext) -> dict[str, Any]:
    """The query as the options' object."""
    assert ctx.request is not None
    query, info = ctx.request.query, ctx.info
    options: dict[str, Any] = {"kind": OPTIONS[info.resource, info.subresource], "apiVersion": "v1"}
    if info.subresource == "proxy":
        return {**options, "path": f"/{info.rest}"} if info.rest else options
    if info.subresource == "portforward":
        ports = [int(port) for port in query.all("ports") if port.isdecimal()]
        return {**options, "ports": ports} if ports else options
    options |= {flag: True for flag in FLAGS if query.first(flag).lower() in ("1", "true")}
    if query.first("container"):
        options["container"] = query.first("container")
    if command := query.all("command"):
        options["command"] = command
    return options
