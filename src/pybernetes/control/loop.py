"""The loop of one controller: changed objects to keys, keys to plans, plans to writes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from pybernetes.aio.workqueue import WorkQueue
from pybernetes.api.errors import ApiError, Conflict
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, key_of, name_of, namespace_of, resource_version_of, split_key
from pybernetes.client.informer import Change
from pybernetes.client.interface import Reaction
from pybernetes.clock import Env

from .caches import Caches
from .definition import AnyController, Settings, Watch
from .perform import Performer
from .plan import Plan, Report

log = logging.getLogger("controller")


class ControllerLoop:
    """Runs one definition. `queue` may be looked at and added to."""

    def __init__(
        self, definition: AnyController, caches: Caches, performer: Performer, env: Env, settings: Settings
    ) -> None:
        self.definition = definition
        self.queue: WorkQueue[str] = WorkQueue()
        self.last_why: dict[str, str] = {}
        """What was decided for each key lately, in words."""
        self._memory: dict[str, Any] = {}
        self._caches = caches
        self._performer = performer
        self._env = env
        self._settings = settings
        for kind in definition.reads:
            caches.follow(kind)
        for watch in definition.watches:
            informer = caches.follow(watch.kind)
            for name, function in watch.indexes.items():
                informer.add_index(name, function)
        for watch in definition.watches:
            self._subscribe(watch)

    async def run(self) -> None:
        """Works until cancelled, once every cache it reads is filled."""
        kinds = [watch.kind for watch in self.definition.watches] + [*self.definition.reads]
        for kind in kinds:
            await self._caches.follow(kind).synced()
        if self._caches.filled_at is None:
            self._caches.filled_at = self._env.now()
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self.definition.workers):
                    group.create_task(self._work(), name=f"{self.definition.name} {number}")
        finally:
            self.queue.close()

    def _subscribe(self, watch: Watch) -> None:
        keys_of, matters, caches, add = watch.keys, watch.matters, self._caches, self.queue.add

        def changed(_change: Change, old: Obj | None, new: Obj | None) -> None:
            # Every controller is told of every change, and most changes concern few of them: no step more than needed.
            try:
                if matters is not None and not matters(old, new):
                    return
                found = {*keys_of(new, caches)} if new is not None else set[str]()
                if old is not None:
                    found.update(keys_of(old, caches))
            except Exception:  # noqa: BLE001  (told there)
                found = self._one_by_one(watch, old, new)
            for key in sorted(found) if len(found) > 1 else found:
                add(key)

        self._caches.follow(watch.kind).on_event(changed)

    def _one_by_one(self, watch: Watch, old: Obj | None, new: Obj | None) -> set[str]:
        """The keys that can be told where one version is in a shape that was not expected, which is complained of."""
        found = set[str]()
        for obj in (old, new):
            if obj is not None:
                try:
                    if watch.matters is None or watch.matters(old, new):
                        found.update(watch.keys(obj, self._caches))
                except Exception as error:
                    log.exception("%s: %s", self.definition.name, key_of(obj))
                    self._complain(obj, error)
        return found

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                plan = await self._reconcile(key)
            except Conflict as error:
                log.debug("%s %s: %s", self.definition.name, key, error)
                self.queue.retry(key)
            except (ApiError, OSError) as error:
                wait = self.queue.retry(key)
                log.info("%s %s: %s; again in %.2f s", self.definition.name, key, error, wait)
            except Exception as error:
                # A bug, or an object in a shape nobody expected: it must not stop the work on the others.
                wait = self.queue.retry(key)
                log.exception("%s %s failed; again in %.2f s", self.definition.name, key, wait)
                obj = self._object(key)
                if obj is not None:
                    self._complain(obj, error)
            else:
                self.queue.forget(key)
                if plan is not None and plan.after is not None:
                    self.queue.add_after(key, plan.after, rounds=self.definition.rounds or plan.steady)
            finally:
                self.queue.done(key)

    async def _reconcile(self, key: str) -> Plan | None:
        seen: Any = self.definition.observe(key, self._caches)
        if seen is None:
            self.last_why.pop(key, None)
            self._memory.pop(key, None)
            return None
        if self.definition.remembers:
            seen = replace(seen, memory=self._memory.get(key))
        if self.definition.ask is not None:
            seen = await self.definition.ask(seen, self._performer.client)
        plan: Plan = self.definition.plan(seen, self._env.now(), self._settings)
        self.last_why[key] = plan.why
        if self.definition.remembers:
            if plan.memory is None:
                self._memory.pop(key, None)
            else:
                self._memory[key] = plan.memory
        if plan.steps:
            log.debug("%s %s: %s", self.definition.name, key, plan.why)
            await self._performer.perform(plan, self._reaction(key))
        return plan

    def _complain(self, obj: Obj, error: Exception) -> None:
        """An event about an object that is not in the shape that this controller expects; it is left alone."""
        told = str(error) or type(error).__name__
        message = f"{self.definition.name} cannot handle it as it is: {type(error).__name__}: {told}"
        self._performer.tell(Report(obj, "Warning", "FailedSync", message))

    def _kind(self, key: str) -> Kind:
        """The first kind watched that keys of this shape can be of."""
        scoped = "/" in key
        watched = [watch.kind for watch in self.definition.watches]
        return next((kind for kind in watched if kind.namespaced == scoped), watched[0])

    def _object(self, key: str) -> Obj | None:
        """The object under this key, as it is cached."""
        return self._caches.get(self._kind(key), key)

    def _reaction(self, key: str) -> Reaction:
        """What the writes react to."""
        kind, obj = self._kind(key), self._object(key)
        if obj is None:
            namespace, name = split_key(key)
            return Reaction(kind.kind, namespace, name, "")
        return Reaction(kind.kind, namespace_of(obj), name_of(obj), resource_version_of(obj))
