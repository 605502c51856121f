"""token: a service account token on request (`POST serviceaccounts/x/token`)."""

from __future__ import annotations

from pybernetes.api.errors import BadRequest, NotFound

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..authn import tokenrequest
from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..storage import not_found
from ..verbs.objects import body_tree, current_tree


async def create_token(ctx: RequestContext) -> Reply:
    """201 with the TokenRequest, its status filled in."""
    assert ctx.resource is not None
    issuer = ctx.services.issuer
    if issuer is None:
        raise NotFound("the server could not find the requested resource")
    request, _ = body_tree(ctx)
    if not isinstance(request, dict):
        raise BadRequest("the body must be a TokenRequest")
    await ctx.services.cacher.fresh()
    account = ctx.resource.stored().get(ctx.namespace, ctx.info.name)
    if account is None:
        raise not_found(ctx.kind, ctx.info.name)
    tree = current_tree(ctx.kind, account)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", **request}
    admission = Admission(ctx, ctx.kind, "CREATE", request, None, subresource="token", name=ctx.info.name)
    admit_mutating(admission)
    admit_validating(admission)
    return TreeReply(tokenrequest.answer(request, tree, issuer, ctx.services.registry.core), 201)
