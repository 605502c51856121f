"""A webhook server in the loop of the cluster: admission reviews and conversions, answered by plain functions over HTTPS."""

from __future__ import annotations

import base64
import functools
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pybernetes import Cluster
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import Handler, Request, Response
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context
from tests.httpspeer import Certificate, self_signed

Answer = Callable[[Any], Awaitable[dict[str, Any]]]
"""The `response` for the `request` of a review."""


@functools.lru_cache(maxsize=1)
def certificate() -> Certificate:
    return self_signed("localhost", "sample-api.kube-system.svc")


class Hooks:
    """Where the webhooks are; `asked` is every request they got, by path."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[tuple[str, Any]] = []

    def client_config(self, path: str) -> dict[str, Any]:
        return {"url": f"https://127.0.0.1:{self.port}{path}", "caBundle": certificate().bundle}


@asynccontextmanager
async def serving(c: Cluster, answers: Mapping[str, Answer]) -> AsyncIterator[Hooks]:
    """Serves `answers` by path while the block runs."""
    hooks = Hooks()

    async def handle(request: Request) -> Response:
        review = json.loads(request.body)
        hooks.asked.append((request.path, review["request"]))
        response = {"uid": review["request"]["uid"], **await answers[request.path](review["request"])}
        body = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
        return Response(200, (("Content-Type", "application/json"),), json.dumps(body).encode())

    async with listening(c, handle) as hooks.port:
        yield hooks


@asynccontextmanager
async def listening(c: Cluster, handle: Handler, client_ca: str | None = None) -> AsyncIterator[int]:
    """A port of loopback where `handle` answers over HTTPS while the block runs."""
    server = HttpServer(handle, now=c.env.now)
    with tempfile.TemporaryDirectory() as folder:
        crt, key = Path(folder) / "crt", Path(folder) / "key"
        crt.write_text(certificate().certificate)
        key.write_text(certificate().key)
        context = server_context(crt, key, client_ca)
    try:
        yield await server.listen("127.0.0.1", 0, tls=context)
    finally:
        await server.close()


def allow() -> dict[str, Any]:
    return {"allowed": True}


def deny(message: str) -> dict[str, Any]:
    return {"allowed": False, "status": {"message": message}}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Lets the request in, changed by a JSON patch."""
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


def rule(*resources: str, operations: tuple[str, ...] = ("CREATE",), group: str = "") -> dict[str, Any]:
    versions = ["*"] if group else ["v1"]
    return {
        "operations": [*operations],
        "apiGroups": [group],
        "apiVersions": versions,
        "resources": [*resources],
    }


def hook(name: str, config: Obj, ns: str, *rules: Obj, **more: Any) -> dict[str, Any]:
    """One entry of `webhooks` for the requests in a namespace ("": in all)."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": ns}} if ns else {}
    return {
        "name": name,
        "clientConfig": config,
        "rules": [*rules],
        "namespaceSelector": selector,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1", "v1beta1"],
        "timeoutSeconds": 10,
        **more,
    }


@asynccontextmanager
async def registered(c: Cluster, kind: Kind, name: str, *webhooks: Obj) -> AsyncIterator[Obj]:
    """A webhook configuration that is there while the block runs (unless the block deletes it)."""
    made = await c.client.create(kind, {"metadata": {"name": name}, "webhooks": [*webhooks]})
    try:
        yield made
    finally:
        await c.client.delete_collection(kind, fields=f"metadata.name={name}")
