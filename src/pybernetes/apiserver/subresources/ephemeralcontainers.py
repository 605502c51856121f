"""ephemeralcontainers: debug containers added to a running pod (`kubectl debug`); nothing else of it changes."""

from __future__ import annotations

from pybernetes.api.core.pod_ephemeral import validate_ephemeral_update
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from ..context import RequestContext
from ..replies import Reply
from ..verbs.objects import complete_update, private
from ..verbs.patch import patch
from ..verbs.update import update


def complete_ephemeral(ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    """Takes `spec.ephemeralContainers` from the new pod and all else from the old one."""
    wanted = (new.get("spec") or {}).get("ephemeralContainers")
    resource_version = new["metadata"].get("resourceVersion")
    new.clear()
    new.update(private(old))
    if resource_version:
        new["metadata"]["resourceVersion"] = resource_version
    new["spec"].pop("ephemeralContainers", None)
    if wanted:
        new["spec"]["ephemeralContainers"] = wanted
    return complete_update(ctx, kind, new, old, rules=validate_ephemeral_update)


async def update_ephemeral(ctx: RequestContext) -> Reply:
    return await update(ctx, complete_ephemeral)


async def patch_ephemeral(ctx: RequestContext) -> Reply:
    return await patch(ctx, complete_ephemeral)
