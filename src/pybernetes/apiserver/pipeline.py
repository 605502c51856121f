"""What happens to every request, in order: `STAGES` is the documentation.

A stage gets the request and the rest of the way: it may refuse (raise an ApiError), note something on the context, or
do something after the rest has run; what does nothing after is a plain function, in a `Before`. HTTP and in-process
requests go the same way; the latter arrive with their user known and their info read from the `Call`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import NamedTuple

from pybernetes.api.errors import ApiError, InternalError, NotAcceptable, Timeout
from pybernetes.wire.http.messages import Response

from . import nonresource
from .admission.questions import answering
from .attributes import Attributes
from .authn.told import told
from .authz.forbidden import forbidden
from .context import LONG_RUNNING_SUBRESOURCES, MUTATING, RequestContext
from .encode import form_of
from .impersonation import claims_another, impersonated_user
from .ledger import Admitted, Entry
from .reactions import REACTION_HEADER, decode_reaction
from .replies import HttpReply, Reply
from .requestinfo import request_info
from .user import MASTERS, NODES, User
from .verbs.table import method_not_allowed, serving

log = logging.getLogger(__name__)

NO_STREAM = (
    "only the following media types are accepted: "
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
)
"""YAML has no form for the events of a watch."""

TOO_MANY = "Too many requests, please try again later.\n"

Following = Callable[[RequestContext], Awaitable[Reply]]
Stage = Callable[[RequestContext, Following], Awaitable[Reply]]


class Before(NamedTuple):
    """A stage of a function that only refuses, or notes something."""

    check: Callable[[RequestContext], None]


async def recover(ctx: RequestContext, following: Following) -> Reply:
    """A bug in what follows becomes a 500 and a traceback in the log."""
    try:
        return await following(ctx)
    except ApiError:
        raise
    except Exception as error:
        log.exception("%s %s", ctx.info.verb, ctx.info.path)
        raise InternalError(f"Internal error occurred: {type(error).__name__}: {error}") from error


def read_request_info(ctx: RequestContext) -> None:
    """Verb, group, version, resource, namespace, name and subresource from the path."""
    request = ctx.request
    if request is not None:
        query = ctx.query = request.query
        if (header := request.headers.get(REACTION_HEADER)) is not None:
            ctx.reaction = decode_reaction(header)
        ctx.info = request_info(request.method, request.path, query)
    info = ctx.info
    if info.is_resource:
        ctx.mutating = info.verb in MUTATING
        ctx.resource = ctx.services.registry.find(info.group, info.version, info.resource)


async def measure(ctx: RequestContext, following: Following) -> Reply:
    """Counts and times the request, if it is for something that is served: anybody can make up other names."""
    started, code = perf_counter(), 0
    try:
        reply = await following(ctx)
        code = getattr(reply, "code", 200)
        return reply
    except ApiError as error:
        code = error.code
        raise
    except Exception:
        code = InternalError.code
        raise
    finally:
        resource, subresource = ctx.resource, ctx.info.subresource
        served = resource is not None and (not subresource or subresource in resource.kind.subresources)
        if served and code:  # none: the client has gone
            ctx.services.metrics.observe(ctx.info, code, perf_counter() - started)


def authenticate(ctx: RequestContext) -> None:
    """Who it is: a client certificate, a service account token, or anonymous."""
    if ctx.request is None:
        return
    try:
        ctx.user = ctx.services.authenticator.authenticate(ctx.request)
    except ApiError as error:
        if ctx.services.auditor is not None:
            ctx.services.auditor.refused(ctx, error)
        raise
    if ctx.mutating:
        certificate = ctx.request.peer_certificate is not None
        token = "authorization" in ctx.request.headers
        ctx.verdicts.append(told(ctx.user, certificate=certificate, token=token))


def audit(ctx: RequestContext, following: Following) -> Awaitable[Reply]:
    """Requests go into the audit log where the server has a policy for one, writes into the ledger with their cause
    and their outcome."""
    auditor = ctx.services.auditor
    noted = _in_ledger if ctx.mutating else _unnoted
    return noted(ctx, following) if auditor is None else auditor.audited(ctx, lambda: noted(ctx, following))


def _unnoted(ctx: RequestContext, following: Following) -> Awaitable[Reply]:
    return following(ctx)


async def _in_ledger(ctx: RequestContext, following: Following) -> Reply:
    try:
        reply = await following(ctx)
    except ApiError as error:
        _record(ctx, error.code, error.message)
        raise
    except Exception as error:
        _record(ctx, InternalError.code, repr(error))
        raise
    _record(ctx, getattr(reply, "code", 200), "")
    return reply


def impersonate(ctx: RequestContext) -> None:
    """`Impersonate-User` and its companions: acting as somebody else, where that is allowed."""
    if ctx.request is not None and claims_another(ctx.request.headers):
        user = impersonated_user(ctx.services, ctx.user, ctx.request.headers)
        ctx.impersonated_by, ctx.user = ctx.user.name, user
        ctx.verdicts.append(f"impersonate: acts as {user.name}")


def limit(ctx: RequestContext, following: Following) -> Awaitable[Reply]:
    """What takes too long becomes a 504. Reads of what is stored wait for the cache only, which has its own limit; what
    passes through to a kubelet or an address takes as long as both sides like."""
    if ctx.mutating:
        limited = ctx.info.subresource not in LONG_RUNNING_SUBRESOURCES
    else:
        resource = ctx.resource
        limited = not ctx.long_running if resource is None else resource.kind.conversion is not None
    return _limited(ctx, following) if limited else following(ctx)


async def _limited(ctx: RequestContext, following: Following) -> Reply:
    deadlines = ctx.services.deadlines
    turn = deadlines.begin()
    try:
        return await following(ctx)
    except asyncio.CancelledError as error:
        if not deadlines.ran_out(turn):
            raise
        raise Timeout(
            "Timeout: request did not complete within requested timeout - context deadline exceeded"
        ) from error
    finally:
        deadlines.end(turn)


async def flow_control(ctx: RequestContext, following: Following) -> Reply:
    """Priority and fairness: so many seats per priority level; who finds none waits, or is sent away with a 429. A
    watch has a seat until it is open; streams to kubelets have none."""
    if ctx.request is None or ctx.info.subresource in LONG_RUNNING_SUBRESOURCES:
        return await following(ctx)
    services, info = ctx.services, ctx.info
    flows = services.flows
    flow = ctx.flow = flows.flow_of(ctx.user, info)
    mutating, resource = ctx.mutating, ctx.resource
    seat = flows.begin(flow, info, ctx.query, None if resource is None else resource.cache)
    if not seat.taken and await flows.wait(seat, ctx.user, info):
        return HttpReply(Response.text(429, TOO_MANY, (("Retry-After", "1"),)))
    if mutating:
        services.mutating_in_flight += 1
    else:
        services.in_flight += 1
    try:
        return await following(ctx)
    finally:
        flows.end(seat, info)
        if mutating:
            services.mutating_in_flight -= 1
        else:
            services.in_flight -= 1


def authorize(ctx: RequestContext) -> None:
    """Whether the user may."""
    attributes = attributes_of(ctx)
    decision = ctx.services.authorizer.authorize(attributes)
    if ctx.services.auditor is not None:
        ctx.annotations["authorization.k8s.io/decision"] = "allow" if decision.allowed else "forbid"
        ctx.annotations["authorization.k8s.io/reason"] = decision.reason
    if not decision.allowed:
        raise forbidden(attributes, decision.reason)
    if ctx.mutating:
        ctx.verdicts.append(f"authorize: {decision.reason or _unsaid(ctx.user)}")


async def serve(ctx: RequestContext, _following: Following) -> Reply:
    """The verb itself; for writes, admission runs inside it, on the object as it will be stored."""
    if ctx.resource is None:
        aggregator = ctx.services.aggregator
        if aggregator.remotes and (remote := aggregator.find(ctx.info)) is not None:
            return await aggregator.forward(ctx, remote)
        return nonresource.not_found(ctx) if ctx.info.is_resource else await nonresource.serve(ctx)
    if ctx.request is not None and ctx.info.subresource not in LONG_RUNNING_SUBRESOURCES:
        if ctx.request.method == "HEAD":  # read as a GET by the authorizer, and served by nobody
            raise method_not_allowed()
        form = ctx.form = form_of(ctx)  # refused before anything is done
        if form.yaml and ctx.info.verb == "watch":
            raise NotAcceptable(NO_STREAM)
    answers, conversion = serving(ctx), ctx.resource.kind.conversion
    if conversion is not None:
        reply: Reply = await conversion.served(await answering(ctx, answers), ctx.shown)
        return reply
    return await (answering(ctx, answers) if ctx.mutating else answers(ctx))


STAGES: tuple[Stage | Before, ...] = (
    recover,
    Before(read_request_info),
    measure,
    Before(authenticate),
    audit,
    Before(impersonate),
    limit,
    flow_control,
    Before(authorize),
    serve,
)


def compose(stages: tuple[Stage | Before, ...]) -> Following:
    """One function that runs the stages in order."""

    async def end(_ctx: RequestContext) -> Reply:
        raise AssertionError("the last stage answers")

    following: Following = end
    for stage in reversed(stages):
        following = _checked(stage.check, following) if isinstance(stage, Before) else _step(stage, following)
    return following


def _step(stage: Stage, following: Following) -> Following:
    def run(ctx: RequestContext) -> Awaitable[Reply]:
        return stage(ctx, following)

    return run


def _checked(check: Callable[[RequestContext], None], following: Following) -> Following:
    def run(ctx: RequestContext) -> Awaitable[Reply]:
        check(ctx)
        return following(ctx)

    return run


handle = compose(STAGES)


def _unsaid(user: User) -> str:
    """What allowed somebody where the authorizer, as upstream's, gives no reason."""
    if MASTERS in user.groups:
        return f"group {MASTERS} may do everything"
    return "Node: a kubelet may do this to what is on its node" if NODES in user.groups else "allowed"


def attributes_of(ctx: RequestContext) -> Attributes:
    """What authorizers see of a request."""
    info = ctx.info
    if not info.is_resource:
        return Attributes(ctx.user, info.verb, path=info.path, is_resource=False)
    return Attributes(
        ctx.user,
        info.verb,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.namespace,
        info.name,
        info.path,
        field_selector=ctx.query.get("fieldSelector", ""),
    )


def _record(ctx: RequestContext, code: int, message: str) -> None:
    info, services = ctx.info, ctx.services
    services.ledger.add(
        Entry(
            services.env.now(),
            ctx.user.name,
            info.verb,
            info.group,
            info.resource,
            info.subresource,
            ctx.namespace,
            info.name or ctx.name,
            code,
            ctx.revision,
            message,
            ctx.impersonated_by,
            ctx.reaction,
            tuple(ctx.verdicts),
            Admitted([*ctx.admitted], renamed=ctx.renamed) if ctx.admitted else None,
        )
    )
