"""log, exec, attach, portforward and proxy: requests that go on to a kubelet or to an address of the cluster."""

from __future__ import annotations

from pybernetes.api.errors import BadRequest

from ..context import RequestContext
from ..replies import HttpReply, Reply


async def connect(ctx: RequestContext) -> Reply:
    """Hands over to `apiserver/connect`. A caller in this process has no stream to give: BadRequest."""
    if ctx.request is None:
        raise BadRequest(f"{ctx.info.resource}/{ctx.info.subresource} is served over HTTP only")
    await ctx.services.cacher.fresh()
    return HttpReply(await ctx.services.connect(ctx))
