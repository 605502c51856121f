"""What a component without an API of its own serves: health for everybody, the rest for who may read it.

Who asks for anything but health is asked of the API server (TokenReview, then SubjectAccessReview for the path), as
upstream's components delegate it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.client.interface import Client
from pybernetes.wire.http.messages import Request, Response

METRICS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)
JSON = (("Content-Type", "application/json"),)
HEALTH = ("/healthz", "/livez", "/readyz")

Check = Callable[[], str]
"""Why something is not well, or ""."""


class ComponentPages:
    """The handler of an HTTP server. `checks` are asked by name on the health paths (`/healthz/NAME`, `?verbose`)."""

    def __init__(
        self,
        client: Client,
        metrics: Callable[[], str],
        configuration: Callable[[], Mapping[str, Any]],
        checks: Mapping[str, Check],
        *,
        more: Callable[[Request], Response | None] = lambda _request: None,
        user_of: Callable[[bytes], Mapping[str, Any] | None] = lambda _certificate: None,
        ready: Mapping[str, Check] | None = None,
    ) -> None:
        """`ready` are checks that `/readyz` alone asks; `more` answers what is asked for beside metrics and
        configuration; `user_of` knows who a client certificate (DER, verified) stands for, as the user of a
        SubjectAccessReview's spec."""
        self._client = client
        self._metrics = metrics
        self._configuration = configuration
        self._checks = checks
        self._more = more
        self._user_of = user_of
        self._ready = ready or {}

    async def __call__(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response.text(405, "method not allowed\n")
        base, _, name = request.path[1:].partition("/")
        if f"/{base}" in HEALTH:
            return self._health(base, name, "verbose" in request.query)
        if refusal := await self._refusal(request):
            return refusal
        match request.path:
            case "/metrics":
                return Response(200, METRICS, self._metrics().encode())
            case "/configz":
                return Response(
                    200, JSON, orjson.dumps(self._configuration(), option=orjson.OPT_INDENT_2) + b"\n"
                )
        return self._more(request) or Response.text(404, "404 page not found\n")

    def _health(self, base: str, name: str, verbose: bool) -> Response:
        checks = {**self._checks, **(self._ready if base == "readyz" else {})}
        if name and name != "ping" and name not in checks:
            return Response.text(404, "404 page not found\n")
        found = {"ping": "", **{each: check() for each, check in checks.items()}}
        chosen = {each: problem for each, problem in found.items() if not name or each == name}
        failed = any(chosen.values())
        if not failed and not verbose:
            return Response.text(200, "ok")
        lines = [
            f"[-]{each} failed: {problem}" if problem else f"[+]{each} ok" for each, problem in chosen.items()
        ]
        ending = f"{base} check {'failed' if failed else 'passed'}"
        return Response.text(500 if failed else 200, "\n".join([*lines, ending, ""]))

    async def _refusal(self, request: Request) -> Response | None:
        """401 or 403 where the API server does not know, or not allow, who asks."""
        try:
            user = await self._user(request)
            if user is None:
                return Response.text(401, "Unauthorized\n")
            spec = {**user, "nonResourceAttributes": {"path": request.path, "verb": "get"}}
            access = await self._client.create(
                kinds.SUBJECTACCESSREVIEW, _review("SubjectAccessReview", spec, "authorization.k8s.io/v1")
            )
        except (ApiError, OSError) as error:
            return Response.text(500, f"the API server cannot be asked: {error}\n")
        if (access.get("status") or {}).get("allowed"):
            return None
        return Response.text(403, f'Forbidden: cannot get path "{request.path}"\n')

    async def _user(self, request: Request) -> Mapping[str, Any] | None:
        """Who asks, by a bearer token or a client certificate. Raises ApiError, OSError."""
        scheme, _, token = request.headers.first("authorization").partition(" ")
        if scheme.lower() == "bearer" and token:
            review = await self._client.create(kinds.TOKENREVIEW, _review("TokenReview", {"token": token}))
            status = review.get("status") or {}
            user = status.get("user") or {}
            return (
                {
                    "user": user.get("username", ""),
                    "groups": list(user.get("groups") or ()),
                    "uid": user.get("uid", ""),
                    "extra": dict(user.get("extra") or {}),
                }
                if status.get("authenticated")
                else None
            )
        return self._user_of(request.peer_certificate) if request.peer_certificate is not None else None


def _review(kind: str, spec: Mapping[str, Any], version: str = "authentication.k8s.io/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {}, "spec": dict(spec)}
