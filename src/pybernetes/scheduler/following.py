"""What follows from a decision: reservations at once, then writes, each in a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Client
from pybernetes.clock import Env

from .explain import explain
from .metrics import Metrics
from .reporting import Reporter, named
from .waiting import WaitingPods

if TYPE_CHECKING:
    from .configuration.types import Extender
    from .cycle import Cycle
    from .decide import Decision
    from .framework import Attempt
    from .gang.outcome import Member, Outcome
    from .queuedpod import QueuedPod

log = logging.getLogger("scheduler")


class Slot:
    """One of the writes that may be under way at once; given back once, by whoever is first."""

    __slots__ = ("_semaphore",)

    def __init__(self, semaphore: asyncio.Semaphore) -> None:
        self._semaphore: asyncio.Semaphore | None = semaphore

    def release(self) -> None:
        if self._semaphore is not None:
            self._semaphore.release()
            self._semaphore = None


class Following:
    def __init__(
        self,
        engine: Any,
        name: str,
        client: Client,
        env: Env,
        reporter: Reporter,
        metrics: Metrics,
        waiting: WaitingPods,
        extenders: Callable[[], Sequence[Extender]],
        wake: Callable[[], None],
    ) -> None:
        """`engine`: the module of everything that needs NumPy; `wake`: called where a pod may be tried again."""
        self._engine, self._name, self._client, self._env = engine, name, client, env
        self._reporter, self._metrics, self._waiting = reporter, metrics, waiting
        self._extenders, self._wake = extenders, wake

    def alone(self, cycle: Cycle, queued: QueuedPod, decision: Decision, slot: Slot) -> Any:
        """What is to be written after a decision. What others must know at once (nominations, reservations) is done."""
        if decision.node is None:
            return self._unplaced(cycle, queued, decision)
        attempt = self.attempt(cycle, queued, decision.node)
        attempt.state["explanation"] = explain(decision, len(decision.names))
        try:
            self._engine.reserve(attempt, queued.profile)
        except self._engine.NotBound as error:
            return self._not_bound(cycle, queued, error)
        return self._bind(cycle, queued, attempt, slot)

    def attempt(self, cycle: Cycle, queued: QueuedPod, node: str) -> Attempt:
        return cycle.attempt(queued, node, client=self._client, env=self._env, waiting=self._waiting)

    async def _bind(self, cycle: Cycle, queued: QueuedPod, attempt: Attempt, slot: Slot) -> None:
        delayed = False

        async def delay(_attempt: Attempt) -> None:
            """What may take minutes must not keep others from being decided on."""
            nonlocal delayed
            delayed = True
            slot.release()
            await self._reporter.expected(queued.pod, attempt.node)

        self._metrics.binding += 1
        try:
            await self._engine.bind(attempt, queued.profile, self._waiting, self._extenders(), delay)
        except Exception as error:  # noqa: BLE001  (the loop never dies)
            await self._not_bound(cycle, queued, error, expected=delayed)
        else:
            loop = asyncio.get_running_loop()
            now = loop.time()
            self._metrics.attempted(queued.profile.name, "scheduled", now - queued.tried)
            self._metrics.scheduled(queued.attempts, now - queued.arrived, queued.flushed)
            self._reporter.scheduled(queued.pod, attempt.node)
        finally:
            self._metrics.binding -= 1

    async def _not_bound(
        self, cycle: Cycle, queued: QueuedPod, error: Exception, expected: bool = False
    ) -> None:
        """`expected`: it was said on which node the pod would be."""
        pod, rejected_by = queued.pod, getattr(error, "rejected_by", "")
        now = asyncio.get_running_loop().time()
        cycle.not_bound(queued, now, rejected_by)
        self._wake()
        log.warning("pod %s not bound: %s", named(pod), error)
        result = "unschedulable" if rejected_by else "error"
        self._metrics.attempted(queued.profile.name, result, now - queued.tried)
        reason = "Unschedulable" if rejected_by else "SchedulerError"
        await self._reporter.not_bound(pod, str(error), reason, expected=expected)

    def _unplaced(self, cycle: Cycle, queued: QueuedPod, decision: Decision) -> Any:
        pod, candidate = queued.pod, decision.candidate
        if candidate is None:
            return self._no_node(pod, decision)
        losing = cycle.nominate(queued, candidate.node)
        found = [cycle.placed(victim.uid) for victim in candidate.victims]
        victims = [victim for victim in found if victim is not None]
        self._metrics.preempted(len(victims))
        return self._preempt(pod, decision, victims, losing)

    async def _no_node(self, pod: Obj, decision: Decision) -> None:
        try:
            if decision.then is not None:
                await decision.then(self._client)
        except (ApiError, OSError) as error:
            log.warning("pod %s: %s", named(pod), error)
        await self._reporter.refused(
            pod, decision.message, nominated="" if decision.clear_nomination else None
        )

    async def _preempt(self, pod: Obj, decision: Decision, victims: list[Obj], losing: list[Obj]) -> None:
        """Nominates the pod, then sends the victims away; its own event of their going lets the pod try again."""
        assert decision.candidate is not None
        node = decision.candidate.node
        await self._reporter.refused(pod, decision.message, nominated=node)
        try:
            for other in losing:
                await self._engine.clear_nomination(self._client, other)
        except (ApiError, OSError) as error:
            log.warning("preemption for pod %s on %s: %s", named(pod), node, error)
        name = pod["spec"].get("schedulerName") or self._name
        await self._evict(self._engine.Preemptor(pod, name), [(victim, node) for victim in victims])

    async def _evict(self, preemptor: Any, victims: list[tuple[Obj, str]]) -> None:
        """Sends the victims away from their nodes."""
        recorder = self._reporter.recorder(preemptor.scheduler)
        for victim, node in victims:
            waiting = self._waiting.get(victim["metadata"]["uid"])
            if waiting is not None:
                waiting.reject("DefaultPreemption", "preempted")
                continue
            try:
                await self._engine.evict(self._client, recorder, victim, preemptor, node, self._env.now())
            except (ApiError, OSError) as error:
                log.warning("preemption for %s on %s: %s", named(preemptor.obj), node, error)

    def of_group(self, cycle: Cycle, outcome: Outcome, member: Member, slot: Slot, seconds: float) -> Any:
        """What is to be written about one pod of a group."""
        queued, decision = member.queued, member.decision
        if member.attempt is not None and decision is not None:
            member.attempt.state["explanation"] = explain(decision, len(decision.names))
            return self._bind(cycle, queued, member.attempt, slot)
        if outcome.failed:
            self._metrics.attempted(queued.profile.name, "error", seconds)
            return self._reporter.refused(queued.pod, str(member.error or outcome.message), "SchedulerError")
        self._metrics.attempted(queued.profile.name, "unschedulable", seconds)
        own = decision is not None and decision.node is None
        message = decision.message if decision is not None and own else outcome.message
        nominated = None if outcome.scheduled else ""
        if outcome.preemption is not None:
            nominated = outcome.preemption.nodes.get(queued.uid, "")
        return self._reporter.refused(queued.pod, message, nominated=nominated)

    async def group(self, cycle: Cycle, outcome: Outcome, profile: str) -> None:
        """The group's condition, and the leaving of those who make room for it."""
        if outcome.group is None:
            return
        reason = "SchedulerError" if outcome.failed else "Scheduled" if outcome.scheduled else "Unschedulable"
        try:
            await self._engine.tell(self._client, outcome.group, reason, outcome.told, self._env.now())
        except (ApiError, OSError) as error:
            log.info("status of pod group %s not written: %s", named(outcome.group), error)
        if outcome.preemption is not None and outcome.preemption.victims:
            found = [
                (victim, node)
                for each in outcome.preemption.victims
                if (victim := cycle.placed(each.uid)) and (node := cycle.table.node_of(each.uid))
            ]
            await self._evict(self._engine.Preemptor(outcome.group, profile, "PodGroup"), found)
