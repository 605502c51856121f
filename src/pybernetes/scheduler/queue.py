"""The pods that wait for a node: ready to be tried, backing off, unschedulable until something changes, or gated.

Pure bookkeeping; the shell passes the loop's time in. The order is the QueueSort plugin's. A pod that no node could take
waits until a change of which one of the plugins that refused it says that it may help (or five minutes); if it is then
still backing off, it is tried at once where nothing else is ready, since trying it costs nobody anything. A pod whose
binding failed waits its whole back-off. What changes while a pod is being decided on is remembered until it is given
back.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pybernetes.api.meta import Obj, uid_of

from .framework import Change, Trigger
from .podfacts import PodFacts
from .profile import Profile

BACKOFF_FIRST, BACKOFF_MOST = 1.0, 10.0  # seconds
UNSCHEDULABLE_MOST = 300.0  # seconds

State = Literal["active", "backoff", "error", "unschedulable", "gated", "deciding"]


@dataclass(slots=True)
class QueuedPod:
    """One waiting pod. `until`: when its back-off ends; `since`: when it became unschedulable (the loop's time)."""

    pod: Obj
    facts: PodFacts
    order: int
    profile: Profile
    arrived: float = 0.0
    tried: float = 0.0
    state: State = "active"
    attempts: int = 0
    until: float = 0.0
    since: float = 0.0
    rejected_by: frozenset[str] = field(default_factory=frozenset)
    held_back: str = ""
    """What the PreEnqueue plugin said that keeps it from being tried."""
    missed: list[Change] = field(default_factory=list)
    """What changed while it was being decided on."""

    @property
    def uid(self) -> str:
        return uid_of(self.pod)


class SchedulingQueue:
    def __init__(
        self,
        unblocked_by: Mapping[str, tuple[Trigger, ...]],
        backoff: tuple[float, float] = (BACKOFF_FIRST, BACKOFF_MOST),
    ) -> None:
        """`unblocked_by`: each plugin's triggers by its name; `backoff`: the first and the longest wait, in seconds."""
        self.unblocked_by = unblocked_by
        self.backoff = backoff
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[tuple[tuple[Any, ...], int, str]] = []
        self._deciding: dict[str, QueuedPod] = {}
        self._backoff: list[tuple[float, str]] = []
        self._unschedulable: dict[str, QueuedPod] = {}
        self._order = itertools.count()

    def __len__(self) -> int:
        """The pods that wait, in any state."""
        return len(self._pods)

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    def put(self, pod: Obj, facts: PodFacts, profile: Profile, now: float = 0.0) -> None:
        """Adds a pod, or takes over a new version. What changes a pod's facts may make it schedulable: it is tried."""
        known = self._pods.get(uid_of(pod))
        if known is None:
            known = self._pods[uid_of(pod)] = QueuedPod(pod, facts, next(self._order), profile, now)
            self._settle(known)
            return
        known.profile = profile
        changed = known.facts is not facts
        known.pod, known.facts = pod, facts
        if changed and known.state in ("unschedulable", "gated"):
            self._settle(known)

    def remove(self, uid: str) -> None:
        """Forgets a pod that is gone or has a node; one that is not known is no matter."""
        self._pods.pop(uid, None)
        self._unschedulable.pop(uid, None)
        self._deciding.pop(uid, None)

    def activate(self, uid: str) -> None:
        """Tries a waiting pod again now, whatever it waits for (a gate excepted)."""
        queued = self._pods.get(uid)
        if queued is not None and queued.state in ("unschedulable", "backoff", "error"):
            self._settle(queued)

    def settle_held_back(self) -> None:
        """Asks the PreEnqueue plugins again about every pod that one of them holds back."""
        for queued in [each for each in self._pods.values() if each.state == "gated"]:
            self._settle(queued)

    def counts(self) -> dict[str, int]:
        """How many pods wait in each part."""
        found = {"active": 0, "backoff": 0, "unschedulable": 0, "gated": 0}
        for queued in self._pods.values():
            part = {"error": "backoff", "deciding": "active"}.get(queued.state, queued.state)
            found[part] += 1
        return found

    def waiting(self) -> list[QueuedPod]:
        """Every pod that waits, in any state."""
        return [*self._pods.values()]

    def pop(self, most: int, now: float) -> list[QueuedPod]:
        """Up to `most` pods to be tried now, in order; they stay known until removed or given back."""
        self._end_waits(now)
        if not any(self._is(uid, "active") for *_, uid in self._active):
            self._active.clear()
            for _, uid in self._backoff:
                if self._is(uid, "backoff"):
                    self._activate(self._pods[uid])
        popped: list[QueuedPod] = []
        while self._active and len(popped) < most:
            uid = heapq.heappop(self._active)[-1]
            if self._is(uid, "active"):
                queued = self._pods[uid]
                queued.state = "deciding"
                queued.attempts += 1
                queued.tried = now
                queued.missed.clear()
                self._deciding[uid] = queued
                popped.append(queued)
        return popped

    def unschedulable(self, queued: QueuedPod, rejected_by: frozenset[str], now: float) -> None:
        """Gives back a pod that no node can take now."""
        if self._pods.get(queued.uid) is queued:
            self._deciding.pop(queued.uid, None)
            queued.state, queued.since, queued.rejected_by = "unschedulable", now, rejected_by
            queued.until = now + self._backoff_of(queued)
            self._unschedulable[queued.uid] = queued
            if any(self._may_help(change, queued) for change in queued.missed):
                self._free(queued, now)

    def failed(self, queued: QueuedPod, now: float) -> None:
        """Gives back a pod whose node was found but could not be written."""
        if self._pods.get(queued.uid) is queued:
            self._deciding.pop(queued.uid, None)
            queued.state, queued.until = "error", now + self._backoff_of(queued)
            heapq.heappush(self._backoff, (queued.until, queued.uid))

    def changed(self, change: Change, now: float) -> bool:
        """Lets go the unschedulable pods that this change may help; whether there was one."""
        for deciding in self._deciding.values():
            deciding.missed.append(change)
        freed = [queued for queued in self._unschedulable.values() if self._may_help(change, queued)]
        for queued in freed:
            self._free(queued, now)
        return bool(freed)

    def next_deadline(self) -> float | None:
        """When something is to be tried at the latest if nothing changes; None: never."""
        times = [until for until, uid in self._backoff if self._is(uid, "error", "backoff")]
        times += [queued.since + UNSCHEDULABLE_MOST for queued in self._unschedulable.values()]
        return min(times, default=None)

    @property
    def ready(self) -> bool:
        """Whether `pop` would give something whatever the time."""
        return any(self._is(uid, "active") for *_, uid in self._active) or any(
            self._is(uid, "backoff") for _, uid in self._backoff
        )

    def _is(self, uid: str, *states: State) -> bool:
        queued = self._pods.get(uid)
        return queued is not None and queued.state in states

    def _settle(self, queued: QueuedPod) -> None:
        self._unschedulable.pop(queued.uid, None)
        queued.held_back = ""
        for plugin in queued.profile.pre_enqueue:
            assert plugin.pre_enqueue is not None
            if why := plugin.pre_enqueue(queued.facts):
                queued.state, queued.held_back = "gated", why
                queued.rejected_by = frozenset((plugin.name,))
                return
        self._activate(queued)

    def _activate(self, queued: QueuedPod) -> None:
        queued.state = "active"
        sort = queued.profile.queue_sort.queue_sort
        assert sort is not None
        heapq.heappush(self._active, (sort(queued.facts, queued.order), queued.order, queued.uid))

    def _free(self, queued: QueuedPod, now: float) -> None:
        del self._unschedulable[queued.uid]
        if queued.until <= now:
            self._activate(queued)
        else:
            queued.state = "backoff"
            heapq.heappush(self._backoff, (queued.until, queued.uid))

    def _may_help(self, change: Change, queued: QueuedPod) -> bool:
        """A pod that no plugin refused (there was no node at all) is helped by anything."""
        return not queued.rejected_by or any(
            trigger.fires(change, queued.facts)
            for plugin in queued.rejected_by
            for trigger in self.unblocked_by.get(plugin, ())
        )

    def _end_waits(self, now: float) -> None:
        while self._backoff and self._backoff[0][0] <= now:
            _, uid = heapq.heappop(self._backoff)
            queued = self._pods.get(uid)
            if queued is not None and queued.state in ("backoff", "error") and queued.until <= now:
                self._activate(queued)
        for queued in [q for q in self._unschedulable.values() if q.since + UNSCHEDULABLE_MOST <= now]:
            self._free(queued, now)

    def _backoff_of(self, queued: QueuedPod) -> float:
        first, most = self.backoff
        return float(min(first * 2 ** min(queued.attempts - 1, 10), most))
