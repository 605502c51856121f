"""watch: what is there (if asked for), and every change from then on."""

from __future__ import annotations

from pybernetes.api.errors import Expired

from ..context import RequestContext
from ..replies import Reply, WatchReply
from ..selection import Selection, selection_of
from ..watchers import Watcher
from .revisions import at_least, check_watch_options, flag, integer, parse_revision

SHORTEST = 1800.0
"""Seconds a watch lasts at least where the client sets no timeout (at most twice that, as upstream)."""


async def watch(ctx: RequestContext) -> Reply:
    """No resourceVersion, or "0": the current objects come first, as ADDED. N: the changes after N.

    `sendInitialEvents=true` asks for the current objects and a bookmark behind them, whatever the resourceVersion.
    """
    assert ctx.resource is not None
    query, cacher, cache = ctx.query, ctx.services.cacher, ctx.resource.stored()
    selection = selection_of(ctx.kind, ctx.namespace, ctx.info.name, query)
    if ctx.kind.conversion is not None:
        selection, ctx.shown = selection.as_stored(), selection
    resource_version = query.get("resourceVersion", "")
    bookmarks = flag(query.get("allowWatchBookmarks"))
    check_watch_options(query)
    send_initial = flag(query["sendInitialEvents"]) if "sendInitialEvents" in query else None
    seconds = _seconds(ctx)

    def reached() -> int:
        return cacher.revision

    takes_trees = ctx.request is None
    from_now = resource_version in ("", "0")
    if send_initial or (from_now and send_initial is None):
        await at_least(cacher, resource_version)
        # Nothing may be awaited between reading what is there and opening the watch.
        initial = cache.select(selection)
        watcher = cache.watch_from_now(selection, takes_trees)
        end = cacher.revision if send_initial and bookmarks else 0
        return WatchReply(ctx.kind, cache, watcher, seconds, reached, initial, end, bookmarks)
    if from_now:
        await at_least(cacher, resource_version)
        watcher = cache.watch_from_now(selection, takes_trees)
    else:
        revision = parse_revision(resource_version)
        await cacher.wait_for(revision)
        try:
            watcher = cache.watch(selection, revision, takes_trees)
        except Expired as error:
            if takes_trees:
                raise
            watcher = ended(selection, error)
    return WatchReply(ctx.kind, cache, watcher, seconds, reached, bookmarks=bookmarks)


def ended(selection: Selection, error: Expired) -> Watcher:
    """A watch that has only its end: upstream tells of a revision that is gone by an event, with code 200."""
    watcher = Watcher(selection, ("", "", ""), takes_trees=False)
    watcher.close(error)
    return watcher


def _seconds(ctx: RequestContext) -> float:
    text = ctx.query.get("timeoutSeconds", "")
    if text and (seconds := integer(text)) > 0:
        return float(seconds)
    return SHORTEST * (1.0 + ctx.services.env.rng.random())
