"""status: what controllers and kubelets say about an object; its spec is not theirs to change."""

from __future__ import annotations

from ..context import RequestContext
from ..replies import Reply
from ..verbs.objects import complete_status
from ..verbs.patch import patch
from ..verbs.update import update


async def update_status(ctx: RequestContext) -> Reply:
    return await update(ctx, complete_status)


async def patch_status(ctx: RequestContext) -> Reply:
    return await patch(ctx, complete_status)
