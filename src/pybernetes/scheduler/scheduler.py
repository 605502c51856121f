"""The scheduler's shell: informers feed the cycle, the cycle decides, bindings are written side by side.

Decisions are made one after another over state that already counts the ones before (assumed pods), so that bindings
need not be waited for. When nothing waits, the loop sleeps without a timer.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, labels_of, name_of, uid_of
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.clock import Env

from .feeding import feed
from .following import Following, Slot
from .metrics import Metrics
from .namespaces import NamespaceLabels
from .reporting import Reporter, named
from .waiting import WaitingPods
from .workloads import Workloads, keep_selector

if TYPE_CHECKING:
    from .configuration.types import Configuration, Extender
    from .cycle import Cycle
    from .decide import Decision
    from .framework import Plugin
    from .gang.outcome import Outcome
    from .queuedpod import QueuedPod

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
        self._following = Following(
            self._engine,
            self.name,
            self._client,
            self._env,
            self.reporter,
            self.metrics,
            self.waiting,
            lambda: self._extenders,
            self._wake.set,
        )
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
        feed(self._informers, cycle, self._wake_if_ready, self._features, self.metrics.handled)
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
            for together in self._engine.in_groups(cycle.queue.pop(BATCH, loop.time())):
                if together[0].group:
                    await self._try_group(cycle, together, group)
                else:
                    await self._try(cycle, together[0], group)
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
        began, watch = loop.time(), perf_counter()
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
            self.metrics.decided(perf_counter() - watch)
            if decision.node is None:
                self.metrics.attempted(queued.profile.name, "unschedulable", loop.time() - began)
            write = self._following.alone(cycle, queued, decision, slot)
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

    async def _slot(self) -> Slot:
        await self._writes.acquire()
        return Slot(self._writes)

    async def _writing(self, write: Any, slot: Slot) -> None:
        """One write that cannot be made, for whatever reason, does not end the others."""
        try:
            await write
        except Exception:
            log.exception("a write of the scheduler failed")
        finally:
            slot.release()

    async def _try_group(self, cycle: Cycle, pods: list[QueuedPod], group: asyncio.TaskGroup) -> None:
        """Decides on all pods of a group at once, and starts the writes that follow."""
        now = asyncio.get_running_loop().time
        pods = [queued for queued in pods if cycle.queue.get(queued.uid) is queued]
        if not pods:
            return
        began, watch = now(), perf_counter()
        round_ = self._engine.Round(cycle, pods, partial(self._following.attempt, cycle))
        while (queued := round_.next()) is not None:
            try:
                round_.decided(await self._choose(cycle, queued))
            except Exception as error:  # noqa: BLE001  (whatever a plugin raises)
                round_.failed(error)
        outcome: Outcome = round_.end()
        cycle.conclude_group(outcome, now())
        profile = pods[0].profile.name
        self.metrics.group_decided(profile, outcome, perf_counter() - watch)
        for member in outcome.members:
            slot = await self._slot()
            write = self._following.of_group(cycle, outcome, member, slot, now() - began)
            group.create_task(self._writing(write, slot), name=f"schedule {named(member.queued.pod)}")
        slot = await self._slot()
        group.create_task(
            self._writing(self._following.group(cycle, outcome, profile), slot), name="pod group"
        )

    async def _choose(self, cycle: Cycle, queued: QueuedPod) -> Decision:
        """Raises PluginError, ExtenderError, PodGone."""
        if not self._extenders:
            return cycle.choose(queued, cycle.filter(queued), alone=False)
        decision: Decision = await self._engine.choose_with(self._extenders, cycle, queued)
        return decision
