"""The shell around one pod's plan: look, plan, tell, begin what was planned, wait until something happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from pybernetes.aio import upkeep
from pybernetes.api.meta import Obj, annotations_of, labels_of, name_of, uid_of
from pybernetes.kubelet import allocation, podspec
from pybernetes.kubelet.admission import Refusal
from pybernetes.kubelet.probes.attempt import Target
from pybernetes.kubelet.recorder import tell_about
from pybernetes.kubelet.runtime import CRIError
from pybernetes.kubelet.volumes.manager import VolumesFailed

from .actions import Action, Notice, Plan
from .memory import ActionFailed, Memory
from .parts import Parts
from .perform import Performer
from .plan import plan
from .resize import IN_PROGRESS
from .seen import Failure, Seen
from .view import PodView

log = logging.getLogger("kubelet.pod")

RUNTIME_RETRY = 1.0
# A refresh of live volumes that was due and failed is not tried again before this (seconds).
REFRESH_RETRY = 30.0
PROBES = frozenset(("startupProbe", "livenessProbe", "readinessProbe"))
# Keys of actions that are given up when the pod ends.
GIVEN_UP = ("start/", "image/")


class PodWorker:
    """Lives from the first sight of a pod until nothing of it is left. All methods but `run` return at once."""

    def __init__(
        self, parts: Parts, pod: Obj, refusal: Refusal | None = None, after: Sequence[asyncio.Event] = ()
    ) -> None:
        """With a `refusal` nothing of the pod is ever started; before all of `after` is set, nothing is begun."""
        self.pod = pod
        self.uid = uid_of(pod)
        self._parts = parts
        self._memory = Memory(refusal=refusal)
        self._view = PodView(self.uid, parts.runtime, parts.host, parts.config)
        self._unread: set[tuple[str, str]] = {("", "")}
        self._performer = Performer(parts, lambda: self.pod, self._view, self._memory)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._notices: frozenset[Notice] = frozenset()
        self._resizing = False
        self._probed: set[str] = set()
        self._after = after
        self.ended = asyncio.Event()
        """Set once the pod has ended and nothing of it runs any more."""
        self._wake = asyncio.Event()
        self._stale = True
        """Whether something that a plan is made from has changed, beside what the runtime tells."""
        self._planned_from = -1
        self._refresh: asyncio.Task[None] | None = None
        self._refresh_after = 0.0

    @property
    def is_gone(self) -> bool:
        """Whether the API has no such pod any more."""
        return self._memory.gone

    @property
    def busy(self) -> bool:
        """Whether the runtime's containers of this pod are about to change."""
        return bool(self._tasks)

    def update(self, pod: Obj) -> None:
        """A newer version from the API."""
        old, self.pod = self.pod, pod
        if labels_of(old) != labels_of(pod) or annotations_of(old) != annotations_of(pod):
            self.refresh_volumes()
        if not self._parts.statuses.is_echo(old, pod):
            self.wake()

    def gone(self) -> None:
        """The API has no such pod any more."""
        self._memory.gone = True
        self.wake()

    @property
    def pending(self) -> Refusal | None:
        """Why the pod does not get the resources that it asks for."""
        return self._memory.pending

    def pend(self, why: Refusal | None) -> None:
        """Tells why it does not get them; None: it does."""
        if why != self._memory.pending:
            self._memory.pending = why
            self.wake()

    def preempt(self) -> None:
        """A critical pod takes its place."""
        self._memory.preempted = True
        self.wake()

    def wake(self) -> None:
        """Plans again."""
        self._stale = True
        self._wake.set()

    def runtime_changed(self, container_id: str = "", sandbox_id: str = "") -> None:
        """Something happened to a container or sandbox of this pod; without an id, to anything. What turns out to be
        known (the echo of what this worker did itself) calls for no plan."""
        self._unread.add((container_id, sandbox_id))
        self._wake.set()

    def references_changed(self) -> None:
        """A ConfigMap or Secret that the pod refers to has come or changed."""
        self._memory.retry_soon("volumes", "start/")
        self.refresh_volumes()
        self.wake()

    def refresh_volumes(self) -> None:
        """Writes live volumes again, in the background."""
        if self._memory.volumes_ready and (self._refresh is None or self._refresh.done()):
            self._refresh = asyncio.create_task(self._refresh_volumes(), name=f"volumes {name_of(self.pod)}")

    async def run(self) -> None:
        try:
            made: Plan | None = None
            for event in self._after:
                await event.wait()
            while True:
                self._wake.clear()
                await self._look()
                if made is None or self._stale or self._planned_from != self._view.changes:
                    self._stale, self._planned_from = False, self._view.changes
                    now = self._parts.env.now()
                    made = plan(self.pod, self._seen(), now)
                    if self._probe(ending=made.ending):
                        made = plan(self.pod, self._seen(), now)
                    if made.done:
                        self._parts.statuses.forget(self.uid)
                        return
                    self._follow(made, now)
                await self._sleep(made)
        finally:
            await self._end()

    # --- looking ---

    async def _look(self) -> None:
        """Reads what has changed; while the runtime does not answer, what was read last stays."""
        while self._unread:
            unread, self._unread = self._unread, set()
            try:
                if all(self._view.knows_container(c) or self._view.knows_sandbox(s) for c, s in unread):
                    for container_id, sandbox_id in unread:
                        await self._read(container_id, sandbox_id)
                else:
                    await self._view.refresh()
            except CRIError as error:
                log.warning("looking at %s: %s", name_of(self.pod), error)
                self._unread |= unread
                await asyncio.sleep(RUNTIME_RETRY)

    async def _read(self, container_id: str, sandbox_id: str) -> None:
        if self._view.knows_container(container_id):
            await self._view.read_container(container_id)
        else:
            await self._view.read_sandbox(sandbox_id)

    def _seen(self) -> Seen:
        memory, parts = self._memory, self._parts
        containers = self._view.containers
        return Seen(
            sandboxes=self._view.sandboxes,
            containers=containers,
            host_ips=parts.config.node_ips,
            gone=memory.gone,
            volumes_ready=memory.volumes_ready,
            cleaned=memory.cleaned,
            terminating_since=memory.terminating_since,
            in_flight=frozenset(self._tasks),
            failures=memory.failures,
            images=memory.images,
            backoffs=memory.backoffs,
            probes={c.id: parts.prober.results(c.id) for c in containers if c.running},
            stopped=frozenset(memory.stopped),
            pre_stopped=frozenset(memory.pre_stopped),
            deleted=memory.deleted,
            refusal=memory.refusal,
            preempted=memory.preempted,
            pending=memory.pending,
            given=memory.given,
            max_backoff=parts.config.max_container_backoff,
            runtime_name=parts.runtime_name,
        )

    # --- following the plan ---

    def _follow(self, made: Plan, now: float) -> None:
        memory, parts = self._memory, self._parts
        memory.backoffs = dict(made.backoffs)
        if made.ending and memory.terminating_since is None:
            self._begin_end(now)
        if made.ending and not self._tasks and not any(c.running for c in self._view.containers):
            self.ended.set()
        if not memory.gone and not memory.deleted:
            starting = made.status.get("phase") == "Pending" and bool(made.actions or self._tasks)
            parts.statuses.set(self.pod, made.status, passing=starting)
        for notice in made.notices:
            if notice not in self._notices:
                tell_about(parts.recorder, self.pod, notice.container)(
                    notice.type, notice.reason, notice.message
                )
        self._notices = frozenset(made.notices)
        resizing = any(each["type"] == IN_PROGRESS for each in made.status.get("conditions") or ())
        if self._resizing and not resizing and not made.ending:
            tell_about(parts.recorder, self.pod)(
                "Normal", "ResizeCompleted", allocation.told("completed", self.pod)
            )
        self._resizing = resizing
        for action in made.actions:
            task = asyncio.create_task(self._perform(action), name=f"{action.key} {name_of(self.pod)}")
            self._tasks[action.key] = task

    def _begin_end(self, now: float) -> None:
        self._memory.terminating_since = now
        for key, task in self._tasks.items():
            if key.startswith(GIVEN_UP):
                task.cancel()
        if self._refresh is not None:
            self._refresh.cancel()

    async def _perform(self, action: Action) -> None:
        try:
            await self._performer.perform(action)
            self._memory.failures.pop(action.key, None)
        except ActionFailed as error:
            log.info("%s of %s: %s", action.key, name_of(self.pod), error)
            self._memory.failed(action.key, error, self._parts.env.now())
        except asyncio.CancelledError:
            self._unread.add(("", ""))
            raise
        except Exception as error:  # the one place where a bug in an action is caught: told, and tried again
            log.exception("%s of %s", action.key, name_of(self.pod))
            now = self._parts.env.now()
            self._memory.failures[action.key] = Failure("InternalError", repr(error), now + 10.0)
        finally:
            if self._tasks.get(action.key) is asyncio.current_task():
                del self._tasks[action.key]
            self.wake()

    def _probe(self, *, ending: bool) -> bool:
        """Starts probing what runs, stops probing what does not. Whether a probe was started: what is known of its
        container from an earlier run of the kubelet is known from now on."""
        prober, started = self._parts.prober, False
        running = {c.id: c for c in self._view.containers if c.running}
        for container_id in self._probed - set(running):
            prober.stop(container_id)
        self._probed &= set(running)
        for container_id, incarnation in running.items():
            if ending:
                prober.stop_killing(container_id)
            elif container_id not in self._probed and f"start/{incarnation.name}" not in self._tasks:
                container = podspec.container_named(self.pod, incarnation.name)
                if container is not None:
                    self._probed.add(container_id)
                    self._start_probing(container, container_id, incarnation.status.started_at)
                    started = started or not PROBES.isdisjoint(container)
        return started

    def _start_probing(self, container: Obj, container_id: str, started_at: float) -> None:
        parts = self._parts
        known = (self.pod.get("status") or {}).get("containerStatuses") or ()
        mine = f"{parts.runtime_name}://{container_id}"
        parts.prober.start(
            Target(container, container_id, self._performer.pod_ip()),
            running_for=parts.env.now() - started_at,
            before=next((s for s in known if s.get("containerID") == mine), None),
            tell=tell_about(parts.recorder, self.pod, container["name"]),
            changed=self.wake,
        )

    async def _sleep(self, made: Plan) -> None:
        """Until woken, until the plan's time, or until a token in a volume wants renewing."""
        if self._wake.is_set():
            return
        refresh_at = self._parts.volumes.next_refresh(self.pod) if self._memory.volumes_ready else None
        if refresh_at is not None:
            refresh_at = max(refresh_at, self._refresh_after)
        loop, timers, now = asyncio.get_running_loop(), [], self._parts.env.now()
        if made.wake_at is not None:
            timers.append(loop.call_later(max(made.wake_at - now, 0.001), self.wake))
        if refresh_at is not None:
            wait = max(refresh_at - now, 0.001)
            timers.append(upkeep.call_later(loop, wait, upkeep.ROUND, self._wake.set))
        try:
            await self._wake.wait()
        finally:
            for timer in timers:
                timer.cancel()
        if refresh_at is not None and self._parts.env.now() >= refresh_at:
            self._refresh_after = self._parts.env.now() + REFRESH_RETRY
            self.refresh_volumes()

    async def _refresh_volumes(self) -> None:
        try:
            await self._parts.volumes.refresh(self.pod)
        except VolumesFailed as error:
            for problem in error.problems:
                tell_about(self._parts.recorder, self.pod)("Warning", "FailedMount", problem)

    async def _end(self) -> None:
        """No task outlives its worker."""
        self.ended.set()
        tasks = [*self._tasks.values(), *([self._refresh] if self._refresh else [])]
        for task in tasks:
            task.cancel()
        for container_id in self._probed:
            self._parts.prober.stop(container_id)
        await asyncio.gather(*tasks, return_exceptions=True)
