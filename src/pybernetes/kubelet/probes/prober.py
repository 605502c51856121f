"""The probes of running containers: one task for each, results by container id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pybernetes.aio import upkeep
from pybernetes.api.meta import Obj
from pybernetes.kubelet.host import Host
from pybernetes.kubelet.podworker.seen import ProbeResults
from pybernetes.kubelet.runtime import RuntimeService

from .attempt import Answer, ProbeError, Target, ask
from .state import FIELDS, ProbeKind, ProbeState, Timing, counted, initial

# A readiness probe that would fail only because the process is not listening yet is asked again this soon (seconds,
# doubling) within its first period. These tries are not counted and not told: they can only make a pod ready sooner.
EARLY_FIRST, EARLY_MOST = 0.05, 1.0

Tell = Callable[[str, str, str], None]
"""(type, reason, message): an event about the container."""

TITLES = {"startup": "Startup", "liveness": "Liveness", "readiness": "Readiness"}


@dataclass(slots=True)
class _Probed:
    """One running container."""

    target: Target
    tell: Tell
    changed: Callable[[], None]
    states: dict[ProbeKind, ProbeState] = field(default_factory=dict)
    tasks: dict[ProbeKind, asyncio.Task[None]] = field(default_factory=dict)


class Prober:
    def __init__(self, host: Host, runtime: RuntimeService) -> None:
        self._host = host
        self._runtime = runtime
        self._probed: dict[str, _Probed] = {}

    def results(self, container_id: str) -> ProbeResults:
        probed = self._probed.get(container_id)
        if probed is None:
            return ProbeResults()
        return ProbeResults(**{kind: state.result for kind, state in probed.states.items()})

    def start(
        self,
        target: Target,
        *,
        running_for: float,
        before: Obj | None,
        tell: Tell,
        changed: Callable[[], None],
    ) -> None:
        """Begins to probe a running container; again is nothing new. `before` is its status in the API where that is
        this very container: a kubelet that restarts does not make a ready pod unready."""
        if target.container_id in self._probed:
            return
        probed = self._probed[target.container_id] = _Probed(target, tell, changed)
        for kind, name in FIELDS:
            probe = target.container.get(name)
            if probe:
                probed.states[kind] = _restored(kind, before)
                probed.tasks[kind] = asyncio.create_task(
                    self._run(probed, kind, probe, running_for), name=f"{kind} {target.container['name']}"
                )

    def stop(self, container_id: str) -> None:
        """The container has exited."""
        probed = self._probed.pop(container_id, None)
        for task in probed.tasks.values() if probed else ():
            task.cancel()

    def stop_killing(self, container_id: str) -> None:
        """The pod ends: it is not judged any more, but may still become unready."""
        if probed := self._probed.get(container_id):
            for kind in ("startup", "liveness"):
                if task := probed.tasks.pop(kind, None):
                    task.cancel()

    async def close(self) -> None:
        tasks = [task for probed in self._probed.values() for task in probed.tasks.values()]
        self._probed.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, probed: _Probed, kind: ProbeKind, probe: Obj, running_for: float) -> None:
        if kind == "startup" and probed.states[kind].result:
            return
        timing = Timing.of(probe)
        await asyncio.sleep(max(timing.initial_delay - running_for, 0.0))
        await self._started(probed, kind)
        if kind == "readiness" and not probe.get("exec") and not probed.states[kind].result:
            await self._early(probed, probe, timing)
        while True:
            answer = await self._ask(probed, kind, probe, timing)
            if answer is not None:
                self._count(probed, kind, answer, timing)
            if kind == "startup" and probed.states[kind].result is not None:
                return
            if kind == "liveness" and probed.states[kind].result is False:
                return  # it will be killed; the next incarnation is probed anew
            if answer is not None and answer.success == probed.states[kind].result:
                await upkeep.pause(timing.period)  # it stays as it is until something changes
            else:
                await asyncio.sleep(timing.period)

    async def _started(self, probed: _Probed, kind: ProbeKind) -> None:
        """Other probes wait for the startup probe's success; without it, until the container is killed."""
        if kind == "startup" or "startup" not in probed.states:
            return
        if task := probed.tasks.get("startup"):
            await asyncio.wait([task])
        if not probed.states["startup"].result:
            await asyncio.Event().wait()

    async def _early(self, probed: _Probed, probe: Obj, timing: Timing) -> None:
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + timing.period, EARLY_FIRST
        while loop.time() + pause < until:
            answer = await self._ask(probed, "readiness", probe, timing, quiet=True)
            if answer is not None and answer.success:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, EARLY_MOST)

    async def _ask(
        self, probed: _Probed, kind: ProbeKind, probe: Obj, timing: Timing, *, quiet: bool = False
    ) -> Answer | None:
        """None where it could not be asked. Tells failures."""
        try:
            answer = await ask(probe, probed.target, self._host, self._runtime, timing.timeout)
        except ProbeError as error:
            if not quiet:
                text = f"{TITLES[kind]} probe errored and resulted in unknown state: {error}"
                probed.tell("Warning", "Unhealthy", text)
            return None
        if not answer.success and not quiet:
            probed.tell("Warning", "Unhealthy", f"{TITLES[kind]} probe failed: {answer.output}")
        elif answer.warning and not quiet:
            probed.tell("Warning", "ProbeWarning", f"{TITLES[kind]} probe warning: {answer.output}")
        return answer

    def _count(self, probed: _Probed, kind: ProbeKind, answer: Answer, timing: Timing) -> None:
        old = probed.states[kind]
        probed.states[kind] = counted(old, answer.success, timing)
        if probed.states[kind].result != old.result:
            probed.changed()


def _restored(kind: ProbeKind, before: Obj | None) -> ProbeState:
    if before is not None and kind == "readiness" and before.get("ready"):
        return ProbeState(True)
    if before is not None and kind == "startup" and before.get("started"):
        return ProbeState(True)
    return initial(kind)
