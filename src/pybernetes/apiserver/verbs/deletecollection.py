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
from ..storage import Outcome
from ..version import Version
from .delete import DeleteOptions, delete_object, read_options
from .list import list_objects

TURN = 50
"""Objects deleted before other requests get their turn."""


async def deletecollection(ctx: RequestContext) -> Reply:
    """200 with the list of what was there, a page of it where a limit is given. Objects that go away meanwhile are no
    error. Raises Conflict where one does not meet the preconditions: they are asked of each."""
    options = read_options(ctx)
    reply = await list_objects(ctx)
    assert isinstance(reply, ListReply)
    versions, conversion = reply.versions, ctx.kind.conversion
    if conversion is not None and ctx.shown is not None:
        shown = {version.key for version in await conversion.selected(versions, ctx.shown)}
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
    return replace(reply, versions=versions)


async def _delete(ctx: RequestContext, version: Version, options: DeleteOptions) -> Outcome:
    admit_deletion(Admission(ctx, ctx.kind, "DELETE", None, version.tree(), name=version.name))
    return await delete_object(ctx, version.namespace, version.name, options)
