"""create: a new object, under its own name or one made from `generateName`."""

from __future__ import annotations

from pybernetes.api.errors import AlreadyExists, InternalError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import SERVICE
from pybernetes.api.meta import MutableObj, Obj

from ..admission.chain import ensure_seen
from ..admission.plugin import Admission
from ..allocators.services import NOTHING_RESERVED, Reservation
from ..context import RequestContext
from ..replies import Reply, TreeReply, VersionReply
from ..storage import BesideTaken, already_exists
from ..writeoptions import check_options
from .body import body_tree, check_namespace, check_object
from .objects import complete_new, private, stamp_new, to_store
from .requester import REQUESTER
from .templates import Key, Made, bare, complete_made, key_of

NAME_ATTEMPTS = 8
"""How many generated names are tried before the clash is the client's to handle."""

ADDRESS_ATTEMPTS = 8


async def create(ctx: RequestContext) -> Reply:
    """201 with the object as stored. Raises AlreadyExists, Invalid, BadRequest and what admission raises."""
    kind = ctx.kind
    check_options(ctx, "CreateOptions")
    body, duplicates = body_tree(ctx)
    key = key_of(ctx, kind, body, duplicates)
    made = ctx.services.templates.find(key)
    tree = check_object(ctx, kind, body if made is None else bare(body), duplicates)
    check_namespace(ctx, kind, tree)
    if made is None:
        await ensure_seen(Admission(ctx, kind, "CREATE", tree, None))
    return await create_object(ctx, kind, tree, key, made)


async def create_object(
    ctx: RequestContext, kind: Kind, tree: MutableObj, key: Key | None = None, made: Made | None = None
) -> Reply:
    """Completes and stores a checked tree. `made` is what is remembered of its template, `key` under what (None: not to
    be remembered)."""
    metadata = tree["metadata"]
    generated = not metadata.get("name") and bool(metadata.get("generateName"))
    attempts = NAME_ATTEMPTS if generated else 1
    original = private(tree) if generated else tree
    for attempt in range(attempts):
        if attempt:
            tree = private(original)
            ctx.admitted.clear()
        stamp_new(ctx, kind, tree)
        if (note := REQUESTER.get((kind.group, kind.plural))) is not None:
            note(ctx, tree)
        if made is not None:
            complete_made(ctx, kind, tree, made)
        elif kind is not SERVICE:
            complete_new(ctx, kind, tree)
            if key is not None:
                ctx.services.templates.keep(key, ctx, tree)
        try:
            if kind is SERVICE:
                return await _create_service(ctx, kind, tree)
            return await _store(ctx, kind, tree, NOTHING_RESERVED)
        except AlreadyExists:
            if attempt + 1 == attempts:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _create_service(ctx: RequestContext, kind: Kind, tree: MutableObj) -> Reply:
    """Completes and stores a Service. Its addresses and ports are reserved before it is judged: what cannot be given is
    told before all else. It gets others where another API server has just given out those it was to have."""
    allocator = ctx.services.allocator
    asked, reservation = tree, NOTHING_RESERVED

    def begin(new: MutableObj, old: Obj | None) -> None:
        nonlocal asked, reservation
        asked, reservation = private(new), allocator.reserve(kind, new, old)

    ctx.begin = begin
    try:
        complete_new(ctx, kind, tree)
    except BaseException:
        reservation.release()
        raise
    for attempt in range(ADDRESS_ATTEMPTS):
        if attempt:
            await ctx.services.cacher.fresh()
            tree = private(asked)
            reservation = allocator.reserve(kind, tree, None)
        try:
            return await _store(ctx, kind, tree, reservation)
        except BesideTaken:
            continue
    raise InternalError("failed to allocate a serviceIP: addresses are given out too fast")


async def _store(ctx: RequestContext, kind: Kind, tree: MutableObj, reservation: Reservation) -> Reply:
    assert ctx.resource is not None
    services, cache = ctx.services, ctx.resource.stored()
    metadata = tree["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    ctx.name = name
    try:
        if ctx.dry_run:
            await services.cacher.fresh()
            if cache.get(namespace, name) is not None:
                raise already_exists(kind, name)
            reservation.release()
            return TreeReply(tree, 201, kind)
        lease = await services.event_leases.current() if kind.plural == "events" else 0
        version = await services.storage.create(
            cache,
            kind,
            namespace,
            name,
            to_store(kind, tree),
            lease=lease,
            beside=services.addresses.beside(kind, None, tree),
        )
    except BaseException:
        reservation.release()
        raise
    ctx.revision = version.revision
    return VersionReply(kind, version, 201)
