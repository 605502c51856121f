"""deletecollection: everything that is selected, one object after the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pybernetes.api.errors import NotFound

from ..admission.chain import admit_deletion
from ..admission.plugin import Admission
from ..admission.questions import answering
from ..context import RequestContext
from ..replies import ListReply, Reply
from ..selection import selection_of
from ..storage import Outcome
from ..version import Version
from .delete import DeleteOptions, delete_object, read_options
from .revisions import check_list_options

TURN = 50
"""Objects deleted before other requests get their turn."""


async def deletecollection(ctx: RequestContext) -> Reply:
    """200 with the list of what was there. Objects that go away meanwhile are no error."""
    assert ctx.resource is not None
    cache, cacher = ctx.resource.stored(), ctx.services.cacher
    options = replace(read_options(ctx), uid="", resource_version="")
    check_list_options(ctx.query)
    selection = selection_of(ctx.kind, ctx.namespace, "", ctx.query)
    conversion = ctx.kind.conversion
    await cacher.fresh()
    versions = cache.select(selection if conversion is None else selection.as_stored())
    if conversion is not None:
        shown = {version.key for version in await conversion.selected(versions, selection)}
        versions = [version for version in versions if version.key in shown]
    for number, version in enumerate(versions, 1):
        try:
            outcome = await answering(ctx, lambda ctx, at=version: _delete(ctx, at, options))  # type: ignore[misc]
        except NotFound:
            continue
        if outcome.changed:
            ctx.revision = outcome.revision or outcome.version.revision
        if number % TURN == 0:
            await asyncio.sleep(0)
    return ListReply(ctx.kind, versions, cacher.revision)


async def _delete(ctx: RequestContext, version: Version, options: DeleteOptions) -> Outcome:
    admit_deletion(Admission(ctx, ctx.kind, "DELETE", None, version.tree(), name=version.name))
    return await delete_object(ctx, version.namespace, version.name, options)
