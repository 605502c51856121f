"""Everything that is no resource: discovery, health, version, metrics, OpenAPI, token verification keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from pybernetes.api.errors import MethodNotAllowed, NotFound
from pybernetes.wire.http.messages import Response

from . import discovery, health, ledgerview
from .authn import oidcdiscovery
from .authn.jws import verify_key
from .buildinfo import version
from .context import RequestContext
from .encode import form_of, write
from .flowcontrol import dumps
from .metrics import CONTENT_TYPE
from .negotiation import PLAIN, PROTOBUF
from .replies import HttpReply, Reply, TreeReply

JSON = "application/json"
AGGREGATED = ("/api", "/apis")
"""Paths where all that is served is told in one document."""
ROOT_PATHS = (
    "/.well-known/openid-configuration",
    "/api",
    "/apis",
    "/apis/",
    "/healthz",
    "/healthz/etcd",
    "/healthz/log",
    "/healthz/ping",
    "/livez",
    "/livez/etcd",
    "/livez/log",
    "/livez/ping",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/readyz",
    "/readyz/etcd",
    "/readyz/log",
    "/readyz/ping",
    "/version",
)


async def serve(ctx: RequestContext) -> Reply:
    """Answers by path. A caller in this process is told what is served, whole, and nothing else."""
    if ctx.request is None and ctx.info.path in AGGREGATED:
        return TreeReply(_aggregated(ctx, core=ctx.info.path == "/api"))
    result = await _answer(ctx, ctx.info.path) if ctx.request is not None else None
    return not_found(ctx) if result is None else HttpReply(result)


def not_found(ctx: RequestContext) -> Reply:
    """Nothing is served at this path."""
    if ctx.request is None or _is_below_a_version(ctx):
        raise NotFound("the server could not find the requested resource", generic=True)
    return HttpReply(Response.text(404, "404 page not found\n"))


def _is_below_a_version(ctx: RequestContext) -> bool:
    """Whether a group that is built in is asked for what it has not: upstream's router says so with a Status, while
    paths of unknown and of custom groups go through to the end of the chain."""
    parts = ctx.info.path.strip("/").split("/")
    if parts[0] == "api":
        return len(parts) > 1
    builtin = ctx.services.registry.builtin
    return parts[0] == "apis" and len(parts) > 2 and any(kind.group == parts[1] for kind in builtin)


async def _answer(ctx: RequestContext, path: str) -> Response | None:
    exact = PATHS.get(path.rstrip("/") or "/")
    if ctx.request is not None and ctx.request.method != "GET" and _only_to_get(path):
        raise MethodNotAllowed(
            "the server does not allow this method on the requested resource", generic=True
        )
    if exact is not None:
        return await exact(ctx)
    first, _, rest = path[1:].partition("/")
    if f"/{first}" in health.ENDPOINTS:
        return await health.health(ctx, f"/{first}", rest)
    if first == "openapi":
        return ctx.services.openapi.serve(ctx)
    if first == "debug":
        text = dumps.dump(ctx.services.flows, path)
        return None if text is None else Response.text(200, text)
    if first in ("api", "apis"):
        return _discovery_document(ctx, path)
    return None


def _only_to_get(path: str) -> bool:
    """Whether upstream's router answers other methods with a 405; its other handlers do not look at the method."""
    first = path.strip("/").partition("/")[0]
    return first in ("api", "apis", "version", "openid", ".well-known")


def _discovery_document(ctx: RequestContext, path: str) -> Response | None:
    registry = ctx.services.registry
    parts = path.strip("/").split("/")
    tree: Any
    match parts:
        case ["api", version]:
            tree = discovery.resource_list(registry, "", version)
        case ["apis", group]:
            tree = discovery.group(registry, group)
            if ctx.services.aggregator.remotes:
                tree = ctx.services.aggregator.group(tree, group)
        case ["apis", group, version]:
            tree = discovery.resource_list(registry, group, version)
        case _:
            tree = None
    return None if tree is None else _negotiated(ctx, tree)


async def _api(ctx: RequestContext) -> Response:
    config = ctx.services.config
    address = f"{config.advertise_address}:{config.secure_port}"
    return _legacy_or_aggregated(ctx, lambda: discovery.api_versions(address), core=True)


async def _apis(ctx: RequestContext) -> Response:
    def legacy() -> Any:
        tree, aggregator = discovery.group_list(ctx.services.registry), ctx.services.aggregator
        return aggregator.groups(tree) if aggregator.remotes else tree

    return _legacy_or_aggregated(ctx, legacy, core=False)


