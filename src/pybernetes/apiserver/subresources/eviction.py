"""eviction: a deletion that asks first. Without PodDisruptionBudgets nothing stands in its way."""

from __future__ import annotations

from dataclasses import replace

from pybernetes.api.errors import BadRequest

from ..admission.chain import admit_deletion
from ..admission.plugin import Admission
from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..verbs.delete import delete_object, options_from_tree
from ..verbs.objects import body_tree


async def create_eviction(ctx: RequestContext) -> Reply:
    """`POST pods/x/eviction`: 201 and a Status. Raises NotFound, Conflict, BadRequest."""
    eviction, _ = body_tree(ctx)
    if not isinstance(eviction, dict):
        raise BadRequest("the body must be an Eviction")
    name = (eviction.get("metadata") or {}).get("name", "")
    if name and name != ctx.info.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = options_from_tree(eviction.get("deleteOptions") or {}, ctx.query)
    options = replace(options, dry_run=options.dry_run or ctx.dry_run)
    admit_deletion(Admission(ctx, ctx.kind, "DELETE", None, None, name=ctx.info.name))
    outcome = await delete_object(ctx, ctx.namespace, ctx.info.name, options)
    if outcome.changed:
        ctx.revision = outcome.revision or outcome.version.revision
    return TreeReply(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
    )
