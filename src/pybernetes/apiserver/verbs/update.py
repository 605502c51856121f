"""update: the whole object is replaced, if nobody else replaced it since the client read it."""

from __future__ import annotations

from pybernetes.api.errors import BadRequest, NotFound
from pybernetes.api.meta import MutableObj, Obj

from ..admission.chain import ensure_seen
from ..admission.plugin import Admission
from ..attributes import Attributes
from ..authz.forbidden import forbidden
from ..context import RequestContext
from ..replies import Reply
from ..writeoptions import check_options
from .body import check_namespace, read_object
from .change import Complete, change_object
from .create import create_object
from .objects import complete_update, conflict, private


async def update(ctx: RequestContext, complete: Complete = complete_update) -> Reply:
    """200 with the object as it is now; 201 where it is created by this. Raises Conflict where `metadata.resourceVersion` is not the current one."""
    kind, name = ctx.kind, ctx.info.name
    check_options(ctx, "UpdateOptions")
    tree = read_object(ctx, kind)
    check_namespace(ctx, kind, tree)
    check_name(name, tree)

    def build(_old: Obj) -> MutableObj:
        return private(tree)

    try:
        return await change_object(ctx, build, complete)
    except NotFound:
        if not kind.create_on_update or ctx.info.subresource:
            raise
    return await _create(ctx, tree)


def check_name(name: str, tree: Obj) -> None:
    """Raises BadRequest where an object is not of the name on its URL."""
    given = tree["metadata"].get("name", "")
    if not given:
        raise BadRequest(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    if given != name:
        raise BadRequest(f"the name of the object ({given}) does not match the name on the URL ({name})")


async def _create(ctx: RequestContext, tree: MutableObj) -> Reply:
    """What is not there is created, by who may create it: 201. Raises Forbidden, Conflict (the client says which object
    it means)."""
    kind, info, metadata = ctx.kind, ctx.info, tree["metadata"]
    attributes = Attributes(
        ctx.user,
        "create",
        info.group,
        info.version,
        info.resource,
        namespace=info.namespace,
        name=info.name,
        path=info.path,
    )
    decision = ctx.services.authorizer.authorize(attributes)
    if not decision.allowed:
        raise forbidden(attributes, decision.reason)
    if metadata.get("uid"):
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: "
        raise conflict(kind, info.name, why)
    metadata.pop("resourceVersion", None)
    await ensure_seen(Admission(ctx, kind, "CREATE", tree, None))
    return await create_object(ctx, kind, tree)
