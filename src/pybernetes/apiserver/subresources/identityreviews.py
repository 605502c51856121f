"""Asking who somebody is: TokenReview (whose token) and SelfSubjectReview (who am I). Answered, never stored."""

from __future__ import annotations

from typing import Any

from pybernetes.api.errors import BadRequest
from pybernetes.lang import timestamps

from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..user import User
from ..verbs.body import read_object


async def token_review(ctx: RequestContext) -> Reply:
    review = read_object(ctx, ctx.kind)
    spec = review.get("spec") or {}
    token = spec.get("token", "")
    if not token:
        raise BadRequest("token is required for TokenReview in authentication")
    found = await ctx.services.authenticator.review(token, tuple(spec.get("audiences") or ()))
    status: dict[str, Any] = {"user": {}}
    if found.user is not None:
        status = {"authenticated": True, "user": user_tree(found.user)}
        if found.audiences:
            status["audiences"] = list(found.audiences)
    elif found.error:
        status["error"] = found.error
    return TreeReply({**review, "status": status}, 201, ctx.kind)


async def self_subject_review(ctx: RequestContext) -> Reply:
    review = read_object(ctx, ctx.kind)
    review["metadata"]["creationTimestamp"] = timestamps.rfc3339(ctx.services.env.now())
    return TreeReply({**review, "status": {"userInfo": user_tree(ctx.user)}}, 201, ctx.kind)


def user_tree(user: User) -> dict[str, Any]:
    """A `UserInfo`."""
    tree: dict[str, Any] = {"username": user.name}
    if user.uid:
        tree["uid"] = user.uid
    if user.groups:
        tree["groups"] = list(user.groups)
    if user.extra:
        tree["extra"] = {key: list(values) for key, values in user.extra.items()}
    return tree
