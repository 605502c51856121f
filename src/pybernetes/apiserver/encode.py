"""Replies as HTTP responses: stored bytes are sent as they are; everything else is encoded here (protobuf in
`encode_protobuf.py`)."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import orjson

from pybernetes.api.errors import ApiError, NotAcceptable
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import Request, Response, Upgrade

from . import tables
from .context import RequestContext
from .negotiation import PLAIN, Form, negotiate
from .replies import HttpReply, ListReply, Reply, TreeReply, VersionReply, WatchReply
from .version import Version, join_items, join_typed_items
from .watchstream import watch_response

Headers = list[tuple[str, str]]

GZIP_FROM = 128 * 1024
GZIP_LEVEL = 1
CHUNK = 64
"""Objects of a list that are put together before other requests get their turn."""
STREAM_FROM = 500
"""Lists with more objects than this are sent in chunks."""
MOST_WARNED, LONGEST_WARNING = 4096, 256
"""Characters of all warnings of an answer together, and of each where those are too many."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NO_STORE = ("Cache-Control", "no-cache, private")
JSON_TYPE = ("Content-Type", "application/json")


def respond(ctx: RequestContext, reply: Reply) -> Response | Upgrade:
    """The response of a request that was served. Raises NotAcceptable."""
    if isinstance(reply, HttpReply):
        return reply.result
    assert ctx.request is not None
    form = ctx.form or form_of(ctx)
    if isinstance(reply, WatchReply):
        return watch_response(ctx, reply, form)
    headers: Headers = [NO_STORE, ("Content-Type", form.content_type)]
    if ctx.warnings:
        headers += warnings(ctx.warnings)
    pretty = is_pretty(ctx.request)
    if form.protobuf:
        return _protobuf(ctx.request, reply, form, headers)
    if isinstance(reply, ListReply):
        return _list(ctx, reply, form, headers, pretty)
    if isinstance(reply, VersionReply) and form is PLAIN and not pretty and not reply.kind.storage_version:
        body = reply.version.document(reply.revision)
        return _sized(ctx.request, reply.code, headers, body)
    tree = reply.tree()
    if form.shape:
        tree = _shaped(ctx, reply, form)
    return _sized(ctx.request, reply.code, headers, write(tree, form, pretty))


def form_of(ctx: RequestContext) -> Form:
    """The form that the client wants of what it asked for. Raises NotAcceptable."""
    assert ctx.request is not None
    accept = ctx.request.headers.get("accept", "")
    if "protobuf" not in accept:
        try:
            return negotiate(accept, table=_has_table(ctx))
        except NotAcceptable:
            pass  # the refusal names protobuf too, where the kind has it
    # Its tables are read only where somebody speaks it.
    return negotiate(accept, _has_protobuf(ctx), table=_has_table(ctx))


def _has_table(ctx: RequestContext) -> bool:
    """What is only ever created (reviews, bindings, evictions, tokens) is no row of anything."""
    if ctx.resource is None:
        return True
    if ctx.info.subresource in ("binding", "eviction", "token"):
        return False
    return ctx.resource.kind.verbs != ("create",)


def _has_protobuf(ctx: RequestContext) -> bool:
    from . import encode_protobuf

    return ctx.resource is None or encode_protobuf.speaks(ctx.resource.kind)


def error_response(ctx: RequestContext, error: ApiError) -> Response:
    """The `Status` of an error. A client that accepts nothing we can write gets JSON."""
    request, form = ctx.request, PLAIN
    try:
        form = form_of(ctx)
    except NotAcceptable:
        form = PLAIN
    headers: Headers = [NO_STORE, ("Content-Type", form.content_type)]
    headers += warnings(ctx.warnings)
    if error.retry_after is not None:
        headers.append(("Retry-After", str(error.retry_after)))
    if error.code == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="kubernetes-master"'))
    return Response(
        error.code, headers, write(error.status(), form, request is not None and is_pretty(request))
    )


def warnings(messages: Sequence[str]) -> Headers:
    """`Warning` headers. Where there is too much to tell each is cut short, and what still does not fit is left out, as
    upstream does: clients read no more than so many headers."""
    if sum(map(len, messages)) <= MOST_WARNED:
        return [("Warning", warning(message)) for message in messages]
    found: Headers = []
    written = 0
    for message in messages:
        if written >= MOST_WARNED:
            break
        found.append(("Warning", warning(message[:LONGEST_WARNING])))
        written += min(len(message), LONGEST_WARNING)
    return found


def warning(message: str) -> str:
    """The value of a `Warning` header: UTF-8, of which headers are told byte by byte."""
    text = _CONTROL.sub(" ", message).replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{text}"'.encode(errors="replace").decode("latin-1")


def is_pretty(request: Request) -> bool:
    """Asked for by `?pretty=true`, and given to browsers, curl and wget unasked, as upstream does."""
    asked = request.query.get("pretty")
    if asked:
        return asked in ("1", "t", "T", "TRUE", "true", "True")
    agent = request.headers.get("user-agent", "")
    return agent.startswith(("curl", "Wget", "Mozilla/5.0"))


