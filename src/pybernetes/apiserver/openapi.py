"""`/openapi/v2` and `/openapi/v3`: the documents of `api/openapi.py`, made when first asked for and then kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from pybernetes.wire.http.messages import Response

from .context import RequestContext
from .registry import Registry

V2 = "/openapi/v2"
V3 = "/openapi/v3"
JSON_TYPE = ("Content-Type", "application/json")
IMMUTABLE = ("Cache-Control", "public, immutable")


class OpenApi:
    """The documents of one API server, as bytes with their hashes."""

    def __init__(self, registry: Registry, version: str) -> None:
        self._registry = registry
        self._version = version
        self._made: dict[str, tuple[bytes, str]] = {}

    def serve(self, ctx: RequestContext) -> Response | None:
        """The answer for a path below `/openapi`; None where there is nothing."""
        assert ctx.request is not None
        path = ctx.info.path.rstrip("/")
        if path == V2:
            return self._send(ctx, *self._document(V2, self._v2))
        if path == V3:
            return Response(200, (JSON_TYPE,), orjson.dumps(self._index()))
        group_path = path.removeprefix(f"{V3}/")
        if group_path not in self._group_paths():
            return None
        group, version = self._group_paths()[group_path]
        return self._send(ctx, *self._document(path, lambda: self._v3(group, version)))

    def _document(self, path: str, make: Callable[[], Any]) -> tuple[bytes, str]:
        known = self._made.get(path)
        if known is None:
            body = orjson.dumps(make())
            known = self._made[path] = (body, hashlib.sha512(body).hexdigest().upper())
        return known

    def _send(self, ctx: RequestContext, body: bytes, digest: str) -> Response:
        assert ctx.request is not None
        tag = ("ETag", f'"{digest}"')
        if ctx.request.headers.get("if-none-match") == tag[1]:
            return Response(304, (tag,))
        headers = [JSON_TYPE, tag, ("Vary", "Accept")]
        if ctx.query.get("hash") == digest:
            headers.append(IMMUTABLE)
        return Response(200, headers, body)

    def _group_paths(self) -> dict[str, tuple[str, str]]:
        return {
            (f"apis/{group}/{version}" if group else f"api/{version}"): (group, version)
            for group, version in self._registry.group_versions()
        }

    def _index(self) -> dict[str, Any]:
        paths = {}
        for path, (group, version) in self._group_paths().items():
            _, digest = self._document(f"{V3}/{path}", lambda g=group, v=version: self._v3(g, v))  # type: ignore[misc]
            paths[path] = {"serverRelativeURL": f"{V3}/{path}?hash={digest}"}
        return {"paths": paths}

    def _v2(self) -> Any:
        from pybernetes.api import openapi

        return openapi.document_v2(self._registry.kinds, self._version)

    def _v3(self, group: str, version: str) -> Any:
        from pybernetes.api import openapi

        kinds = [kind for kind in self._registry.kinds if (kind.group, kind.version) == (group, version)]
        return openapi.document_v3(kinds, self._version)
