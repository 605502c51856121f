"""The plan of a pod that ends: deleted, gone from the API, not taken, sent away, over its deadline, or finished by itself.

The order: containers (all at once), sidecars (the last first, each when those after it have exited), the sandbox, the
volumes and the cgroup, and, for a deleted pod, its object in the API; what the runtime still holds goes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pybernetes.api.meta import Obj
from pybernetes.kubelet import podspec, preemption
from pybernetes.lang import timestamps

from .actions import CleanUp, DeletePod, KillContainer, RemoveSandbox, RunPreStop, StopSandbox
from .draft import Draft
from .restart import should_restart, should_restart_init
from .seen import Incarnation, Seen

# However little grace is left, a container gets this to react to its signal (upstream).
LEAST_GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a pod ends, with the status that follows from it once nothing runs ("" leaves it to the containers)."""

    cause: Literal["deleted", "gone", "refused", "preempted", "deadline", "finished"]
    grace: float
    phase: str = ""
    reason: str = ""
    message: str = ""


def ending_of(pod: Obj, seen: Seen, now: float) -> Ending | None:
    """None for a pod that is to run."""
    spec, metadata = pod["spec"], pod["metadata"]
    grace = float(spec.get("terminationGracePeriodSeconds", 30))
    if metadata.get("deletionTimestamp"):
        grace = float(metadata.get("deletionGracePeriodSeconds", grace))
    grace = max(grace, 1.0)
    if seen.gone:
        return Ending("gone", grace)
    if metadata.get("deletionTimestamp"):
        return Ending("deleted", grace)
    if seen.refusal is not None:
        text = f"Pod was rejected: {seen.refusal.message}"
        return Ending("refused", grace, "Failed", seen.refusal.reason, text)
    if seen.preempted:
        return Ending("preempted", grace, "Failed", preemption.REASON, preemption.MESSAGE)
    if podspec.is_finished(pod) or _all_done(pod, seen):
        return Ending("finished", grace)
    at = deadline(pod)
    if at is not None and now >= at:
        text = "Pod was active on the node longer than the specified deadline"
        return Ending("deadline", grace, "Failed", "DeadlineExceeded", text)
    return None


def deadline(pod: Obj) -> float | None:
    """When `activeDeadlineSeconds` is over, counted from the pod's start."""
    seconds = pod["spec"].get("activeDeadlineSeconds")
    start = (pod.get("status") or {}).get("startTime")
    return timestamps.parse(start) + seconds if seconds is not None and start else None


def _all_done(pod: Obj, seen: Seen) -> bool:
    """Whether nothing of the pod will ever be started again."""
    if any(key.startswith("start/") for key in seen.in_flight):
        return False
    mains = [(c, seen.latest(c["name"])) for c in podspec.containers(pod)]
    if all(last and last.exited and not should_restart(pod, c, last) for c, last in mains):
        return bool(mains)
    if any(last is not None for _, last in mains):
        return False
    for container in podspec.init_containers(pod):
        last = seen.latest(container["name"])
        if last and last.exited and last.status.exit_code and not should_restart_init(pod, container, last):
            return True
    return False


def plan_ending(pod: Obj, ending: Ending, draft: Draft) -> None:
    """Each step waits for the one before it; a step that is done is not planned again."""
    seen = draft.seen
    if _stop_containers(pod, ending, draft) or _still_making(seen):
        return
    standing = [s for s in seen.sandboxes if s.id not in seen.stopped]
    for sandbox in standing:
        draft.act(StopSandbox(sandbox.id))
    if standing:
        return
    if not seen.cleaned:
        draft.act(CleanUp())
    elif ending.cause == "gone":
        for sandbox in seen.sandboxes:
            draft.act(RemoveSandbox(sandbox.id))
        draft.done = not seen.sandboxes and not seen.in_flight
    elif ending.cause == "deleted" and not seen.deleted:
        draft.act(DeletePod())


def _still_making(seen: Seen) -> bool:
    """Whether something begun before the end is not finished (or given up) yet."""
    return any(key.startswith(("start/", "image/", "sandbox", "volumes")) for key in seen.in_flight)


def _stop_containers(pod: Obj, ending: Ending, draft: Draft) -> bool:
    """Whether any container still runs."""
    seen = draft.seen
    since = seen.terminating_since if seen.terminating_since is not None else draft.now
    left = max(ending.grace - (draft.now - since), 0.0)
    running = [c for c in seen.containers if c.running]
    order = [c["name"] for c in podspec.init_containers(pod) if podspec.is_sidecar(c)]
    mains = [c for c in running if c.name not in order]
    for incarnation in mains:
        _kill(draft, incarnation, left, pre_stop=True)
    waiting_for = bool(mains)
    for name in reversed(order):
        for incarnation in (c for c in running if c.name == name):
            _stop_sidecar(pod, draft, incarnation, left, its_turn=not waiting_for or left <= 0)
            waiting_for = True
    if waiting_for and left > 0:
        draft.wake(draft.now + left)
    return bool(running)


def _stop_sidecar(pod: Obj, draft: Draft, sidecar: Incarnation, left: float, *, its_turn: bool) -> None:
    """Its preStop hook runs with everyone's; the signal comes at its turn."""
    container = podspec.container_named(pod, sidecar.name) or {}
    hook = (container.get("lifecycle") or {}).get("preStop")
    if hook and sidecar.id not in draft.seen.pre_stopped and left > 0:
        draft.act(RunPreStop(sidecar.name, sidecar.id, left))
    elif its_turn:
        _kill(draft, sidecar, left, pre_stop=False)


def _kill(draft: Draft, incarnation: Incarnation, left: float, *, pre_stop: bool) -> None:
    grace = max(left, LEAST_GRACE)
    message = f"Stopping container {incarnation.name}"
    draft.act(KillContainer(incarnation.name, incarnation.id, grace, pre_stop, message))