def _legacy_or_aggregated(ctx: RequestContext, legacy: Callable[[], Any], *, core: bool) -> Response:
    """The document that the Accept header prefers, with an ETag for the aggregated one."""
    assert ctx.request is not None
    for part in ctx.request.headers.get("accept", "").split(","):
        pieces = [piece.strip() for piece in part.split(";")]
        parameters = dict(piece.partition("=")[::2] for piece in pieces[1:])
        if pieces[0] in (JSON, PROTOBUF) and parameters.get("g") == discovery.AGGREGATED:
            version = parameters.get("v", "")
            if version not in ("v2", "v2beta1") or parameters.get("as") != "APIGroupDiscoveryList":
                continue
            tree = _aggregated(ctx, core=core, version=version)
            tag = discovery.etag(tree)
            kind = f"{pieces[0]};g={discovery.AGGREGATED};v={version};as=APIGroupDiscoveryList"
            headers = (("Content-Type", kind), ("ETag", tag), ("Vary", "Accept"), ("Cache-Control", "public"))
            if ctx.request.headers.get("if-none-match") == tag:
                return Response(304, headers)
            if pieces[0] == JSON:
                return Response(200, headers, orjson.dumps(tree))
            from .protobuf.discovery import encode_discovery  # hardly anybody asks for it

            return Response(200, headers, encode_discovery(tree))
        if pieces[0] in ("application/json", "*/*", "application/*"):
            break
    return _negotiated(ctx, legacy())


def _aggregated(ctx: RequestContext, *, core: bool, version: str = "v2") -> dict[str, Any]:
    """The whole of `/api` (core) or `/apis` in one document, with what other servers serve."""
    tree = discovery.aggregated(ctx.services.registry, core=core, version=version)
    aggregator = ctx.services.aggregator
    return dict(aggregator.aggregated(tree)) if not core and aggregator.remotes else tree


def _negotiated(ctx: RequestContext, tree: Any) -> Response:
    """A document of discovery in the form that the client prefers. Raises NotAcceptable."""
    form = form_of(ctx)
    headers = (
        ("Cache-Control", "no-cache, private"),
        ("Content-Type", form.content_type),
        ("Vary", "Accept"),
    )
    return Response(
        200, headers, write(tree, form, pretty=False) if form is not PLAIN else orjson.dumps(tree)
    )


async def _version(_ctx: RequestContext) -> Response:
    return _json(version())


async def _metrics(ctx: RequestContext) -> Response:
    body = "\n".join(ctx.services.metrics.lines(ctx.services)) + "\n"
    return Response(200, (("Content-Type", CONTENT_TYPE),), body.encode())


async def _root(ctx: RequestContext) -> Response:
    served = ctx.services.registry.group_versions()
    groups = {f"/apis/{group}" for group, _ in served if group}
    versions = {f"/apis/{group}/{version}" if group else f"/api/{version}" for group, version in served}
    return _json({"paths": sorted({*ROOT_PATHS, *groups, *versions})})


async def _openid_configuration(ctx: RequestContext) -> Response:
    config = ctx.services.config
    base = config.service_account_issuer.rstrip("/")
    jwks_uri = f"https://{config.advertise_address}:{config.secure_port}{oidcdiscovery.JWKS_PATH}"
    if base.startswith("https://") and "kubernetes.default.svc" not in base:
        jwks_uri = f"{base}{oidcdiscovery.JWKS_PATH}"
    return _json(oidcdiscovery.discovery(config.service_account_issuer, jwks_uri, _keys(ctx)))


async def _jwks(ctx: RequestContext) -> Response:
    headers = (("Content-Type", "application/jwk-set+json"), ("Cache-Control", "public, max-age=3600"))
    return Response(200, headers, orjson.dumps(oidcdiscovery.jwks(_keys(ctx))))


def _keys(ctx: RequestContext) -> list[Any]:
    return [verify_key(pem) for pem in ctx.services.verify_keys]


def _json(tree: Any) -> Response:
    headers = (("Cache-Control", "no-cache, private"), ("Content-Type", "application/json"))
    return Response(200, headers, orjson.dumps(tree))


PATHS: Mapping[str, Callable[[RequestContext], Awaitable[Response]]] = {
    "/": _root,
    "/api": _api,
    "/apis": _apis,
    "/version": _version,
    "/metrics": _metrics,
    oidcdiscovery.DISCOVERY_PATH: _openid_configuration,
    oidcdiscovery.JWKS_PATH: _jwks,
    ledgerview.PATH: ledgerview.serve,
}
