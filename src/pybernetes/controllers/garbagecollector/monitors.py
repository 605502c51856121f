"""Which kinds the garbage collector follows: those that discovery tells of, looked up anew as they change.

What is followed is discovered again when a CustomResourceDefinition or an APIService has changed, a moment later once
more (another API server may learn of it a little later), and every 30 seconds as upstream does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from pybernetes.aio import upkeep
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import APISERVICE, CUSTOMRESOURCEDEFINITION
from pybernetes.api.meta import Obj, is_deleting
from pybernetes.client.discovery import Discovered, GroupResource
from pybernetes.client.informer import Change
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches

from .plan import KindsByApi

log = logging.getLogger("controller")

RESYNC_SECONDS = 30.0
SETTLE_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""Until the next look after one that was not answered."""
GAP_SECONDS = 0.1
"""Between two looks: many definitions that come at once are discovered together."""
SYNC_SECONDS = 30.0
"""How long the first lists are waited for: one server that is away must not stop all collection."""
IGNORED = (("", "events"), ("events.k8s.io", "events"))
"""They own nothing and expire."""
NEEDED = {"delete", "list", "watch"}

Monitored = Mapping[GroupResource, Kind]


def monitored(found: Discovered, before: Monitored, shared: Monitored) -> dict[GroupResource, Kind]:
    """The kinds to follow. Those of a group that cannot be asked now stay as they were; one that others of this process
    follow as well (`shared`) is followed with them, in their version. Pure."""
    wanted = {
        resource: shared.get(resource, kind)
        for resource, kind in found.preferred().items()
        if resource not in IGNORED and {*kind.verbs} >= NEEDED
    }
    kept = {each: kind for each, kind in before.items() if kind.api_version in found.stale}
    return {**kept, **wanted}


def by_api(found: Discovered, before: KindsByApi) -> KindsByApi:
    """The kinds that owners may be of, by apiVersion and kind; of a group that cannot be asked now, those of before.
    Pure."""
    kept = {each: kind for each, kind in before.items() if kind.api_version in found.stale}
    got = {(kind.api_version, kind.kind): kind for kind in found.kinds if "get" in kind.verbs}
    return {**kept, **got}


class Monitors:
    """`followed` is told of each kind that is to be followed, `dropped` of each that is not any more (and whether all
    its objects are known to be gone), `named` when there are kinds of other names than before."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        shared: tuple[Kind, ...],
        followed: Callable[[Kind], None],
        dropped: Callable[[Kind, bool], None],
        named: Callable[[], None],
    ) -> None:
        self.by_api: KindsByApi = {}
        self._kinds: dict[GroupResource, Kind] = {}
        self._client = client
        self._caches = caches
        self._shared = {(kind.group, kind.plural): kind for kind in shared}
        self._followed = followed
        self._dropped = dropped
        self._named = named
        self._due = asyncio.Event()
        self._has_changed = False
        self._ready = asyncio.Event()
        self._told: tuple[str, ...] = ()
        caches.follow(CUSTOMRESOURCEDEFINITION).on_event(self._defined)
        caches.follow(APISERVICE).on_event(self._changed)

    async def ready(self) -> None:
        """Waits until the kinds are known and their caches are filled, for at most `SYNC_SECONDS` for the latter."""
        await self._ready.wait()
        try:
            async with asyncio.timeout(SYNC_SECONDS):
                for kind in [*self._kinds.values()]:
                    await self._caches.follow(kind).synced()
        except TimeoutError:
            log.info("garbage collector: not all resource monitors could be synced, proceeding anyways")

    async def run(self) -> None:
        """Keeps up with discovery until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._due.clear()
            changed, self._has_changed = self._has_changed, False
            is_known = await self._look()
            if changed:
                await asyncio.sleep(GAP_SECONDS)
            if not is_known:
                timer = loop.call_later(RETRY_SECONDS, self._due.set)
            elif changed:
                timer = loop.call_later(SETTLE_SECONDS, self._due.set)
            else:
                timer = upkeep.call_later(loop, RESYNC_SECONDS, upkeep.ROUND, self._due.set)
            try:
                await self._due.wait()
            finally:
                timer.cancel()

    async def _look(self) -> bool:
        """Whether discovery has answered."""
        try:
            found = await self._client.discover()
        except (ApiError, OSError) as error:
            log.info("garbage collector: failed to discover preferred resources: %s", error)
            return False
        if found.stale != self._told:
            self._told = found.stale
            log.info("garbage collector: failed to discover some groups: %s", found.failure() or "none")
        self._take(found)
        self._ready.set()
        return True

    def _take(self, found: Discovered) -> None:
        before, self._kinds = self._kinds, monitored(found, self._kinds, self._shared)
        if not self._kinds:
            self._kinds = before
            log.info("garbage collector: no resources reported by discovery, skipping garbage collector sync")
            return
        for resource, kind in before.items():
            if self._kinds.get(resource) is not kind:
                self._drop(kind, gone=False)
        named = by_api(found, self.by_api)
        is_new = named != self.by_api
        self.by_api = named
        for resource, kind in self._kinds.items():
            if before.get(resource) is not kind:
                self._followed(kind)
        if is_new:
            self._named()

    def _drop(self, kind: Kind, *, gone: bool) -> None:
        if (kind.group, kind.plural) not in self._shared:
            self._caches.forget(kind)
        self._dropped(kind, gone)

    def _defined(self, change: Change, old: Obj | None, new: Obj | None) -> None:
        if new is None and old is not None and is_deleting(old):  # a definition goes after all its objects
            spec = old["spec"]
            kind = self._kinds.pop((spec["group"], spec["names"]["plural"]), None)
            if kind is not None:
                self._drop(kind, gone=True)
        self._changed(change, old, new)

    def _changed(self, _change: Change, _old: Obj | None, _new: Obj | None) -> None:
        self._has_changed = True
        self._due.set()
