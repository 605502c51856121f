"""Reporting what a component did as Events, counted and limited so that a storm of them stays readable.

The rules are client-go's: the same event again raises the count of the first one; from the tenth similar one on (same
object and reason, different text, no ten minutes between two of them) they become one combined event; one source and
object may cause 25 at once and then one in five minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Literal

from pybernetes.aio.ratelimit import TokenBucket
from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.meta import Obj, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.clock import Env
from pybernetes.lang.timestamps import rfc3339

from .interface import Client

log = logging.getLogger("events")

EventType = Literal["Normal", "Warning"]
CACHED = 4096
SIMILAR, SIMILAR_SECONDS = 10, 600.0
SPAM_BURST, SPAM_RATE = 25, 1 / 300
WAITING = 10_000
"""How many events may wait to be written."""
BACKLOG, AT_ONCE = 256, 16
"""Events are the least urgent of writes: one at a time, one more for each so many that wait, and at most so many."""

_Item = tuple[Obj, "EventType", str, str, float]


@dataclass(slots=True)
class _Seen:
    name: str
    count: int
    first: float


@dataclass(slots=True)
class _Group:
    last: float
    messages: set[str] = field(default_factory=set)


class EventRecorder:
    """Records events of one component. `event` returns at once; writing happens in `run`, in order for each object."""

    def __init__(self, client: Client, env: Env, component: str, host: str = "") -> None:
        self._client = client
        self._env = env
        self._component = component
        self._host = host
        self._seen: OrderedDict[tuple[str, ...], _Seen] = OrderedDict()
        self._groups: OrderedDict[tuple[str, ...], _Group] = OrderedDict()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(WAITING)
        self._dropped = 0

    def event(self, about: Obj, event_type: EventType, reason: str, message: str) -> None:
        """Reports that something happened to `about`. When ten thousand wait to be written, more are dropped."""
        try:
            self._queue.put_nowait((reference(about), event_type, reason, message, self._env.now()))
        except asyncio.QueueFull:
            if not self._dropped:
                log.warning("%s: %d events wait to be written; more are dropped", self._component, WAITING)
            self._dropped += 1

    async def run(self) -> None:
        """Writes events until cancelled. One that cannot be written is logged and dropped: events are best effort."""
        while True:
            first = await self._queue.get()
            most = min(AT_ONCE, 1 + self._queue.qsize() // BACKLOG)
            if most == 1:
                await self._each([first])
            else:
                by_object: dict[str, list[_Item]] = {}
                for item in (first, *(self._queue.get_nowait() for _ in range(most - 1))):
                    by_object.setdefault(_identity(item[0]), []).append(item)
                await asyncio.gather(*map(self._each, by_object.values()))
            if self._dropped and self._queue.qsize() < WAITING // 2:
                log.warning("%s: %d events were dropped", self._component, self._dropped)
                self._dropped = 0

    async def _each(self, items: list[_Item]) -> None:
        for item in items:
            try:
                await self._write(*item)
            except (ApiError, OSError) as error:
                log.info("event %s of %s not written: %s", item[2], item[0].get("name"), error)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Waits until everything reported so far is written."""
        await self._queue.join()

    async def _write(self, about: Obj, event_type: EventType, reason: str, message: str, at: float) -> None:
        if not self._allowed(about, at):
            return
        key: tuple[str, ...] = (_identity(about), about.get("fieldPath", ""), event_type, reason)
        if self._is_storm(key, message, at):
            message = f"(combined from similar events): {message}"
        else:
            key = (*key, message)
        seen = self._seen.get(key)
        if seen is not None and await self._count_again(about, seen, message, at):
            self._seen.move_to_end(key)
            return
        event = self._event(about, event_type, reason, message, at)
        created = await self._client.create(kinds.EVENT, event)
        self._seen[key] = _Seen(name_of(created), 1, at)
        while len(self._seen) > CACHED:
            self._seen.popitem(last=False)

    async def _count_again(self, about: Obj, seen: _Seen, message: str, at: float) -> bool:
        """Raises the count of the event that is there; False where it has expired meanwhile."""
        patch = {"count": seen.count + 1, "lastTimestamp": rfc3339(at), "message": message}
        namespace = about.get("namespace") or "default"
        try:
            await self._client.patch(kinds.EVENT, seen.name, namespace, patch)
        except NotFound:
            return False
        seen.count += 1
        return True

    def _allowed(self, about: Obj, at: float) -> bool:
        key = _identity(about)
        bucket = self._buckets.setdefault(key, TokenBucket(SPAM_RATE, SPAM_BURST))
        self._buckets.move_to_end(key)
        while len(self._buckets) > CACHED:
            self._buckets.popitem(last=False)
        return bucket.take(at)

    def _is_storm(self, key: tuple[str, ...], message: str, at: float) -> bool:
        """Whether so many similar events have come that this one is to be combined with them."""
        group = self._groups.get(key)
        if group is None or at - group.last > SIMILAR_SECONDS:
            group = self._groups[key] = _Group(at)
        self._groups.move_to_end(key)
        while len(self._groups) > CACHED:
            self._groups.popitem(last=False)
        group.last = at
        if len(group.messages) < SIMILAR:
            group.messages.add(message)
        return len(group.messages) >= SIMILAR

    def _event(self, about: Obj, event_type: str, reason: str, message: str, at: float) -> dict[str, Any]:
        source = {"component": self._component, **({"host": self._host} if self._host else {})}
        stamp = rfc3339(at)
        suffix = f"{self._env.rng.getrandbits(64):016x}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{about['name'][:236]}.{suffix}",
                "namespace": about.get("namespace") or "default",
            },
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": source,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": event_type,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }


def _identity(about: Obj) -> str:
    """What tells the objects of references apart, also of those without a uid."""
    named = (about.get("kind", ""), about.get("namespace", ""), about.get("name", ""))
    return about.get("uid") or "/".join(named)


def reference(about: Obj) -> dict[str, Any]:
    """An ObjectReference to an object; one that is a reference already (it has `name` on top) stays."""
    if "metadata" not in about:
        return dict(about)
    parts = {
        "kind": about.get("kind"),
        "namespace": namespace_of(about),
        "name": name_of(about),
        "uid": uid_of(about),
        "apiVersion": about.get("apiVersion"),
        "resourceVersion": resource_version_of(about),
    }
    return {key: value for key, value in parts.items() if value}
