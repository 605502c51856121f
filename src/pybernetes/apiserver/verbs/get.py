"""get: one object, as fresh as the store."""

from __future__ import annotations

from ..context import RequestContext
from ..replies import Reply, VersionReply
from ..storage import not_found
from .revisions import at_least


async def get(ctx: RequestContext) -> Reply:
    """`resourceVersion` "0" reads what the cache has; N waits until the cache has N; none reads the newest."""
    assert ctx.resource is not None
    cache, cacher = ctx.resource.stored(), ctx.services.cacher
    asked = ctx.query.get("resourceVersion", "")
    await (at_least(cacher, asked) if asked else cacher.fresh())
    version = cache.get(ctx.namespace, ctx.info.name)
    if version is None:
        raise not_found(ctx.kind, ctx.info.name)
    return VersionReply(ctx.kind, version)
