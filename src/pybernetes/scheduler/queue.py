"""The pods that wait for a node: ready to be tried, backing off, unschedulable until something changes, or gated.

Pure bookkeeping; the shell passes the loop's time in. Order is upstream's PrioritySort: higher priority first, then the
one that has waited longer. A pod that no node could take waits until a change that one of the plugins that refused it
says may help (or five minutes); if it is then still backing off, it is tried at once where nothing else is ready, since
trying it costs nobody anything. A pod whose binding failed waits its whole back-off.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pybernetes.api.meta import Obj, uid_of

from .framework import Change, Trigger
from .podfacts import PodFacts

BACKOFF_FIRST, BACKOFF_MOST = 1.0, 10.0  # seconds
UNSCHEDULABLE_MOST = 300.0  # seconds

State = Literal["active", "backoff", "error", "unschedulable", "gated", "deciding"]


@dataclass(slots=True)
class QueuedPod:
    """One waiting pod. `until`: when its back-off ends; `since`: when it became unschedulable (the loop's time)."""

    pod: Obj
    facts: PodFacts
    order: int
    state: State = "active"
    attempts: int = 0
    until: float = 0.0
    since: float = 0.0
    rejected_by: frozenset[str] = field(default_factory=frozenset)

    @property
    def uid(self) -> str:
        return uid_of(self.pod)


class SchedulingQueue:
    def __init__(self, unblocked_by: Mapping[str, tuple[Trigger, ...]]) -> None:
        """`unblocked_by`: each plugin's triggers by its name."""
        self._unblocked_by = unblocked_by
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[tuple[int, int, str]] = []
        self._backoff: list[tuple[float, str]] = []
        self._unschedulable: dict[str, QueuedPod] = {}
        self._order = itertools.count()

    def __len__(self) -> int:
        """The pods that wait, in any state."""
        return len(self._pods)

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    def put(self, pod: Obj, facts: PodFacts) -> None:
        """Adds a pod, or takes over a new version. What changes a pod's facts may make it schedulable: it is tried."""
        known = self._pods.get(uid_of(pod))
        if known is None:
            known = self._pods[uid_of(pod)] = QueuedPod(pod, facts, next(self._order))
            self._settle(known)
            return
        changed = known.facts is not facts
        known.pod, known.facts = pod, facts
        if changed and known.state in ("unschedulable", "gated"):
            self._settle(known)

    def remove(self, uid: str) -> None:
        """Forgets a pod that is gone or has a node; one that is not known is no matter."""
        self._pods.pop(uid, None)
        self._unschedulable.pop(uid, None)

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
                popped.append(queued)
        return popped

    def unschedulable(self, queued: QueuedPod, rejected_by: frozenset[str], now: float) -> None:
        """Gives back a pod that no node can take now."""
        if self._pods.get(queued.uid) is queued:
            queued.state, queued.since, queued.rejected_by = "unschedulable", now, rejected_by
            queued.until = now + self._backoff_of(queued)
            self._unschedulable[queued.uid] = queued

    def failed(self, queued: QueuedPod, now: float) -> None:
        """Gives back a pod whose node was found but could not be written."""
        if self._pods.get(queued.uid) is queued:
            queued.state, queued.until = "error", now + self._backoff_of(queued)
            heapq.heappush(self._backoff, (queued.until, queued.uid))

    def changed(self, change: Change, now: float) -> bool:
        """Lets go the unschedulable pods that this change may help; whether there was one."""
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
        if queued.facts.gates:
            queued.state = "gated"
        else:
            self._activate(queued)

    def _activate(self, queued: QueuedPod) -> None:
        queued.state = "active"
        heapq.heappush(self._active, (-queued.facts.priority, queued.order, queued.uid))

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
            trigger.fires(change)
            for plugin in queued.rejected_by
            for trigger in self._unblocked_by.get(plugin, ())
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
        return float(min(BACKOFF_FIRST * 2 ** min(queued.attempts - 1, 10), BACKOFF_MOST))
