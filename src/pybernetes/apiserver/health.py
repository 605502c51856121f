"""`/healthz`, `/livez` and `/readyz`: named checks, each also at a path of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pybernetes.store.types import StoreError
from pybernetes.wire.http.messages import Response

from .cacher import ROOT
from .context import RequestContext
from .services import Services

Check = Callable[[Services], Awaitable[str]]
"""What is wrong; "" where all is well."""


async def _ping(_services: Services) -> str:
    return ""


async def _store(services: Services) -> str:
    try:
        await services.store.range(ROOT)
    except StoreError as error:
        return str(error)
    return ""


async def _informers(services: Services) -> str:
    return "" if services.cacher.filled.is_set() else "the watch cache is not filled"


async def _bootstrap(services: Services) -> str:
    return "" if services.ready else "not finished"


async def _shutdown(services: Services) -> str:
    return "process is shutting down" if services.stopping else ""


LIVE: Mapping[str, Check] = {"ping": _ping, "log": _ping, "etcd": _store}
READY: Mapping[str, Check] = {
    **LIVE,
    "informer-sync": _informers,
    "poststarthook/rbac/bootstrap-roles": _bootstrap,
    "poststarthook/scheduling/bootstrap-system-priority-classes": _bootstrap,
    "poststarthook/start-system-namespaces-controller": _bootstrap,
    "shutdown": _shutdown,
}
ENDPOINTS: Mapping[str, Mapping[str, Check]] = {
    "/healthz": {**LIVE, "poststarthook/rbac/bootstrap-roles": _bootstrap},
    "/livez": LIVE,
    "/readyz": READY,
}


async def health(ctx: RequestContext, endpoint: str, check: str = "") -> Response:
    """200 "ok", or 500 with the checks that failed. `?verbose` lists all; `?exclude=name` leaves one out."""
    checks = ENDPOINTS[endpoint]
    if check:
        if check not in checks:
            return Response.text(404, "404 page not found\n")
        problem = await checks[check](ctx.services)
        if problem:
            return Response.text(500, f"internal server error: {problem}\n")
        return _ok("ok")
    assert ctx.request is not None
    excluded = set(ctx.request.query.all("exclude"))
    lines, failed = [], False
    for name, run in checks.items():
        if name in excluded:
            lines.append(f"[+]{name} excluded: ok")
            continue
        problem = await run(ctx.services)
        failed = failed or bool(problem)
        lines.append(f"[-]{name} failed: reason withheld" if problem else f"[+]{name} ok")
    title = endpoint[1:]
    text = "\n".join(lines) + "\n"
    if failed:
        return Response.text(500, f"{text}{title} check failed\n")
    if "verbose" in ctx.query:
        return _ok(f"{text}{title} check passed\n")
    return _ok("ok")


def _ok(text: str) -> Response:
    headers = (
        ("Cache-Control", "no-cache, private"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Response(200, headers, text.encode())
