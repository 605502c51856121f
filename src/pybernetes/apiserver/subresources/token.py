"""token: a service account token on request (`POST serviceaccounts/x/token`)."""

from __future__ import annotations

from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Kind

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..authn import tokenrequest
from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..storage import not_found
from ..verbs.body import read_object
from ..verbs.objects import current_tree

TOKENREQUEST = Kind(
    tokenrequest.GROUP,
    "v1",
    "TokenRequest",
    "tokenrequests",
    True,
    schema="io.k8s.api.authentication.v1.TokenRequest",
)


async def create_token(ctx: RequestContext) -> Reply:
    """201 with the TokenRequest, its status filled in."""
    assert ctx.resource is not None
    issuer = ctx.services.issuer
    if issuer is None:
        raise NotFound("the server could not find the requested resource")
    request = read_object(ctx, TOKENREQUEST)
    await ctx.services.cacher.fresh()
    admission = Admission(ctx, ctx.kind, "CREATE", request, None, subresource="token", name=ctx.info.name)
    admit_mutating(admission)
    tokenrequest.check_place(request, ctx.info.name, ctx.namespace)
    account = ctx.resource.stored().get(ctx.namespace, ctx.info.name)
    if account is None:
        raise not_found(ctx.kind, ctx.info.name)
    tree = current_tree(ctx.kind, account)
    whole = tokenrequest.completed(request, tree, issuer.audiences, ctx.services.env.now())
    admission.new = whole
    admit_validating(admission)
    return TreeReply(tokenrequest.answer(whole, tree, issuer, ctx.services.registry.core), 201)
