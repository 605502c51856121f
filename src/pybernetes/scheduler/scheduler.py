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
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of, resource_version_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client, Reaction
from pybernetes.clock import Env

from .explain import explain
from .feeding import feed
from .metrics import Metrics
from .waiting import WaitingPods
from .workloads import Workloads, keep_selector
from .writes import unscheduled_patch

if TYPE_CHECKING:
    from .configuration.types import Configuration
    from .cycle import Cycle
    from .decide import Decision
    from .framework import Attempt, Plugin
    from .profile import Profile
    from .queue import QueuedPod

log = logging.getLogger("scheduler")

NAME = "default-scheduler"
ENGINE = "pybernetes.scheduler.engine"
BATCH = 32
"""Decisions between two looks at the event loop."""
WRITES = 64
"""Bindings and status patches under way at once."""


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
    ) -> None:
        """`name` is the `spec.schedulerName` of the pods it takes (a configuration names its profiles itself);
        `informers` are shared (and run) by their owner, without them the scheduler has its own; `plugins` of one's own
        are added to every profile, at every point they can be at."""
        self.name = name
        self._client = client
        self._env = env
        self._shared = informers is not None
        self._informers = informers or Informers(client, env.rng)
        self._recorder = EventRecorder(client, env, name)
        self._configuration = configuration
        self._plugins = plugins
        self._engine: Any = None
        self._wake = asyncio.Event()
        self._writes = asyncio.Semaphore(WRITES)
        self._namespace_labels: dict[str, Any] = {}
        self.waiting = WaitingPods()
        """The pods that have a node and wait at Permit."""
        self.metrics = Metrics()
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
            group.create_task(self._recorder.run(), name="scheduler events")
            await self._informers.synced()
            await self._schedule(cycle, group)

    def use(self, configuration: Configuration | None = None, plugins: tuple[Plugin, ...] = ()) -> None:
        """Decides by another configuration and other plugins from now on, while it runs. Raises ConfigurationError."""
        self._configuration, self._plugins = configuration, plugins
        if self.cycle is not None:
            self.cycle.use(self._profiles())
            self._wake.set()

    def decision(self, pod_uid: str) -> Decision | None:
        """The latest decision about a pod, with each plugin's verdict and score per node."""
        return self.cycle.decisions.get(pod_uid) if self.cycle is not None else None

    def _profiles(self) -> tuple[Profile, ...]:
        found: tuple[Profile, ...] = self._engine.profiles_of(self._configuration, self.name, self._plugins)
        return found

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
            profiles=self._profiles(),
            clock=self._env.now,
            **({"backoff": settings.backoff} if settings else {}),
        )
        self.cycle = cycle
        feed(self._informers, cycle, self._wake_if_ready)
        of(kinds.NAMESPACE).on_event(self._on_namespace)
        return cycle

    def _wake_if_ready(self) -> None:
        """Heartbeats of nodes and status changes of running pods wake nobody."""
        if self.cycle is not None and self.cycle.queue.ready:
            self._wake.set()

    def _on_namespace(self, _change: str, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._namespace_labels[name_of(new)] = labels_of(new)
        elif old is not None:
            self._namespace_labels.pop(name_of(old), None)

    async def _schedule(self, cycle: Cycle, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            for queued in cycle.queue.pop(BATCH, loop.time()):
                await self._try(cycle, queued, group)
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
        await self._writes.acquire()
        if cycle.queue.get(queued.uid) is not queued:
            self._writes.release()
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            decision = await self._decide(cycle, queued)
        except Exception as error:
            log.warning("no decision on pod %s: %s", _named(queued.pod), error, exc_info=True)
            cycle.failed(queued, loop.time())
            self.metrics.attempted(queued.profile.name, "error", loop.time() - began)
            write = self._report(queued.pod, str(error), "SchedulerError")
        else:
            result = "unschedulable" if decision.node is None else "scheduled"
            self.metrics.attempted(queued.profile.name, result, loop.time() - began)
            write = self._follow(cycle, queued, decision)
        group.create_task(self._writing(write), name=f"schedule {_named(queued.pod)}")

    async def _decide(self, cycle: Cycle, queued: QueuedPod) -> Decision:
        """Raises PluginError, ExtenderError."""
        now = asyncio.get_running_loop().time
        extenders = self._configuration.extenders if self._configuration is not None else ()
        if not extenders:
            return cycle.decide(queued, now())
        decision: Decision = await self._engine.decide_with(extenders, cycle, queued, now)
        return decision

    async def _writing(self, write: Any) -> None:
        try:
            await write
        finally:
            self._writes.release()

    def _follow(self, cycle: Cycle, queued: QueuedPod, decision: Decision) -> Any:
        """What is to be written after a decision. What others must know at once (nominations, reservations) is done."""
        if decision.node is None:
            return self._unplaced(cycle, queued, decision)
        attempt = cycle.attempt(queued, decision.node, client=self._client, env=self._env)
        attempt.state["explanation"] = explain(decision, len(decision.names))
        try:
            self._engine.reserve(attempt, queued.profile)
        except self._engine.NotBound as error:
            return self._not_bound(cycle, queued, error)
        return self._bind(cycle, queued, attempt)

    async def _bind(self, cycle: Cycle, queued: QueuedPod, attempt: Attempt) -> None:
        try:
            await self._engine.bind(attempt, queued.profile, self.waiting)
        except self._engine.NotBound as error:
            await self._not_bound(cycle, queued, error)
        else:
            self.metrics.scheduled(queued.attempts, asyncio.get_running_loop().time() - queued.arrived)
            message = f"Successfully assigned {_named(queued.pod)} to {attempt.node}"
            self._recorder.event(queued.pod, "Normal", "Scheduled", message)

    async def _not_bound(self, cycle: Cycle, queued: QueuedPod, error: Any) -> None:
        pod = queued.pod
        cycle.not_bound(queued, asyncio.get_running_loop().time(), error.rejected_by)
        self._wake.set()
        log.warning("pod %s not bound: %s", _named(pod), error)
        reason = "Unschedulable" if error.rejected_by else "SchedulerError"
        await self._report(pod, str(error), reason)

    def _unplaced(self, cycle: Cycle, queued: QueuedPod, decision: Decision) -> Any:
        pod, candidate = queued.pod, decision.candidate
        if candidate is None:
            return self._report(pod, decision.message, nominated="" if decision.clear_nomination else None)
        losing = cycle.nominate(queued, candidate.node)
        found = [cycle.placed(victim.uid) for victim in candidate.victims]
        victims = [victim for victim in found if victim is not None]
        self.metrics.preempted(len(victims))
        return self._preempt(pod, decision, victims, losing)

    async def _preempt(self, pod: Obj, decision: Decision, victims: list[Obj], losing: list[Obj]) -> None:
        """Nominates the pod, then sends the victims away; its own event of their going lets the pod try again."""
        assert decision.candidate is not None
        node = decision.candidate.node
        await self._report(pod, decision.message, nominated=node)
        try:
            for other in losing:
                await self._engine.clear_nomination(self._client, other)
            for victim in victims:
                waiting = self.waiting.get(victim["metadata"]["uid"])
                if waiting is not None:
                    waiting.reject("DefaultPreemption", "preempted")
                else:
                    await self._engine.evict(self._client, self._recorder, victim, pod, node, self._env.now())
        except (ApiError, OSError) as error:
            log.warning("preemption for pod %s on %s: %s", _named(pod), node, error)

    async def _report(
        self, pod: Obj, message: str, reason: str = "Unschedulable", nominated: str | None = None
    ) -> None:
        """Tells the pod's owner why it has no node: an event each time, the condition where it says something new."""
        self._recorder.event(pod, "Warning", "FailedScheduling", message)
        patch = unscheduled_patch(pod, reason, message, self._env.now(), nominated)
        if patch is None:
            return
        name, namespace = name_of(pod), namespace_of(pod)
        reaction = Reaction("Pod", namespace, name, resource_version_of(pod), message)
        try:
            await self._client.patch(
                kinds.POD,
                name,
                namespace,
                patch,
                patch_type="strategic",
                subresource="status",
                reaction=reaction,
            )
        except NotFound:
            return
        except (ApiError, OSError) as error:
            log.info("status of pod %s not written: %s", _named(pod), error)


def _named(pod: Obj) -> str:
    return f"{namespace_of(pod)}/{name_of(pod)}"
