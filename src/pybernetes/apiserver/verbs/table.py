"""Which function answers which verb, on a resource and on each of its subresources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pybernetes.api.errors import MethodNotAllowed, NotFound
from pybernetes.api.kind import Kind

from ..context import RequestContext
from ..replies import Reply
from ..subresources.table import CREATED_ONLY, GENERIC, SPECIFIC
from .create import create
from .delete import delete
from .deletecollection import deletecollection
from .get import get
from .list import list_objects
from .patch import patch
from .update import update
from .watch import watch

Serve = Callable[[RequestContext], Awaitable[Reply]]

VERBS: Mapping[str, Serve] = {
    "get": get,
    "list": list_objects,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": deletecollection,
}


async def serve_resource(ctx: RequestContext) -> Reply:
    """Answers a request for a resource that is known. Raises NotFound, MethodNotAllowed and what the verb raises."""
    info, kind = ctx.info, ctx.kind
    if info.subresource:
        return await _subresource(ctx, kind, info.subresource)(ctx)
    if info.verb not in kind.verbs:
        raise method_not_allowed(kind)
    if not info.name and info.verb in ("update", "patch"):
        raise method_not_allowed(kind)
    if kind.namespaced and not info.namespace and info.verb not in ("list", "watch", "deletecollection"):
        raise NotFound("the server could not find the requested resource")
    if info.verb == "create":
        if ctx.request is not None and info.name:
            raise method_not_allowed(kind)
        special = CREATED_ONLY.get((kind.group, kind.plural))
        if special is not None:
            return await special(ctx)
    return await VERBS[info.verb](ctx)


def _subresource(ctx: RequestContext, kind: Kind, subresource: str) -> Serve:
    if subresource not in kind.subresources:
        raise NotFound("the server could not find the requested resource")
    verbs = SPECIFIC.get((kind.group, kind.plural, subresource)) or GENERIC.get(subresource)
    if verbs is None:
        raise NotFound("the server could not find the requested resource")
    serve = verbs.get(ctx.info.verb)
    if serve is None:
        raise method_not_allowed(kind)
    return serve


def method_not_allowed(kind: Kind) -> MethodNotAllowed:
    return MethodNotAllowed(
        "the server does not allow this method on the requested resource", group=kind.group, kind=kind.plural
    )
