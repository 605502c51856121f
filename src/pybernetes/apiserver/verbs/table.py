"""Which function answers which verb, on a resource and on each of its subresources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pybernetes.api.errors import MethodNotAllowed
from pybernetes.api.kind import Kind

from ..context import RequestContext
from ..nonresource import not_found
from ..replies import Reply
from ..subresources.table import COMPUTED, CREATED_ONLY, GENERIC, SPECIFIC
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

NAMED = frozenset({"get", "update", "patch", "delete"})
"""Verbs of one object."""
ACROSS_NAMESPACES = frozenset({"list", "watch"})


def serving(ctx: RequestContext) -> Serve:
    """The function that answers a request for a resource that is known. Raises MethodNotAllowed."""
    info, kind = ctx.info, ctx.kind
    verb = info.verb
    if info.subresource:
        return _serving_subresource(ctx, kind, info.subresource)
    if kind.deprecated:
        ctx.warn(kind.deprecated)
    if verb not in kind.verbs or (verb in NAMED and not info.name):
        if verb == "create" and kind.own_schema is not None:
            raise MethodNotAllowed(
                "create not allowed while custom resource definition is terminating",
                group=kind.group,
                kind=kind.plural,
            )
        raise method_not_allowed()
    if kind.namespaced and not info.namespace and verb not in ACROSS_NAMESPACES:
        if verb in NAMED:
            return unserved
        raise method_not_allowed()
    row = (kind.group, kind.plural)
    if verb == "create":
        if ctx.request is not None and info.name:
            raise method_not_allowed()
        special = CREATED_ONLY.get(row)
        if special is not None:
            return special
    computed = COMPUTED.get(row) or ctx.services.computed.get(row)
    return (computed or VERBS)[verb]


def _serving_subresource(ctx: RequestContext, kind: Kind, subresource: str) -> Serve:
    verbs = SPECIFIC.get((kind.group, kind.plural, subresource)) or GENERIC.get(subresource)
    if subresource not in kind.subresources or verbs is None:
        return unserved
    serve = verbs.get(ctx.info.verb)
    if serve is None:
        raise method_not_allowed()
    return serve


async def unserved(ctx: RequestContext) -> Reply:
    """There is no such path."""
    return not_found(ctx)


def method_not_allowed() -> MethodNotAllowed:
    return MethodNotAllowed("the server does not allow this method on the requested resource", generic=True)
