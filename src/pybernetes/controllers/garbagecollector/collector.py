"""The shell of the garbage collector: follows every kind by metadata, asks the server about owners it does not know."""

from __future__ import annotations

import asyncio
import logging

from pybernetes.aio.workqueue import WorkQueue
from pybernetes.api.errors import ApiError, Conflict, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, uid_of
from pybernetes.client.informer import Change, Handler
from pybernetes.client.interface import Client, Reaction
from pybernetes.control.caches import Caches
from pybernetes.control.perform import Performer

from .graph import Graph, Node, node_of
from .monitors import Monitors
from .plan import Seen, look, missing_owners, owner_kind, plan

log = logging.getLogger("controller")
MOST_GONE = 2000
"""How many objects are remembered as gone: the server need not be asked for them, and cannot be once their kind is gone."""


class GarbageCollector:
    """Runs over all that is served and can be followed, through the manager's shared caches. `shared` are the kinds of
    which these have the objects anyway."""

    def __init__(
        self, client: Client, caches: Caches, performer: Performer, shared: tuple[Kind, ...], workers: int
    ) -> None:
        self.graph = Graph()
        self.queue: WorkQueue[str] = WorkQueue()
        self._client = client
        self._caches = caches
        self._performer = performer
        self._workers = workers
        self._gone: dict[str, None] = {}
        """Uids of objects that were seen to go, the latest last."""
        self._unresolved: dict[tuple[str, str], set[str]] = {}
        """Uids of dependents by the kinds of owners that the server does not have."""
        self.monitors = Monitors(client, caches, shared, self._follow, self._forget, self._named)

    async def run(self) -> None:
        """Works until cancelled, once every cache is filled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.monitors.run(), name="monitors of the garbage collector")
                await self.monitors.ready()
                for _ in range(self._workers):
                    group.create_task(self._work())
        finally:
            self.queue.close()

    def _follow(self, kind: Kind) -> None:
        self._caches.follow(kind).on_event(self._subscriber(kind))

    def _forget(self, kind: Kind, gone: bool) -> None:
        """Forgets the objects of a kind that is not followed any more; `gone`: they are known to have gone before."""
        for uid in [uid for uid, node in self.graph.nodes.items() if node.kind is kind]:
            if gone:
                self._note_gone(uid)
            self._removed(uid)

    def _named(self) -> None:
        """Looks again at what is owned by kinds that are known now: it can be told whether the owner is there."""
        for name in [name for name in self._unresolved if name in self.monitors.by_api]:
            for uid in sorted(self._unresolved.pop(name)):
                self.queue.add(uid)

    def _subscriber(self, kind: Kind) -> Handler:
        def changed(_change: Change, old: Obj | None, new: Obj | None) -> None:
            if new is not None:
                if old is None or not self.graph.renewed(old, new):
                    self._put(node_of(kind, new))
            elif old is not None:
                self._note_gone(uid_of(old))
                self._removed(uid_of(old))

        return changed

    def _note_gone(self, uid: str) -> None:
        self._gone[uid] = None
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _put(self, node: Node) -> None:
        before = self.graph.nodes.get(node.uid)
        if before == node:
            before.version = node.version  # nothing is new that ownership depends on
            return
        self.graph.put(node)
        if node.owners or node.deleting:
            self.queue.add(node.uid)
        if before is None and node.namespace:
            for dependent in self.graph.dependents_of(node.uid):
                if dependent.namespace != node.namespace:
                    self.queue.add(dependent.uid)  # it may not be owned from here: it is told of
        if node.deleting and (before is None or not before.deleting):
            self._concern_dependents(node.uid)
        concerned = {owner.uid for owner in node.owners} if node.deleting else set[str]()
        if before is not None:
            # Who does not own it any more, or not so that it blocks, need not wait for it.
            concerned |= {owner.uid for owner in {*before.owners} - {*node.owners}}
        for uid in sorted(concerned):
            self.queue.add(uid)

    def _removed(self, uid: str) -> None:
        node = self.graph.remove(uid)
        for waiting in self._unresolved.values():
            waiting.discard(uid)
        self._concern_dependents(uid)
        for owner in node.owners if node is not None else ():
            self.queue.add(owner.uid)

    def _concern_dependents(self, uid: str) -> None:
        for dependent in self.graph.dependents_of(uid):
            self.queue.add(dependent.uid)

    async def _work(self) -> None:
        while True:
            uid = await self.queue.get()
            try:
                await self._collect(uid)
            except Conflict:
                self.queue.retry(uid)  # it has changed meanwhile: look again
            except (ApiError, OSError) as error:
                wait = self.queue.retry(uid)
                log.info("garbage collector %s: %s; again in %.2f s", uid, error, wait)
            except Exception:
                self.queue.retry(uid)
                log.exception("garbage collector %s failed", uid)
            else:
                self.queue.forget(uid)
            finally:
                self.queue.done(uid)

    async def _collect(self, uid: str) -> None:
        seen = look(self.graph, uid, self._finalizers(uid), self.monitors.by_api)
        if seen is None:
            return
        decided = plan(seen, await self._absent(seen))
        if decided.steps:
            node = seen.node
            reaction = Reaction(node.kind.kind, node.namespace, node.name, "", decided.why)
            await self._performer.perform(decided, reaction)

    def _finalizers(self, uid: str) -> tuple[str, ...]:
        node = self.graph.nodes.get(uid)
        if node is None or not node.deleting:
            return ()
        key = f"{node.namespace}/{node.name}" if node.namespace else node.name
        obj = self._caches.get(node.kind, key)
        return tuple(obj["metadata"].get("finalizers") or ()) if obj is not None else ()

    async def _absent(self, seen: Seen) -> set[str]:
        """The owners that the server says are not there (or are others of the same name)."""
        absent: set[str] = set()
        for owner, known in seen.owners:
            if known is None and owner.uid in self._gone:
                absent.add(owner.uid)
            elif owner_kind(owner, self.monitors.by_api) is None:
                waiting = self._unresolved.setdefault((owner.api_version, owner.kind), set())
                waiting.add(seen.node.uid)
        for owner in missing_owners(seen):
            if owner.uid in absent:
                continue
            kind = owner_kind(owner, self.monitors.by_api)
            if kind is None:
                continue
            try:
                found = await self._client.get(
                    kind, owner.name, seen.node.namespace if kind.namespaced else ""
                )
            except NotFound:
                absent.add(owner.uid)
            else:
                if uid_of(found) != owner.uid:
                    absent.add(owner.uid)
        return absent
