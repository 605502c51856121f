"""Asking what somebody may do: SubjectAccessReview and its self, local and rules forms. Answered, never stored."""

from __future__ import annotations

from typing import Any, Literal

from pybernetes.api.authorization.accessreview import check_review
from pybernetes.api.errors import BadRequest
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang.fieldselector import FieldRequirement

from ..attributes import Attributes
from ..authz.selfsubjectrules import review_status
from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..user import User
from ..verbs.body import check_namespace, read_object


async def subject_access_review(ctx: RequestContext) -> Reply:
    """What the named user may do."""
    review = read_object(ctx, ctx.kind)
    return _answer(ctx, review, _subject(review.get("spec") or {}))


async def local_subject_access_review(ctx: RequestContext) -> Reply:
    """The same, in the namespace of the request only."""
    review = read_object(ctx, ctx.kind)
    return _answer(ctx, review, _subject(review.get("spec") or {}))


async def self_subject_access_review(ctx: RequestContext) -> Reply:
    """What the requester may do."""
    return _answer(ctx, read_object(ctx, ctx.kind), ctx.user)


async def self_subject_rules_review(ctx: RequestContext) -> Reply:
    """All that the requester may do in a namespace."""
    review = read_object(ctx, ctx.kind)
    namespace = (review.get("spec") or {}).get("namespace", "")
    if not namespace:
        raise BadRequest("no namespace on request")
    rules, incomplete = ctx.services.authorizer.rules_for(ctx.user, namespace)
    error = "node authorizer does not support user rule resolution" if incomplete else ""
    return TreeReply({**review, "status": review_status(rules, incomplete, error)}, 201, ctx.kind)


def _subject(spec: Obj) -> User:
    extra = {key.lower(): tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), extra)


def _field_selector(told: Obj) -> str:
    """The selector of a list that is asked about, as a request would have it. Requirements that a request cannot have
    are left out, which can only make the answer narrower."""
    operators: dict[str, Literal["=", "!="]] = {"In": "=", "NotIn": "!="}
    return str(told.get("rawSelector") or "") or ",".join(
        str(FieldRequirement(str(each.get("key", "")), operators[each["operator"]], str(each["values"][0])))
        for each in told.get("requirements") or ()
        if each.get("operator") in operators and len(each.get("values") or ()) == 1
    )


def _answer(ctx: RequestContext, review: MutableObj, user: User) -> Reply:
    check_namespace(ctx, ctx.kind, review)
    check_review(ctx.kind, review)
    spec = review.get("spec") or {}
    resource: Any = spec.get("resourceAttributes")
    other: Any = spec.get("nonResourceAttributes")
    if resource is not None:
        asked = Attributes(
            user,
            resource.get("verb", ""),
            resource.get("group", ""),
            resource.get("version", ""),
            resource.get("resource", ""),
            resource.get("subresource", ""),
            resource.get("namespace", ""),
            resource.get("name", ""),
            field_selector=_field_selector(resource.get("fieldSelector") or {}),
        )
    else:
        asked = Attributes(user, other.get("verb", ""), path=other.get("path", ""), is_resource=False)
    decision = ctx.services.authorizer.authorize(asked)
    status: MutableObj = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    return TreeReply({**review, "status": status}, 201, ctx.kind)
