"""list: the objects of a kind that are selected, in pages if asked for, each list consistent at one revision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api.errors import BadRequest, Expired, ServiceUnavailable
from pybernetes.store.types import Compacted, FutureRevision, Unavailable, prefix_end

from ..context import RequestContext
from ..kindcache import KindCache
from ..replies import ListReply, Reply
from ..selection import Selection, selection_of
from ..version import Version
from . import continuation
from .revisions import at_least, check_list_options, integer, parse_revision

STORE_PAGE = 500
"""Keys read from the store in one go for a list at an old revision."""


LATEST = -1
"""The revision in the token of a list that goes on with what is there now, its own revision being compacted."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a paged list goes on: the first key of the next page, at the revision of the first page (or LATEST)."""

    revision: int
    start: str

    def token(self, prefix: str) -> str:
        return continuation.write(self.revision, self.start[len(prefix) :])

    @staticmethod
    def parse(token: str, prefix: str) -> Position:
        revision, start = continuation.read(token)
        return Position(revision, prefix + start)


async def list_objects(ctx: RequestContext) -> Reply:
    """Serves from the cache where the cache has the revision that is asked for, else from the store's history."""
    assert ctx.resource is not None
    kind, cache, query = ctx.kind, ctx.resource.stored(), ctx.query
    selection = selection_of(kind, ctx.namespace, ctx.info.name, query)
    if kind.conversion is not None:
        selection, ctx.shown = selection.as_stored(), selection
    limit = _limit(query.get("limit", ""))
    resource_version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    token = query.get("continue", "")
    check_list_options(query)
    if token and resource_version not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")
    if token:
        position = Position.parse(token, cache.prefix)
        if position.revision < 0:
            await at_least(ctx.services.cacher, "")
            rest = [version for version in cache.select(selection) if version.key >= position.start]
            return _page(ctx, cache, selection, rest, ctx.services.cacher.revision, limit)
        return await _page_at(ctx, cache, selection, position.revision, position.start, limit)
    exact = match == "Exact" or (not match and limit > 0 and resource_version not in ("", "0"))
    if exact:
        revision = parse_revision(resource_version)
        return await _page_at(ctx, cache, selection, revision, cache.prefix, limit)
    await at_least(ctx.services.cacher, resource_version)
    return _page(ctx, cache, selection, cache.select(selection), ctx.services.cacher.revision, limit)


def _limit(text: str) -> int:
    return max(integer(text), 0) if text else 0


def _page(
    ctx: RequestContext,
    cache: KindCache,
    selection: Selection,
    versions: Sequence[Version],
    revision: int,
    limit: int,
    more: int = 0,
) -> ListReply:
    """The first `limit` of the versions selected; `more` objects come after them all."""
    if not limit or len(versions) <= limit:
        return ListReply(ctx.kind, versions, revision)
    token = Position(revision, versions[limit - 1].key + "\0").token(cache.prefix)
    remaining = len(versions) - limit + more if selection.unfiltered else None
    return ListReply(ctx.kind, versions[:limit], revision, token, remaining)


async def _page_at(
    ctx: RequestContext, cache: KindCache, selection: Selection, revision: int, start: str, limit: int
) -> ListReply:
    """A page as of `revision`: from the cache where the kind has not changed since, else from the store."""
    cacher = ctx.services.cacher
    await cacher.wait_for(revision)
    if cache.last_change <= revision:
        versions = [version for version in cache.select(selection) if version.key >= start]
    else:
        versions, more = await _history(ctx, cache, selection, revision, start, limit)
        return _page(ctx, cache, selection, versions, revision, limit, more)
    return _page(ctx, cache, selection, versions, revision, limit)


async def _history(
    ctx: RequestContext, cache: KindCache, selection: Selection, revision: int, start: str, limit: int
) -> tuple[list[Version], int]:
    """The selected versions from `start` on at an old revision, at least one more than `limit` where there are so many;
    and how many more keys there are behind those that were read."""
    store = ctx.services.store
    prefix = f"{cache.prefix}{selection.namespace}/" if selection.namespace else cache.prefix
    key, end = max(start, prefix), prefix_end(prefix)
    enough = limit + 1 if limit else math.inf
    size = min(enough, STORE_PAGE) if selection.unfiltered else STORE_PAGE
    found: list[Version] = []
    while True:
        try:
            page = await store.range(key, end, revision=revision, limit=int(size))
        except Compacted as error:
            raise _too_old(start, cache.prefix) from error
        except FutureRevision as error:
            raise BadRequest(str(error)) from error
        except Unavailable as error:
            raise ServiceUnavailable(f"the store cannot be read: {error}", retry_after=1) from error
        versions = (cache.read(kv.key, kv.value, kv.mod_revision) for kv in page.kvs)
        found += [version for version in versions if version is not None and selection.matches(version)]
        if not page.more or len(found) >= enough:
            return found, page.count - len(page.kvs)
        key = page.kvs[-1].key + "\0"


def _too_old(start: str, prefix: str) -> Expired:
    """A list that had begun can go on from `start`, no longer consistent with what it gave so far."""
    if start != prefix:
        return Expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
            "the results. Continuing with the provided token results in an inconsistent list - objects that were "
            "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
            "list.",
            continue_token=Position(LATEST, start).token(prefix),
        )
    return Expired("The resourceVersion for the provided list is too old.")
