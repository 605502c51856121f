"""The pods that wait for a node: ready to be tried, backing off, unschedulable until something changes, or gated.

Pure bookkeeping; the shell passes the loop's time in. The order is the QueueSort plugin's. A pod that no node could take
waits until a change of which one of the plugins that refused it says that it may help (or five minutes); if it is then
still backing off, it is tried at once where nothing else is ready, since trying it costs nobody anything. A pod whose
binding failed waits its whole back-off. What changes while a pod is being decided on is remembered until it is given
back. A plugin that raises here makes its pod wait a back-off, and is told of in `troubles`.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of

from .framework import Change, Trigger
from .missed import Missed
from .podfacts import PodFacts
from .profile import Profile
from .queuedpod import QueuedPod, State

log = logging.getLogger("scheduler")

BACKOFF_FIRST, BACKOFF_MOST = 1.0, 10.0  # seconds
UNSCHEDULABLE_MOST = 300.0  # seconds
PARTS = {"error": "backoff", "deciding": "active"}
"""As which part of the queue metrics show a state that has no name of its own there."""


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
        self._gated: dict[str, dict[str, QueuedPod]] = {}
        self._groups: dict[str, dict[str, QueuedPod]] = {}
        self._order = itertools.count()
        self._events = Missed()
        self.troubles: list[tuple[Obj, str]] = []
        """Pods of which a plugin could not say whether, or when, they are to be tried, with its error; for the shell,
        which empties it."""
        self.incoming: Counter[tuple[str, str]] = Counter()
        """How many pods came into a part of the queue, by (part, what brought them there)."""

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
            if facts.group:
                self._groups.setdefault(known.group, {})[known.uid] = known
            self._settle(known, now, "PodAdd")
            return
        known.profile = profile
        changed = known.facts is not facts
        known.pod, known.facts = pod, facts
        if changed and known.state in ("unschedulable", "gated"):
            self._settle(known, now, "PodUpdate")

    def remove(self, uid: str) -> None:
        """Forgets a pod that is gone or has a node; one that is not known is no matter."""
        queued = self._pods.pop(uid, None)
        self._unschedulable.pop(uid, None)
        self._deciding.pop(uid, None)
        if queued is not None:
            self._ungate(queued)
            if queued.facts.group:
                members = self._groups[queued.group]
                del members[uid]
                if not members:
                    del self._groups[queued.group]

    def activate(self, uid: str, now: float = 0.0) -> None:
        """Tries a waiting pod again now, whatever it waits for (a gate excepted)."""
        queued = self._pods.get(uid)
        if queued is not None and queued.state in ("unschedulable", "backoff", "error", "gated"):
            self._settle(queued, now, "ForceActivate")

    def held_back(self, namespace: str, name: str) -> tuple[str, str] | None:
        """(the PreEnqueue plugin, what it says) where one keeps this pod from being tried."""
        for plugin, held in self._gated.items():
            for queued in held.values():
                if name_of(queued.pod) == name and namespace_of(queued.pod) == namespace:
                    return plugin, queued.held_back
        return None

    def counts(self) -> dict[str, int]:
        """How many pods wait in each part."""
        found = {"active": 0, "backoff": 0, "unschedulable": 0, "gated": 0}
        for queued in self._pods.values():
            found[PARTS.get(queued.state, queued.state)] += 1
        return found

    def entities(self) -> Counter[tuple[str, str]]:
        """How many single pods ("pod") and groups ("podgroup") wait in each part."""
        found: Counter[tuple[str, str]] = Counter()
        seen: set[tuple[str, str]] = set()
        for queued in self._pods.values():
            part = PARTS.get(queued.state, queued.state)
            if not queued.group:
                found[part, "pod"] += 1
            elif (part, queued.group) not in seen:
                seen.add((part, queued.group))
                found[part, "podgroup"] += 1
        return found

    def in_flight(self) -> Counter[str]:
        """What changed while pods were being decided on, by name, and these pods."""
        found = Counter(change.name for change in self._events)
        if self._deciding:
            found["PodPopped"] = len(self._deciding)
        return found

    def refused(self) -> Counter[tuple[str, str]]:
        """How many pods that wait each plugin has refused, by (plugin, profile)."""
        return Counter(
            (plugin, queued.profile.name)
            for queued in self._pods.values()
            if queued.state != "deciding"
            for plugin in queued.rejected_by
        )

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
                    self._activate(self._pods[uid], now, "BackoffComplete")
        popped: list[QueuedPod] = []
        while self._active and len(popped) < most:
            uid = self._next()
            if self._is(uid, "active"):
                queued = self._pods[uid]
                if queued.facts.group:
                    popped += self._pop_group(queued.group, now)
                else:
                    self._take(queued, now)
                    popped.append(queued)
        return popped

    def _pop_group(self, key: str, now: float) -> list[QueuedPod]:
        """All pods of a group but those that are held back or on their way, whatever they wait for: they are tried
        together, and back off together."""
        found = [each for each in self._groups[key].values() if each.state not in ("gated", "deciding")]
        found.sort(key=lambda queued: (-queued.facts.priority, queued.order))
        attempts = max(queued.attempts for queued in found)
        for queued in found:
            queued.attempts = attempts
            self._unschedulable.pop(queued.uid, None)
            self._take(queued, now)
        return found

    def _take(self, queued: QueuedPod, now: float) -> None:
        queued.state = "deciding"
        queued.attempts += 1
        queued.tried = now
        queued.missed_from = self._events.end
        queued.memo = {}
        self._deciding[queued.uid] = queued

    def unschedulable(self, queued: QueuedPod, rejected_by: frozenset[str], now: float) -> None:
        """Gives back a pod that no node can take now."""
        if self._pods.get(queued.uid) is queued:
            self._deciding.pop(queued.uid, None)
            queued.state, queued.since, queued.rejected_by = "unschedulable", now, rejected_by
            queued.until = now + self._backoff_of(queued)
            self._unschedulable[queued.uid] = queued
            self.incoming["unschedulable", "ScheduleAttemptFailure"] += 1
            for change in self._events.since(queued.missed_from):
                if self._may_help(change, queued):
                    self._free(queued, now, change.name)
                    break

    def failed(self, queued: QueuedPod, now: float) -> None:
        """Gives back a pod whose node was found but could not be written."""
        if self._pods.get(queued.uid) is queued:
            self._deciding.pop(queued.uid, None)
            self._back_off(queued, now)

    def _back_off(self, queued: QueuedPod, now: float) -> None:
        queued.state, queued.until = "error", now + self._backoff_of(queued)
        heapq.heappush(self._backoff, (queued.until, queued.uid))
        self.incoming["backoff", "ScheduleAttemptFailure"] += 1

    def changed(self, change: Change, now: float) -> bool:
        """Lets go the unschedulable pods that this change may help; whether there was one."""
        self._events.add(change, self._deciding)
        freed = [queued for queued in self._unschedulable.values() if self._may_help(change, queued)]
        for queued in freed:
            queued.flushed = False
            self._free(queued, now, change.name)
        if self._gated:
            self._ask_gates(change, now)
        return bool(freed)

    def _ask_gates(self, change: Change, now: float) -> None:
        """Asks the PreEnqueue plugins again about the pods that one of them holds back, where it says so."""
        for plugin, held in [*self._gated.items()]:
            if any(trigger.fires(change) for trigger in self.unblocked_by.get(plugin, ())):
                for queued in [each for each in held.values() if self._may_help(change, each)]:
                    self._settle(queued, now, change.name)

    def next_deadline(self) -> float | None:
        """When something is to be tried at the latest if nothing changes; None: never."""
        times = [until for until, uid in self._backoff if self._is(uid, "error", "backoff")]
        times += [
            queued.since + UNSCHEDULABLE_MOST for queued in itertools.islice(self._unschedulable.values(), 1)
        ]
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

    def _settle(self, queued: QueuedPod, now: float, event: str) -> None:
        self._unschedulable.pop(queued.uid, None)
        self._ungate(queued)
        queued.held_back, queued.settled = "", True
        for plugin in queued.profile.pre_enqueue:
            if plugin.pre_enqueue is None:
                continue
            try:
                why = plugin.pre_enqueue(queued.facts, queued.pod)
            except Exception as error:  # noqa: BLE001  (whatever a plugin raises)
                queued.settled = False
                self._trouble(queued, f'running PreEnqueue plugin "{plugin.name}": {error}', now)
                return
            if why:
                queued.state, queued.held_back = "gated", why
                queued.rejected_by = frozenset((plugin.name,))
                self._gated.setdefault(plugin.name, {})[queued.uid] = queued
                self.incoming["gated", event] += 1
                return
        self._activate(queued, now, event)

    def _ungate(self, queued: QueuedPod) -> None:
        if queued.state == "gated":
            for plugin in queued.rejected_by:
                self._gated.get(plugin, {}).pop(queued.uid, None)

    def _trouble(self, queued: QueuedPod, message: str, now: float) -> None:
        """A plugin raised: the pod backs off, and the shell is told."""
        log.warning("pod %s: %s", queued.uid, message)
        queued.attempts += 1
        self._back_off(queued, now)
        self.troubles.append((queued.pod, message))

    def _activate(self, queued: QueuedPod, now: float, event: str) -> None:
        plugin = queued.profile.queue_sort
        assert plugin.queue_sort is not None
        try:
            key = plugin.queue_sort(queued.facts, queued.order)
            heapq.heappush(self._active, (key, queued.order, queued.uid))
        except Exception as error:  # noqa: BLE001  (whatever a plugin raises)
            self._active = [each for each in self._active if each[-1] != queued.uid]
            self._trouble(queued, f'running QueueSort plugin "{plugin.name}": {error}', now)
            return
        queued.state = "active"
        self.incoming["active", event] += 1

    def _next(self) -> str:
        """The uid of the first; where keys cannot be compared after all, arrival is the order."""
        try:
            return heapq.heappop(self._active)[-1]
        except TypeError:
            log.exception("the QueueSort plugin gives keys that cannot be compared: pods go by arrival")
            # Not from the heap: it has lost the entry that it was about to give.
            active = (each for each in self._pods.values() if each.state == "active")
            self._active = sorted(((), each.order, each.uid) for each in active)
            return heapq.heappop(self._active)[-1] if self._active else ""

    def _free(self, queued: QueuedPod, now: float, event: str) -> None:
        del self._unschedulable[queued.uid]
        if queued.until <= now:
            self._activate(queued, now, event)
        else:
            queued.state = "backoff"
            heapq.heappush(self._backoff, (queued.until, queued.uid))
            self.incoming["backoff", event] += 1

    def _may_help(self, change: Change, queued: QueuedPod) -> bool:
        """A pod that no plugin refused (there was no node at all) is helped by anything; a hint that raises, too."""
        if not queued.rejected_by:
            return True
        try:
            return any(
                trigger.fires(change, queued.facts)
                for plugin in queued.rejected_by
                for trigger in self.unblocked_by.get(plugin, ())
            )
        except Exception:
            log.exception("a queueing hint of %s failed", ", ".join(sorted(queued.rejected_by)))
            return True

    def _end_waits(self, now: float) -> None:
        while self._backoff and self._backoff[0][0] <= now:
            _, uid = heapq.heappop(self._backoff)
            queued = self._pods.get(uid)
            if queued is not None and queued.state in ("backoff", "error") and queued.until <= now:
                if queued.settled:
                    self._activate(queued, now, "BackoffComplete")
                else:
                    self._settle(queued, now, "BackoffComplete")
        # Who is unschedulable since longest stands first.
        late = itertools.takewhile(
            lambda q: q.since + UNSCHEDULABLE_MOST <= now, self._unschedulable.values()
        )
        for queued in [*late]:
            queued.flushed = True
            self._free(queued, now, "UnschedulableTimeout")

    def _backoff_of(self, queued: QueuedPod) -> float:
        first, most = self.backoff
        return float(min(first * 2 ** min(queued.attempts - 1, 10), most))
