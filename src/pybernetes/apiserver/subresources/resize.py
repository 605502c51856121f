"""resize: other resources for the containers of a running pod; nothing else of it changes."""

from __future__ import annotations

from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from ..context import RequestContext
from ..replies import Reply
from ..verbs.objects import complete_update, private
from ..verbs.patch import patch
from ..verbs.update import update


def complete_resize(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    """Takes the resources of each container from the new pod and all else from the old one."""
    wanted = {c.get("name"): c for c in (new.get("spec") or {}).get("containers") or ()}
    resource_version = new["metadata"].get("resourceVersion")
    new.clear()
    new.update(private(old))
    if resource_version:
        new["metadata"]["resourceVersion"] = resource_version
    for container in new["spec"]["containers"]:
        asked = wanted.get(container["name"])
        for field in ("resources", "resizePolicy"):
            if asked is not None and field in asked:
                container[field] = asked[field]
    return complete_update(ctx, kind, new, old, guarded=False)


async def update_resize(ctx: RequestContext) -> Reply:
    return await update(ctx, complete_resize)


async def patch_resize(ctx: RequestContext) -> Reply:
    return await patch(ctx, complete_resize)