def write(tree: Obj, form: Form, pretty: bool) -> bytes:
    """A tree as bytes."""
    if form.protobuf:
        from . import encode_protobuf

        return encode_protobuf.tree_body(tree)
    if form.yaml:
        from . import encode_yaml  # read only where somebody wants it

        return encode_yaml.write(tree)
    if pretty:
        first = {key: tree[key] for key in ("kind", "apiVersion", "metadata") if key in tree}
        return orjson.dumps({**first, **tree}, option=orjson.OPT_INDENT_2)
    return orjson.dumps(tree, option=orjson.OPT_APPEND_NEWLINE)


def _protobuf(
    request: Request, reply: VersionReply | TreeReply | ListReply, form: Form, headers: Headers
) -> Response:
    from . import encode_protobuf

    if not isinstance(reply, ListReply):
        return _sized(request, reply.code, headers, encode_protobuf.body(reply, form))
    if len(reply.versions) <= encode_protobuf.CHUNK:
        return _sized(request, 200, headers, b"".join(encode_protobuf.list_parts(reply, form)))
    chunks: AsyncIterator[Any] = encode_protobuf.list_chunks(reply, form)
    if _wants_gzip(request):
        headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        chunks = _gzipped(chunks)
    return Response(200, headers, chunks)


def _shaped(ctx: RequestContext, reply: VersionReply | TreeReply, form: Form) -> Obj:
    tree = reply.tree()
    kind = reply.kind
    if kind is None or tree.get("kind") == "Status":
        return tree
    if form.shape == "Table":
        include = tables.include_of(ctx.query.get("includeObject", ""))
        now = ctx.services.env.now()
        metadata = tables.table_metadata(tree)
        return tables.table(kind, [tree], metadata, now, include=include, version=form.version)
    return tables.partial(tree, form.version)


def _list(ctx: RequestContext, reply: ListReply, form: Form, headers: Headers, pretty: bool) -> Response:
    assert ctx.request is not None
    if form.yaml or pretty:
        tree = _list_tree(ctx, reply, form)
        return _sized(ctx.request, 200, headers, write(tree, form, pretty))
    parts = _list_parts(ctx, reply, form)
    if len(reply.versions) <= STREAM_FROM:
        return _sized(ctx.request, 200, headers, b"".join(parts))
    chunks = _in_turns(parts)
    if _wants_gzip(ctx.request):
        headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        chunks = _gzipped(chunks)
    return Response(200, headers, chunks)


def _list_tree(ctx: RequestContext, reply: ListReply, form: Form) -> Obj:
    tree = reply.tree()
    if form.shape == "Table":
        include = tables.include_of(ctx.query.get("includeObject", ""))
        now = ctx.services.env.now()
        if reply.kind.table_order is not None:
            tree = {**tree, "items": sorted(tree["items"], key=reply.kind.table_order)}
        return tables.table(
            reply.kind, tree["items"], reply.metadata, now, include=include, version=form.version
        )
    if form.shape:
        return tables.partial_list(tree["items"], reply.metadata, form.version)
    if reply.kind.own_schema is None:
        return {**tree, "items": [_untyped(item) for item in tree["items"]]}
    return tree


def _untyped(item: Obj) -> Obj:
    """An item of a list of a built-in kind does not say its type, as upstream's do not."""
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


def _list_parts(ctx: RequestContext, reply: ListReply, form: Form) -> Iterator[bytes]:
    """The JSON of a list, piece by piece: its head, then `CHUNK` items at a time."""
    kind, versions = reply.kind, reply.versions
    encode = _item_encoder(ctx, kind, form)
    if form.shape == "Table":
        if (order := kind.table_order) is not None:
            versions = sorted(versions, key=lambda version: order(version.tree()))
        head = tables.table(kind, (), reply.metadata, 0.0, version=form.version)
        del head["rows"]
        field = b"rows"
    elif form.shape:
        head = tables.partial_list((), reply.metadata, form.version)
        del head["items"]
        field = b"items"
    else:
        head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": reply.metadata}
        field = b"items"
    yield orjson.dumps(head)[:-1] + b',"' + field + b'":['
    for start in range(0, len(versions), CHUNK):
        yield (b"," if start else b"") + encode(versions[start : start + CHUNK])
    yield b"]}\n"


def _item_encoder(ctx: RequestContext, kind: Kind, form: Form) -> Any:
    """(versions) -> their JSON, joined by commas."""
    if not form.shape and not kind.storage_version:
        return join_items if kind.own_schema is None else join_typed_items
    now = ctx.services.env.now()
    include = tables.include_of(ctx.query.get("includeObject", "")) if form.shape == "Table" else ""

    def show(version: Version) -> Obj:
        tree = version.decoded()
        tree = kind.from_stored(tree) if kind.storage_version else tree
        if form.shape == "Table":
            return tables.row(kind, tree, now, include, form.version)
        if form.shape:
            return tables.partial(tree, form.version)
        return _untyped(tree) if kind.own_schema is None else tree

    def encode(versions: Sequence[Version]) -> bytes:
        return b",".join([orjson.dumps(show(version)) for version in versions])

    return encode


async def _in_turns(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)


async def _gzipped(parts: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    async for piece in parts:
        part = b"".join(piece) if isinstance(piece, list) else piece
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()


def _wants_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _sized(request: Request, code: int, headers: Headers, body: bytes) -> Response:
    """A whole body, packed where it is long and the client can unpack it."""
    if len(body) > GZIP_FROM and _wants_gzip(request):
        packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
        body = packer.compress(body) + packer.flush()
        headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    return Response(code, headers, body)
