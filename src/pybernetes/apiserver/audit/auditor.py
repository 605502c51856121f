"""`Auditor`: logs the requests of one API server by its policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import MutableObj
from pybernetes.clock import Env
from pybernetes.lang import timestamps

from ..bodies import decode
from ..context import LONG_RUNNING_SUBRESOURCES, RequestContext
from ..replies import HttpReply, Reply, TreeReply, WatchReply
from ..requestinfo import ABOUT_MANY
from . import event as events
from .logfile import LogFile, LogPlace
from .policy import COMPLETE, NONE, PANIC, RECEIVED, REQUEST, REQUEST_RESPONSE, STARTED, Policy, Treatment

BODIES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
FULL = (REQUEST, REQUEST_RESPONSE)


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """A policy, and where its log goes."""

    policy: Policy
    place: LogPlace


class Auditor:
    """Close it at the end."""

    def __init__(self, config: AuditConfig, env: Env) -> None:
        """Raises OSError where the log cannot be opened."""
        self._policy = config.policy
        self._env = env
        self._file = LogFile(config.place, env.now)
        self.logged = 0
        """How many lines were written."""

    async def audited(self, ctx: RequestContext, serve: Callable[[], Awaitable[Reply]]) -> Reply:
        """Serves the request, and logs its stages."""
        treatment = self._policy.treatment(ctx.user, ctx.info)
        if treatment.level == NONE:
            return await serve()
        line = _Line(self, ctx, treatment)
        line.log(RECEIVED)
        try:
            reply = await serve()
        except ApiError as error:
            status, whole = events.status_of_error(error)
            line.log(COMPLETE, status, whole)
            raise
        except Exception as error:
            line.log(PANIC, {"metadata": {}, "status": "Failure", "message": str(error), "code": 500})
            raise
        line.answered(reply)
        return reply

    def refused(self, ctx: RequestContext, error: ApiError) -> None:
        """Logs a request whose user could not be told."""
        treatment = self._policy.treatment(ctx.user, ctx.info)
        if treatment.level == NONE:
            return
        scheme = (ctx.request.headers.get("authorization", "") if ctx.request is not None else "").partition(
            " "
        )[0]
        status, _ = events.status_of_error(error)
        status["message"] = (
            f"Authentication failed, attempted: {scheme.lower()}" if scheme else "Authentication failed"
        )
        line = _Line(self, ctx, treatment)
        line.event["user"] = {}
        line.log(STARTED, status)

    def write(self, event: MutableObj) -> None:
        self.logged += 1
        self._file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE, default=dict))

    def now(self) -> str:
        return timestamps.rfc3339_micro(self._env.now())

    def close(self) -> None:
        self._file.close()


class _Line:
    """One request on its way into the log."""

    def __init__(self, auditor: Auditor, ctx: RequestContext, treatment: Treatment) -> None:
        self._auditor = auditor
        self._ctx = ctx
        self._treatment = treatment
        level = treatment.level
        self.event = events.started(ctx, ctx.ensure_audit_id(), level, uri_of(ctx), auditor.now())
        self._body_due = ctx.info.is_resource and ctx.info.verb in BODIES

    def log(self, stage: str, status: MutableObj | None = None, response: Any = None) -> None:
        treatment = self._treatment
        if stage != RECEIVED and self._body_due:
            self._body_due = False
            body = _body_of(self._ctx)
            if treatment.omit_managed_fields:
                body = events.without_managed_fields(body)
            self.event = events.with_request(self.event, body, whole=treatment.level in FULL)
        if stage in treatment.omit_stages:
            return
        if treatment.level != REQUEST_RESPONSE:
            response = None
        elif treatment.omit_managed_fields:
            response = events.without_managed_fields(response)
        auditor = self._auditor
        auditor.write(events.finished(self.event, self._ctx, stage, auditor.now(), status, response))

    def answered(self, reply: Reply) -> None:
        if isinstance(reply, WatchReply):
            self.log(STARTED, {"metadata": {}, "code": 200})
            reply.on_close = lambda: self.log(COMPLETE, {"metadata": {}, "code": 200})
            return
        code = getattr(reply, "code", 200)
        if isinstance(reply, HttpReply):
            if self._ctx.info.subresource in LONG_RUNNING_SUBRESOURCES:
                self.log(STARTED, {"metadata": {}, "code": code})
            self.log(COMPLETE, {"metadata": {}, "code": code})
            return
        status: MutableObj = {"metadata": {}, "code": code}
        tree = reply.tree() if self._treatment.level == REQUEST_RESPONSE else None
        if isinstance(reply, TreeReply) and reply.body.get("kind") == "Status":
            status = {"metadata": {}, "status": reply.body.get("status", "Success"), "code": code}
            if "details" in reply.body:
                status["details"] = reply.body["details"]
        self.log(COMPLETE, status, tree)


def _body_of(ctx: RequestContext) -> Any:
    """The body as a tree; None where there is none, or where it cannot be read (its answer tells so)."""
    request = ctx.request
    if request is None:
        return ctx.body
    if not request.body.strip():
        return None
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().endswith("patch+json"):
        content_type = "application/json"
    try:
        return decode(request.body, content_type)
    except ApiError:
        return None


def uri_of(ctx: RequestContext) -> str:
    """The request's target; that which it would have by HTTP, for a caller in this process."""
    if ctx.request is not None:
        return ctx.request.target
    info = ctx.info
    parts = ["apis", info.group, info.version] if info.group else ["api", info.version]
    parts += ["namespaces", info.namespace] if info.namespace and info.resource != "namespaces" else []
    name = "" if info.verb in ABOUT_MANY else info.name
    parts += [part for part in (info.resource, name, info.subresource) if part]
    query = f"?{urlencode(dict(ctx.query))}" if ctx.query else ""
    return f"/{'/'.join(parts)}{query}"
