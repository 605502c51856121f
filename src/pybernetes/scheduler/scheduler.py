"""The scheduler's shell: informers feed the cycle, the cycle decides, bindings are written side by side.

Decisions are made one after another over state that already counts the ones before (assumed pods), so that bindings
need not be waited for. When nothing waits, the loop sleeps without a timer.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, labels_of, name_of, uid_of
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env

from .explain import explain
from .feeding import feed
from .metrics import Metrics
from .namespaces import NamespaceLabels
from .reporting import Reporter, named
from .waiting import WaitingPods
from .workloads import Workloads, keep_selector

if TYPE_CHECKING:
    from .configuration.types import Configuration, Extender
    from .cycle import Cycle
    from .decide import Decision
    from .framework import Attempt, Plugin
    from .queue import QueuedPod

log = logging.getLogger("scheduler")

NAME = "default-scheduler"
ENGINE = "pybernetes.scheduler.engine"
BATCH = 32
"""Decisions between two looks at the event loop."""
WRITES = 64
"""Bindings and status patches under way at once."""


class _Slot:
    """One of the writes that may be under way at once; given back once, by whoever is first."""

    __slots__ = ("_semaphore",)

    def __init__(self, semaphore: asyncio.Semaphore) -> None:
        self._semaphore: asyncio.Semaphore | None = semaphore

    def release(self) -> None:
        if self._semaphore is not None:
            self._semaphore.release()
            self._semaphore = None


class Scheduler:
    def __init__(
        self,
        client: Client,
        env: Env,
        *,
        name: str = NAME,
        informers: Informers | None = None,
        configuration: Configuration | None = None,
        plugins: tuple[Plugin, ...] = (),
        features: frozenset[str] = frozenset(),
    ) -> None:
        """`name` is the `spec.schedulerName` of the pods it takes (a configuration names its profiles itself);
        `informers` are shared (and run) by their owner, without them the scheduler has its own; `plugins` of one's own
        are added to every profile, at every point they can be at; `features` are the feature gates that are on."""
        self.name = name
        self._features = features
        self._client = client
        self._env = env
        self._shared = informers is not None
        self._informers = informers or Informers(client, env.rng)
        self.reporter = Reporter(client, env, name)
        self._configuration = configuration
        self._plugins = plugins
        self._engine: Any = None
        self._wake = asyncio.Event()
        self._writes = asyncio.Semaphore(WRITES)
        self._namespace_labels = NamespaceLabels()
        self.metrics = Metrics()
        self.waiting = WaitingPods(self.metrics.permitted)
        """The pods that have a node and wait at Permit."""
        self.synced = False
        """Whether the caches are filled."""
        self.cycle: Cycle | None = None
        """The state, once `run` has begun."""

    async def run(self) -> None:
        """Schedules until cancelled. Raises ConfigurationError."""
        # NumPy takes 0.1 s to import: in a thread, so that whoever shares this loop does not wait.
        # Where it is loaded already (the simulated world has no threads), the rest is a moment.
        if "numpy" in sys.modules:
            self._engine = importlib.import_module(ENGINE)
        else:
            self._engine = await asyncio.to_thread(importlib.import_module, ENGINE)
        cycle = self._start()
        async with asyncio.TaskGroup() as group:
            if not self._shared:
                group.create_task(self._informers.run(), name="scheduler informers")
            self.reporter.start(group)
            await self._informers.synced()
            self.synced = True
            await self._schedule(cycle, group)

    def use(self, configuration: Configuration | None = None, plugins: tuple[Plugin, ...] = ()) -> None:
        """Decides by another configuration and other plugins from now on, while it runs: every pod that waits is tried
        again. Raises ConfigurationError, and goes on as before."""
        cycle = self.cycle
        if cycle is not None:
            profiles = self._engine.profiles_of(configuration, self.name, plugins)
            cycle.use(profiles)
            if configuration is not None:
                cycle.queue.backoff = configuration.backoff
        self._configuration, self._plugins = configuration, plugins
        if cycle is not None:
            now = asyncio.get_running_loop().time()
            for pod in self._informers.of(kinds.POD).list():
                # Those of a scheduler name that is new here wait in no queue yet.
                if not pod["spec"].get("nodeName") and cycle.queue.get(uid_of(pod)) is None:
                    cycle.pod_event(None, pod, now)
            self._wake.set()

    def decision(self, pod_uid: str) -> Decision | None:
        """The latest decision about a pod, with each plugin's verdict and score per node."""
        return self.cycle.decisions.get(pod_uid) if self.cycle is not None else None

    def _start(self) -> Cycle:
        """Builds the state and has the informers fill it."""
        of = self._informers.of
        workloads = Workloads(
            of(kinds.SERVICE, keep=keep_selector),
            {
                "ReplicaSet": of(kinds.REPLICASET, keep=keep_selector),
                "StatefulSet": of(kinds.STATEFULSET, keep=keep_selector),
                "ReplicationController": of(kinds.REPLICATIONCONTROLLER, keep=keep_selector),
            },
        )
        settings = self._configuration
        cycle: Cycle = self._engine.Cycle(
            self._env.rng,
            self._namespace_labels,
            workloads.selector,
            profiles=self._engine.profiles_of(settings, self.name, self._plugins),
            clock=self._env.now,
            **({"backoff": settings.backoff} if settings else {}),
        )
        self.cycle = cycle
        feed(self._informers, cycle, self._wake_if_ready, self._features)
        of(kinds.NAMESPACE).on_event(self._on_namespace)
        return cycle

    def _wake_if_ready(self) -> None:
        """Heartbeats of nodes and status changes of running pods wake nobody."""
        if self.cycle is not None and (self.cycle.queue.ready or self.cycle.queue.troubles):
            self._wake.set()

    def _on_namespace(self, _change: str, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._namespace_labels.put(name_of(new), labels_of(new))
        elif old is not None:
            self._namespace_labels.drop(name_of(old))

    async def _schedule(self, cycle: Cycle, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            for queued in cycle.queue.pop(BATCH, loop.time()):
                await self._try(cycle, queued, group)
            while cycle.queue.troubles:
                pod, message = cycle.queue.troubles.pop()
                slot = await self._slot()
                write = self.reporter.refused(pod, message, "SchedulerError")
                group.create_task(self._writing(write, slot), name=f"trouble of {named(pod)}")
            if cycle.queue.ready:
                await asyncio.sleep(0)
            else:
                await self._wait(cycle.queue.next_deadline())

    async def _wait(self, deadline: float | None) -> None:
        """Until something happens, or the deadline."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _try(self, cycle: Cycle, queued: QueuedPod, group: asyncio.TaskGroup) -> None:
        """Decides, and starts the writes that follow; waits only where too many of them are under way, or for
        extenders. A decision that fails for whatever reason never ends the loop: the pod backs off."""
        slot = await self._slot()
        if cycle.queue.get(queued.uid) is not queued:
            slot.release()
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            decision = await self._decide(cycle, queued)
        except self._engine.PodGone:
            slot.release()
            return
        except Exception as error:
            log.warning(
                "no decision on pod %s: %s", named(queued.pod), error, exc_info=error.__cause__ is not None
            )
            cycle.failed(queued, loop.time())
            self.metrics.attempted(queued.profile.name, "error", loop.time() - began)
            write = self.reporter.refused(queued.pod, str(error), "SchedulerError")
        else:
            self.metrics.decided(loop.time() - began)
            if decision.node is None:
                self.metrics.attempted(queued.profile.name, "unschedulable", loop.time() - began)
            write = self._follow(cycle, queued, decision, slot)
        group.create_task(self._writing(write, slot), name=f"schedule {named(queued.pod)}")

    @property
    def _extenders(self) -> tuple[Extender, ...]:
        return self._configuration.extenders if self._configuration is not None else ()

    async def _decide(self, cycle: Cycle, queued: QueuedPod) -> Decision:
        """Raises PluginError, ExtenderError, PodGone."""
        now = asyncio.get_running_loop().time
        if not self._extenders:
            return cycle.decide(queued, now())
        decision: Decision = await self._engine.decide_with(self._extenders, cycle, queued, now)
        return decision

    async def _slot(self) -> _Slot:
        await self._writes.acquire()
        return _Slot(self._writes)

    async def _writing(self, write: Any, slot: _Slot) -> None:
        """One write that cannot be made, for whatever reason, does not end the others."""
        try:
            await write
        except Exception:
            log.exception("a write of the scheduler failed")
        finally:
            slot.release()

    def _follow(self, cycle: Cycle, queued: QueuedPod, decision: Decision, slot: _Slot) -> Any:
        """What is to be written after a decision. What others must know at once (nominations, reservations) is done."""
        if decision.node is None:
            return self._unplaced(cycle, queued, decision)
        attempt = cycle.attempt(
            queued, decision.node, client=self._client, env=self._env, waiting=self.waiting
        )
        attempt.state["explanation"] = explain(decision, len(decision.names))
        try:
            self._engine.reserve(attempt, queued.profile)
        except self._engine.NotBound as error:
            return self._not_bound(cycle, queued, error)
        return self._bind(cycle, queued, attempt, slot)

    async def _bind(self, cycle: Cycle, queued: QueuedPod, attempt: Attempt, slot: _Slot) -> None:
        delayed = False

        async def delay(_attempt: Attempt) -> None:
            """What may take minutes must not keep others from being decided on."""
            nonlocal delayed
            delayed = True
            slot.release()
            await self.reporter.expected(queued.pod, attempt.node)

        try:
            await self._engine.bind(attempt, queued.profile, self.waiting, self._extenders, delay)
        except Exception as error:  # noqa: BLE001  (the loop never dies)
            await self._not_bound(cycle, queued, error, expected=delayed)
        else:
            loop = asyncio.get_running_loop()
            now = loop.time()
            self.metrics.attempted(queued.profile.name, "scheduled", now - queued.tried)
            self.metrics.scheduled(queued.attempts, now - queued.arrived)
            self.reporter.scheduled(queued.pod, attempt.node)

    async def _not_bound(
        self, cycle: Cycle, queued: QueuedPod, error: Exception, expected: bool = False
    ) -> None:
        """`expected`: it was said on which node the pod would be."""
        pod, rejected_by = queued.pod, getattr(error, "rejected_by", "")
        now = asyncio.get_running_loop().time()
        cycle.not_bound(queued, now, rejected_by)
        self._wake.set()
        log.warning("pod %s not bound: %s", named(pod), error)
        result = "unschedulable" if rejected_by else "error"
        self.metrics.attempted(queued.profile.name, result, now - queued.tried)
        reason = "Unschedulable" if rejected_by else "SchedulerError"
        await self.reporter.not_bound(pod, str(error), reason, expected=expected)

    def _unplaced(self, cycle: Cycle, queued: QueuedPod, decision: Decision) -> Any:
        pod, candidate = queued.pod, decision.candidate
        if candidate is None:
            return self._no_node(pod, decision)
        losing = cycle.nominate(queued, candidate.node)
        found = [cycle.placed(victim.uid) for victim in candidate.victims]
        victims = [victim for victim in found if victim is not None]
        self.metrics.preempted(len(victims))
        return self._preempt(pod, decision, victims, losing)

    async def _no_node(self, pod: Obj, decision: Decision) -> None:
        try:
            if decision.then is not None:
                await decision.then(self._client)
        except (ApiError, OSError) as error:
            log.warning("pod %s: %s", named(pod), error)
        await self.reporter.refused(
            pod, decision.message, nominated="" if decision.clear_nomination else None
        )

    async def _preempt(self, pod: Obj, decision: Decision, victims: list[Obj], losing: list[Obj]) -> None:
        """Nominates the pod, then sends the victims away; its own event of their going lets the pod try again."""
        assert decision.candidate is not None
        node = decision.candidate.node
        await self.reporter.refused(pod, decision.message, nominated=node)
        try:
            for other in losing:
                await self._engine.clear_nomination(self._client, other)
            for victim in victims:
                waiting = self.waiting.get(victim["metadata"]["uid"])
                if waiting is not None:
                    waiting.reject("DefaultPreemption", "preempted")
                else:
                    recorder = self.reporter.events_of(pod)
                    await self._engine.evict(self._client, recorder, victim, pod, node, self._env.now())
        except (ApiError, OSError) as error:
            log.warning("preemption for pod %s on %s: %s", named(pod), node, error)
