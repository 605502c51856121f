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
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client, Reaction
from pybernetes.clock import Env

from .explain import explain
from .workloads import Workloads, keep_selector
from .writes import binding, unscheduled_patch

if TYPE_CHECKING:
    from .cycle import Cycle
    from .decide import Decision
    from .queue import QueuedPod

log = logging.getLogger("scheduler")

NAME = "default-scheduler"
CYCLE = "pybernetes.scheduler.cycle"
BATCH = 32
"""Decisions between two looks at the event loop."""
WRITES = 64
"""Bindings and status patches under way at once."""


class Scheduler:
    def __init__(
        self, client: Client, env: Env, *, name: str = NAME, informers: Informers | None = None
    ) -> None:
        """`name` is the `spec.schedulerName` of the pods it takes; `informers` are shared (and run) by their owner,
        without them the scheduler has its own."""
        self.name = name
        self._client = client
        self._env = env
        self._shared = informers is not None
        self._informers = informers or Informers(client, env.rng)
        self._recorder = EventRecorder(client, env, name)
        self._wake = asyncio.Event()
        self._writes = asyncio.Semaphore(WRITES)
        self._namespace_labels: dict[str, Any] = {}
        self.cycle: Cycle | None = None
        """The state, once `run` has begun."""

    async def run(self) -> None:
        """Schedules until cancelled."""
        # NumPy takes 0.1 s to import: in a thread, so that whoever shares this loop does not wait.
        loaded = sys.modules.get(CYCLE)
        module = loaded if loaded is not None else await asyncio.to_thread(importlib.import_module, CYCLE)
        cycle = self._start(module.Cycle)
        async with asyncio.TaskGroup() as group:
            if not self._shared:
                group.create_task(self._informers.run(), name="scheduler informers")
            group.create_task(self._recorder.run(), name="scheduler events")
            await self._informers.synced()
            await self._schedule(cycle, group)

    def decision(self, pod_uid: str) -> Decision | None:
        """The latest decision about a pod, with each plugin's verdict and score per node."""
        return self.cycle.decisions.get(pod_uid) if self.cycle is not None else None

    def _start(self, make: type[Cycle]) -> Cycle:
        """Builds the state and has the informers fill it."""
        of = self._informers.of
        workloads = Workloads(
            of(kinds.SERVICE, keep=keep_selector),
            {"ReplicaSet": of(kinds.REPLICASET, keep=keep_selector)},
        )
        cycle = make(self.name, self._env.rng, self._namespace_labels, workloads.selector)
        self.cycle = cycle
        loop = asyncio.get_running_loop()

        def on_pod(_change: str, old: Obj | None, new: Obj | None) -> None:
            cycle.pod_event(old, new, loop.time())
            self._wake_if_ready(cycle)

        def on_node(_change: str, old: Obj | None, new: Obj | None) -> None:
            cycle.node_event(old, new, loop.time())
            self._wake_if_ready(cycle)

        of(kinds.NODE).on_event(on_node)
        of(kinds.POD).on_event(on_pod)
        of(kinds.NAMESPACE).on_event(self._on_namespace)
        return cycle

    def _wake_if_ready(self, cycle: Cycle) -> None:
        """Heartbeats of nodes and status changes of running pods wake nobody."""
        if cycle.queue.ready:
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
        """Decides, and starts the write that follows; waits only where too many writes are under way."""
        await self._writes.acquire()
        if cycle.queue.get(queued.uid) is not queued:
            self._writes.release()
            return
        decision = cycle.decide(queued, asyncio.get_running_loop().time())
        if decision.node is not None:
            write = self._bind(cycle, queued, decision)
        else:
            write = self._report(queued.pod, decision.message)
        group.create_task(write, name=f"schedule {namespace_of(queued.pod)}/{name_of(queued.pod)}")

    async def _bind(self, cycle: Cycle, queued: QueuedPod, decision: Decision) -> None:
        pod, node = queued.pod, str(decision.node)
        namespace, name = namespace_of(pod), name_of(pod)
        reaction = Reaction(
            "Pod",
            namespace,
            name,
            pod["metadata"].get("resourceVersion", ""),
            explain(decision, len(decision.names)),
        )
        try:
            await self._client.create(
                kinds.POD, binding(pod, node), subresource="binding", name=name, reaction=reaction
            )
        except (ApiError, OSError) as error:
            log.warning("pod %s/%s not bound to %s: %s", namespace, name, node, error)
            cycle.binding_failed(queued, asyncio.get_running_loop().time())
            self._wake.set()
        else:
            message = f"Successfully assigned {namespace}/{name} to {node}"
            self._recorder.event(pod, "Normal", "Scheduled", message)
        finally:
            self._writes.release()

    async def _report(self, pod: Obj, message: str) -> None:
        """Tells the pod's owner why it has no node: an event each time, the condition where it says something new."""
        self._recorder.event(pod, "Warning", "FailedScheduling", message)
        patch = unscheduled_patch(pod, "Unschedulable", message, self._env.now())
        try:
            if patch is not None:
                await self._client.patch(
                    kinds.POD,
                    name_of(pod),
                    namespace_of(pod),
                    patch,
                    patch_type="strategic",
                    subresource="status",
                    reaction=Reaction(
                        "Pod",
                        namespace_of(pod),
                        name_of(pod),
                        pod["metadata"].get("resourceVersion", ""),
                        message,
                    ),
                )
        except (ApiError, OSError) as error:
            log.info("status of pod %s/%s not written: %s", namespace_of(pod), name_of(pod), error)
        finally:
            self._writes.release()
