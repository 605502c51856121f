"""What kube-scheduler serves beside its work: health, metrics, its configuration, and its decisions.

`/healthz`, `/livez` and `/readyz` are for everybody; the rest is asked of the API server (TokenReview,
SubjectAccessReview for the path), as upstream delegates it. `/decisions/NAMESPACE/NAME` explains the latest decision about
a pod, `/decisions` lists those that are kept.
"""

from __future__ import annotations

from typing import Any

import orjson

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.client.interface import Client
from pybernetes.wire.http.messages import Request, Response

from .explain import explained
from .scheduler import Scheduler

JSON = (("Content-Type", "application/json"),)
METRICS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)
OPEN = ("/healthz", "/livez", "/readyz")


class SchedulerPages:
    """The handler of an HTTP server. `authorize` False leaves the questions out (an address that only its owner can
    reach)."""

    def __init__(self, scheduler: Scheduler, client: Client, *, authorize: bool = True) -> None:
        self._scheduler = scheduler
        self._client = client
        self._authorize = authorize

    async def __call__(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response.text(405, "method not allowed\n")
        if request.path in OPEN:
            # A scheduler that waits to lead is alive, and ready to take over.
            return Response.text(200, "ok")
        if self._authorize and (refusal := await self._refusal(request)):
            return refusal
        if request.path == "/metrics":
            return Response(200, METRICS, self._metrics().encode())
        if request.path == "/decisions":
            return _json([_summary(each) for each in self._decisions()])
        parts = request.path.split("/")
        if len(parts) == 4 and parts[1] == "decisions":
            return self._decision(parts[2], parts[3])
        return Response.text(404, "404 page not found\n")

    def _metrics(self) -> str:
        cycle = self._scheduler.cycle
        if cycle is None:
            return self._scheduler.metrics.text({}, {})
        bound = len(cycle.table.placements)
        sizes = {"nodes": int(cycle.table.alive.sum()), "pods": bound}
        return self._scheduler.metrics.text(cycle.queue.counts(), sizes)

    def _decisions(self) -> list[Any]:
        return self._scheduler.cycle.decisions.all() if self._scheduler.cycle is not None else []

    def _decision(self, namespace: str, name: str) -> Response:
        cycle = self._scheduler.cycle
        kept = cycle.decisions.find(namespace, name) if cycle is not None else None
        if kept is None:
            return Response.text(404, f"no decision is kept about pod {namespace}/{name}\n")
        return _json(explained(kept))

    async def _refusal(self, request: Request) -> Response | None:
        """401 or 403 where the API server does not know, or not allow, who asks."""
        scheme, _, token = request.headers.first("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Response.text(401, "Unauthorized\n")
        try:
            review = await self._client.create(kinds.TOKENREVIEW, _token_review(token))
            status = review.get("status") or {}
            if not status.get("authenticated"):
                return Response.text(401, "Unauthorized\n")
            access = await self._client.create(
                kinds.SUBJECTACCESSREVIEW, _access_review(status.get("user") or {}, request.path)
            )
        except (ApiError, OSError) as error:
            return Response.text(500, f"the API server cannot be asked: {error}\n")
        if (access.get("status") or {}).get("allowed"):
            return None
        return Response.text(403, f'Forbidden: cannot get path "{request.path}"\n')


def _token_review(token: str) -> dict[str, Any]:
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "metadata": {},
        "spec": {"token": token},
    }


def _access_review(user: Any, path: str) -> dict[str, Any]:
    spec = {
        "user": user.get("username", ""),
        "groups": list(user.get("groups") or ()),
        "uid": user.get("uid", ""),
        "extra": dict(user.get("extra") or {}),
        "nonResourceAttributes": {"path": path, "verb": "get"},
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": spec,
    }


def _summary(kept: Any) -> dict[str, Any]:
    whole = explained(kept)
    return {key: whole[key] for key in ("pod", "time", "node", "feasible", "message")}


def _json(value: Any) -> Response:
    return Response(200, JSON, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
