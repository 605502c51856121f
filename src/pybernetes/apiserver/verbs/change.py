"""Changing one stored object, whoever computes the change: update, patch, and the subresources built on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import NAMESPACE, SERVICE
from pybernetes.api.meta import MutableObj, Obj, is_deleting
from pybernetes.store.types import Delete, Put

from ..allocators.services import NOTHING_RESERVED
from ..context import RequestContext
from ..replies import Reply, TreeReply, VersionReply
from ..storage import REMOVE, Beside, Removal, Update, not_found
from ..version import Version
from .objects import current_tree, to_store

Build = Callable[[Obj], MutableObj]
"""What the client wants instead of the object that is there: a fresh tree each time it is called."""
Complete = Callable[[RequestContext, Kind, MutableObj, Obj], bool]


async def change_object(ctx: RequestContext, build: Build, complete: Complete) -> Reply:
    """Builds, completes and stores; again from the start where somebody else was faster.

    A deleted object whose last finalizer goes away with this change is removed.
    """
    assert ctx.resource is not None
    kind, info, services = ctx.kind, ctx.info, ctx.services
    cache = ctx.resource.stored()
    reservation = NOTHING_RESERVED

    def begin(new: MutableObj, old: Obj | None) -> None:
        nonlocal reservation
        reservation = services.allocator.reserve(kind, new, old)

    ctx.begin = begin if kind is SERVICE else None

    def update(current: Version) -> MutableObj | Removal | None:
        reservation.release()  # that of an attempt that lost
        old = current_tree(kind, current)
        new = build(old)
        if not complete(ctx, kind, new, old) and not is_stale(kind, current):
            return None
        if is_deleting(new) and not has_finalizers(kind, new) and _may_go(kind, new):
            reservation.release()
            return REMOVE
        return to_store(kind, new)

    try:
        if ctx.dry_run:
            reply = await _dry_run(ctx, update)
            reservation.release()
            return reply
        lease = await services.event_leases.current() if kind.plural == "events" else 0
        outcome = await services.storage.update(
            cache, kind, ctx.namespace, info.name, update, lease=lease, beside=beside(ctx, kind)
        )
    except BaseException:
        reservation.release()
        raise
    if outcome.changed:
        ctx.revision = outcome.revision or outcome.version.revision
    return VersionReply(kind, outcome.version, 200, outcome.revision)


def is_stale(kind: Kind, current: Version) -> bool:
    """Whether the object lies in the store in another version than it would be written in today: a write that changes
    nothing then brings it there (storage migration)."""
    if current.stale:
        return True
    return kind.conversion is not None and current.tree().get("apiVersion") != kind.storage_version


def beside(ctx: RequestContext, kind: Kind) -> Beside | None:
    """What is written together with a change of the kind: the IPAddresses of a Service."""
    if kind is not SERVICE:
        return None
    book = ctx.services.addresses

    def together(current: Version, answer: MutableObj | Removal) -> Sequence[Put | Delete]:
        return book.beside(kind, current.tree(), None if isinstance(answer, Removal) else answer)

    return together


async def _dry_run(ctx: RequestContext, update: Update) -> Reply:
    """What would be stored, from the object as it is now."""
    assert ctx.resource is not None
    await ctx.services.cacher.fresh()
    current = ctx.resource.stored().get(ctx.namespace, ctx.info.name)
    if current is None:
        raise not_found(ctx.kind, ctx.info.name)
    answer = update(current)
    if isinstance(answer, dict):
        return TreeReply(ctx.kind.from_stored(answer) if ctx.kind.storage_version else answer, 200, ctx.kind)
    return VersionReply(ctx.kind, current)


def has_finalizers(kind: Kind, tree: Obj) -> bool:
    """Whether something still wants to act before the object may go."""
    if tree["metadata"].get("finalizers"):
        return True
    return kind is NAMESPACE and bool((tree.get("spec") or {}).get("finalizers"))


def _may_go(kind: Kind, tree: Obj) -> bool:
    """A pod that is still given time stays until the kubelet deletes it with no grace."""
    return not (kind.graceful and tree["metadata"].get("deletionGracePeriodSeconds"))
