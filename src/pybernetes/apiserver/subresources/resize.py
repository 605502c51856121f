"""resize: other resources for a running pod and its containers; nothing else of it changes."""

from __future__ import annotations

from pybernetes.api.core.pod_resize import take_resources, validate_resize
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from ..context import RequestContext
from ..replies import Reply
from ..verbs.objects import complete_update, private
from ..verbs.patch import patch
from ..verbs.update import update


def complete_resize(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    """Takes the resources of the containers and of the pod from the new pod and all else from the old one."""
    wanted = dict(new)
    resource_version = new["metadata"].get("resourceVersion")
    new.clear()
    new.update(private(old))
    if resource_version:
        new["metadata"]["resourceVersion"] = resource_version
    take_resources(new, wanted)
    return complete_update(ctx, kind, new, old, rules=validate_resize)


async def update_resize(ctx: RequestContext) -> Reply:
    return await update(ctx, complete_resize)


async def patch_resize(ctx: RequestContext) -> Reply:
    return await patch(ctx, complete_resize)
