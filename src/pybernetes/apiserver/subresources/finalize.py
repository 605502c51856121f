"""finalize: the namespace controller says that a namespace is empty (`PUT namespaces/x/finalize`)."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.namespace import validate_finalizer
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from ..context import RequestContext
from ..replies import Reply
from ..verbs.body import read_object
from ..verbs.change import change_object
from ..verbs.objects import check_preconditions, private, raise_invalid
from ..verbs.ownership import record


async def update_finalize(ctx: RequestContext) -> Reply:
    """Replaces `spec.finalizers`; a namespace that is being deleted and has none left is removed."""
    wanted = read_object(ctx, ctx.kind)
    finalizers: Any = (wanted.get("spec") or {}).get("finalizers") or []

    def build(old: Obj) -> MutableObj:
        check_preconditions(ctx.kind, wanted, old)
        new = private(old)
        spec = {k: v for k, v in (new.get("spec") or {}).items() if k != "finalizers"}
        new["spec"] = {**spec, "finalizers": finalizers} if finalizers else spec
        record(ctx, ctx.kind, new, old)
        return new

    return await change_object(ctx, build, _complete)


def _complete(_ctx: RequestContext, kind: Kind, new: MutableObj, old: Obj) -> bool:
    errors = FieldErrors().at("spec")
    for index, finalizer in enumerate((new.get("spec") or {}).get("finalizers") or ()):
        validate_finalizer(finalizer, errors.at("finalizers", index))
    raise_invalid(kind, new, errors)
    return new != old or "deletionTimestamp" in new["metadata"]
