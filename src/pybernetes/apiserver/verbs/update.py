"""update: the whole object is replaced, if nobody else replaced it since the client read it."""

from __future__ import annotations

from pybernetes.api.errors import BadRequest
from pybernetes.api.meta import MutableObj, Obj

from ..context import RequestContext
from ..replies import Reply
from ..writeoptions import check_options
from .change import Complete, change_object
from .objects import check_namespace, complete_update, private, read_object


async def update(ctx: RequestContext, complete: Complete = complete_update) -> Reply:
    """200 with the object as it is now. Raises Conflict where `metadata.resourceVersion` is not the current one."""
    kind, name = ctx.kind, ctx.info.name
    check_options(ctx, "UpdateOptions")
    tree = read_object(ctx, kind)
    check_namespace(ctx, kind, tree)
    given = tree["metadata"].get("name", "")
    if given != name:
        raise BadRequest(f"the name of the object ({given}) does not match the name on the URL ({name})")

    def build(_old: Obj) -> MutableObj:
        return private(tree)

    return await change_object(ctx, build, complete)
