"""`/openapi/v2` and `/openapi/v3`: the documents of `api/openapi`, made when first asked for and then kept compressed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from pybernetes.api.kind import Kind
from pybernetes.wire.http.messages import Response

from .context import RequestContext
from .registry import Registry

if TYPE_CHECKING:
    from .aggregation.aggregator import Aggregator

V2 = "/openapi/v2"
V3 = "/openapi/v3"
JSON = "application/json"
JSON_TYPE = ("Content-Type", JSON)
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
V3_PROTOBUF = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
OLDER = "@v1.0+protobuf"
"""How the older names of these end, by which clients ask; they are no media types, so the answer says the newer ones."""
ANY_JSON = frozenset({JSON, "application/*", "*/*"})
IMMUTABLE = ("Cache-Control", "public, immutable")
GZIP_LEVEL = 6
YEAR = 365 * 86_400.0

Document = tuple[bytes, str]
"""Bytes, compressed, and the hash of what they are."""


class OpenApi:
    """The documents of one API server, as bytes with their hashes."""

    def __init__(self, registry: Registry, version: str) -> None:
        self._registry = registry
        self._version = version
        self.aggregator: Aggregator | None = None
        """Whose documents go with ours."""
        self._made: dict[str, Document] = {}
        self._kinds = registry.kinds
        self._generation = 0

    def serve(self, ctx: RequestContext) -> Response | None:
        """The answer for a path below `/openapi`; None where there is nothing."""
        assert ctx.request is not None
        path = ctx.info.path.rstrip("/")
        if path == V2:
            return self._serve_v2(ctx)
        if path == V3:
            return Response(200, (JSON_TYPE,), orjson.dumps(self._index()))
        group_path = path.removeprefix(f"{V3}/")
        if group_path not in self._group_paths():
            return None
        group, version = self._group_paths()[group_path]
        kinds = [kind for kind in self._registry.kinds if (kind.group, kind.version) == (group, version)]
        return self._negotiated(
            ctx, path, V3_PROTOBUF, lambda: self._v3(kinds), lambda: self._v3_protobuf(kinds)
        )

    def _serve_v2(self, ctx: RequestContext) -> Response:
        return self._negotiated(ctx, V2, V2_PROTOBUF, lambda: orjson.dumps(self._v2()), self._v2_protobuf)

    def _negotiated(
        self,
        ctx: RequestContext,
        path: str,
        media: str,
        make: Callable[[], bytes],
        make_protobuf: Callable[[], bytes],
    ) -> Response:
        """The document in the form that is asked for. Both have the ETag of the JSON: `Vary` tells them apart."""
        assert ctx.request is not None
        form = _form(ctx.request.headers.get("accept", ""), media)
        if not form:
            return Response(406)
        packed, digest = self._document(path, make)
        if ctx.query.get("hash", digest) != digest:
            return Response(301, (("Location", f"{path}?hash={digest}"),))
        if form == "protobuf":
            packed, _ = self._document(f"{path} protobuf", make_protobuf, digest)
            return self._send(ctx, media, packed, digest)
        return self._send(ctx, JSON, packed, digest)

    def _document(self, path: str, make: Callable[[], bytes], digest: str = "") -> Document:
        """What was made before, or is now; `digest` where that of another form is its hash."""
        if self._kinds is not self._registry.kinds:  # others are served now
            self._forget_custom()
            self._kinds = self._registry.kinds
        aggregator = self.aggregator
        if aggregator is not None and aggregator.generation != self._generation:
            self._forget_custom()
            self._generation = aggregator.generation
        known = self._made.get(path)
        if known is None:
            body = make()
            digest = digest or hashlib.sha512(body).hexdigest().upper()
            known = self._made[path] = (gzip.compress(body, GZIP_LEVEL, mtime=0), digest)
        return known

    def _forget_custom(self) -> None:
        """What tells of custom resources is made anew; the groups of built-in kinds are as they were."""
        builtin = {(kind.group, kind.version) for kind in self._registry.builtin}
        kept = {
            f"{V3}/apis/{group}/{version}" if group else f"{V3}/api/{version}" for group, version in builtin
        }
        self._made = {path: made for path, made in self._made.items() if path.partition(" ")[0] in kept}

    def _send(self, ctx: RequestContext, media: str, packed: bytes, digest: str) -> Response:
        assert ctx.request is not None
        tag = ("ETag", f'"{digest}"')
        if ctx.request.headers.get("if-none-match") == tag[1]:
            return Response(304, (tag,))
        headers = [("Content-Type", media), tag, ("Vary", "Accept"), ("Vary", "Accept-Encoding")]
        if "hash" in ctx.query:
            from email.utils import formatdate  # takes long to import

            headers += (IMMUTABLE, ("Expires", formatdate(ctx.env.now() + YEAR, usegmt=True)))
        if "gzip" in ctx.request.headers.get("accept-encoding", ""):
            return Response(200, [*headers, ("Content-Encoding", "gzip")], packed)
        return Response(200, headers, gzip.decompress(packed))

    def _group_paths(self) -> dict[str, tuple[str, str]]:
        return {
            (f"apis/{group}/{version}" if group else f"api/{version}"): (group, version)
            for group, version in self._registry.group_versions()
        }

    def _index(self) -> dict[str, Any]:
        paths = {}
        for path, (group, version) in self._group_paths().items():
            kinds = [kind for kind in self._registry.kinds if (kind.group, kind.version) == (group, version)]
            _, digest = self._document(f"{V3}/{path}", partial(self._v3, kinds))
            paths[path] = {"serverRelativeURL": f"{V3}/{path}?hash={digest}"}
        return {"paths": paths if self.aggregator is None else self.aggregator.openapi_v3(paths)}

    def _v2(self) -> dict[str, Any]:
        from pybernetes.api import openapi

        document = openapi.document_v2(self._registry.kinds, self._version)
        return document if self.aggregator is None else dict(self.aggregator.openapi_v2(document))

    def _v2_protobuf(self) -> bytes:
        from pybernetes.api import openapi

        return openapi.encode_document_v2(self._v2())

    def _v3(self, kinds: Sequence[Kind]) -> bytes:
        from pybernetes.api import openapi

        return orjson.dumps(openapi.document_v3(kinds, self._version))

    def _v3_protobuf(self, kinds: Sequence[Kind]) -> bytes:
        from pybernetes.api import openapi

        return openapi.encode_document_v3(openapi.document_v3(kinds, self._version))


def _form(accept: str, protobuf: str) -> str:
    """ "json" or "protobuf" (the media type of that name), whichever is named first (nothing said is JSON); "" where it
    is neither."""
    if not accept:
        return "json"
    asked_as = (protobuf, protobuf.replace(".v1.0+protobuf", OLDER))
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media in ANY_JSON:
            return "json"
        if media in asked_as:
            return "protobuf"
    return ""
