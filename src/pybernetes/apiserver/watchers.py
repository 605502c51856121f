"""Who watches one kind, and what each of them gets to see of a change.

A change is offered only to the watchers that could want it: they are grouped by the namespace, the name and the
indexed field (`spec.nodeName`) that they ask for, so a thousand kubelets cost a pod's change one look-up.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator

from pybernetes.api.errors import ApiError

from .selection import Selection
from .window import Change, Delivery

PENDING_LIMIT = 10_000
"""Events that may wait for one slow watcher before it is dropped (it then starts again from its last revision)."""

WAVE = 64
"""Watchers that are woken before the loop turns to other work. A change for a thousand watchers takes many turns."""
GATHERING = 0.02
"""Seconds between two rounds of more than WAVE watchers at least: what is written meanwhile goes out together. A send
costs the same whether it carries one event or five."""

Group = tuple[str, str, str]
"""(namespace, name, indexed field's value), "" for any."""


class Watcher:
    """One open watch: filled by dispatch, drained by the one task that serves it."""

    __slots__ = (
        "_waiter",
        "bookmark",
        "closed",
        "delivered",
        "error",
        "group",
        "next_to_wake",
        "pending",
        "selection",
        "sink",
        "takes_trees",
        "unfiltered",
    )

    def __init__(self, selection: Selection, group: Group, takes_trees: bool) -> None:
        self.selection = selection
        self.unfiltered = selection.unfiltered
        self.group = group
        self.takes_trees = takes_trees
        self.pending: list[Delivery] = []
        self.bookmark = False
        """Whether to report the revision reached, once `pending` is sent."""
        self.next_to_wake = False
        """Whether it has something pending and waits for its turn to be woken."""
        self.closed = False
        self.error: ApiError | None = None
        self.sink: Callable[[list[Delivery]], bool] | None = None
        """Sends events to the client at once; False where they have to wait for it."""
        self.delivered = 0
        """How many events were taken."""
        self._waiter: asyncio.Future[None] | None = None

    def see(self, change: Change) -> Delivery | None:
        """What this watcher is told of a change: entering its selection is ADDED, leaving it DELETED."""
        selection, old, new = self.selection, change.old, change.new
        if self.unfiltered and selection.namespace in ("", change.namespace):
            return change.whole()
        was = old is not None and selection.matches(old)
        if new is not None and selection.matches(new):
            return change.as_type("MODIFIED" if was else "ADDED")
        return change.as_type("DELETED") if was else None

    def offer(self, change: Change) -> bool:
        """Queues a change if it is for this watcher; False where the watcher is too slow to live."""
        delivery = self.see(change)
        if delivery is None:
            return True
        pending = self.pending
        if len(pending) >= PENDING_LIMIT:
            return False
        pending.append(delivery)
        return True

    def is_asleep(self) -> bool:
        """Whether its task sleeps until somebody calls `wake`."""
        return self._waiter is not None

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def serve(self) -> None:
        """Sends what is pending, if it sleeps and its client is ready: its task sleeps on. Else wakes it."""
        pending = self.pending
        if self.sink is not None and pending and self._waiter is not None and self.sink(pending):
            self.delivered += len(pending)
            self.pending = []
        else:
            self.wake()

    def close(self, error: ApiError | None = None) -> None:
        """Ends the watch after what is pending; with an error, that is the last thing the client sees."""
        self.closed, self.error = True, error
        self.wake()

    async def drain(self) -> list[Delivery]:
        """The events that have come since the last call; waits for one, for a bookmark or for the end."""
        if not self.pending and not self.closed and not self.bookmark:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        taken, self.pending = self.pending, []
        self.delivered += len(taken)
        return taken


class Watchers:
    """The open watches of one kind."""

    def __init__(self, indexed_field: str) -> None:
        self._indexed_field = indexed_field
        self._groups: dict[Group, dict[Watcher, None]] = {}
        self._count = 0
        self._tree_takers = 0
        self._round: deque[Watcher] = deque()
        """Those who are woken now, wave by wave."""
        self._waiting: list[Watcher] = []
        """Those who will be woken in the next round."""
        self._round_began = -math.inf
        self._round_is_due = False
        """Whether a timer will begin the next round."""
        self._delivered = 0
        self._retired = False

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Watcher]:
        for group in list(self._groups.values()):
            yield from list(group)

    @property
    def delivered(self) -> int:
        """How many events all watches, open or ended, have taken."""
        return self._delivered + sum(watcher.delivered for watcher in self)

    @property
    def take_trees(self) -> bool:
        """Whether anyone in this process reads decoded objects of this kind."""
        return self._tree_takers > 0

    def open(self, selection: Selection, takes_trees: bool) -> Watcher:
        group = (selection.namespace, selection.name, selection.field_value(self._indexed_field))
        watcher = Watcher(selection, group, takes_trees)
        self._groups.setdefault(group, {})[watcher] = None
        self._count += 1
        self._tree_takers += takes_trees
        if self._retired:
            watcher.close()
        return watcher

    def end(self, error: ApiError | None = None) -> None:
        """Closes every open watch."""
        for watcher in self:
            watcher.close(error)

    def retire(self) -> None:
        """Closes every open watch and, as it is opened, every one that comes: nobody feeds this cache any more."""
        self._retired = True
        self.end()

    def remove(self, watcher: Watcher) -> None:
        members = self._groups.get(watcher.group)
        if members is None or watcher not in members:
            return
        del members[watcher]
        if not members:
            del self._groups[watcher.group]
        self._count -= 1
        self._delivered += watcher.delivered
        self._tree_takers -= watcher.takes_trees

    def dispatch(self, change: Change) -> None:
        """Offers a change to everyone it could concern."""
        concerned = self._concerned(change)
        slow: list[Watcher] = []
        for members in concerned:
            for watcher in members:
                if watcher.unfiltered and len(watcher.pending) < PENDING_LIMIT:
                    watcher.pending.append(change.whole())  # its namespace is that of its group
                elif not watcher.offer(change):
                    slow.append(watcher)
        for watcher in slow:
            self.remove(watcher)
            watcher.pending.clear()
            watcher.close()
        self._wake_in_rounds(concerned)

    def _wake_in_rounds(self, concerned: list[dict[Watcher, None]]) -> None:
        """Wakes those who sleep and have something pending: in this round, or the next where one is under way."""
        waiting = self._waiting
        for members in concerned:
            for watcher in members:
                if watcher.pending and not watcher.next_to_wake and watcher.is_asleep():
                    if watcher.takes_trees:  # a component of this process: nothing is sent
                        watcher.wake()
                        continue
                    watcher.next_to_wake = True
                    waiting.append(watcher)
        if waiting and not self._round and not self._round_is_due:
            self._begin_round()

    def _begin_round(self) -> None:
        """Begins the next round now or, where many are waiting, a while after the last."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = self._round_began + GATHERING
        self._round_is_due = now < due and len(self._waiting) > WAVE
        if self._round_is_due:
            loop.call_at(due, self._begin_round)
            return
        self._round_began = now
        self._round.extend(self._waiting)
        self._waiting.clear()
        self._wake_some()

    def _wake_some(self) -> None:
        """Wakes the next wave of the round, and sees to it that the rest has its turn."""
        round_ = self._round
        for _ in range(min(WAVE, len(round_))):
            watcher = round_.popleft()
            watcher.next_to_wake = False
            watcher.serve()
        if round_:
            asyncio.get_running_loop().call_soon(self._wake_some)
        elif self._waiting:
            self._begin_round()

    def _concerned(self, change: Change) -> list[dict[Watcher, None]]:
        groups = self._groups
        if not groups:
            return []
        version = change.new or change.old
        assert version is not None
        field = self._indexed_field
        values = {""}
        if field:
            values |= {v.field(field) for v in (change.old, change.new) if v is not None}
        keys = (
            (namespace, name, value)
            for namespace in {"", version.namespace}
            for name in ("", version.name)
            for value in values
        )
        return [members for key in keys if (members := groups.get(key)) is not None]
