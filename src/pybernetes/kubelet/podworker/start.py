"""The plan of a pod that is to run: sandbox, volumes, images, init containers in order, containers."""

from __future__ import annotations

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.kubelet import labels, podspec
from pybernetes.kubelet.runtime import PodSandboxStatus
from pybernetes.lang.durations import go_duration

from .actions import (
    CreateSandbox,
    EnsureImage,
    KillContainer,
    MountVolumes,
    Notice,
    RemoveContainer,
    ResizeContainer,
    StartContainer,
    StopSandbox,
)
from .containerstatus import Waiting
from .draft import Draft
from .resize import changed, wants_restart
from .restart import should_restart, should_restart_init, turn
from .seen import ImageOutcome, Incarnation, ProbeResults, Seen

# For how long a failed pull is told as ErrImagePull before it is told as ImagePullBackOff.
FRESH_PULL_ERROR = 2.0


def current_sandbox(pod: Obj, seen: Seen) -> PodSandboxStatus | None:
    """The sandbox to use: the newest, if it is ready, in the right network and alone."""
    ready = [s for s in seen.sandboxes if s.state == "READY"]
    if len(ready) != 1 or seen.sandboxes[0] is not ready[0] or ready[0].id in seen.stopped:
        return None
    host = podspec.is_host_network(pod)
    if (ready[0].namespace_options.network == "NODE") != host or (not host and not ready[0].ips):
        return None
    return ready[0]


def plan_running(pod: Obj, draft: Draft) -> None:
    """Volumes, sandbox and images are prepared side by side; a container starts when all of its own are there."""
    seen = draft.seen
    if not seen.volumes_ready:
        draft.act(MountVolumes())
    sandbox = current_sandbox(pod, seen)
    if sandbox is None:
        _replace_sandbox(draft)
    sandbox_id = sandbox.id if sandbox else ""
    if _init_containers(pod, draft, sandbox_id):
        _containers(pod, draft, sandbox_id)
    if sandbox_id:
        for container in podspec.ephemeral_containers(pod):
            if seen.latest(container["name"]) is None:
                _want(pod, draft, container, sandbox_id)


def _replace_sandbox(draft: Draft) -> None:
    """Old sandboxes are stopped first (their addresses and host ports come free), then the next one is made."""
    seen = draft.seen
    stale = [s for s in seen.sandboxes if s.id not in seen.stopped]
    if any(s.state == "READY" for s in stale) and CreateSandbox.key not in seen.in_flight:
        message = "Pod sandbox changed, it will be killed and re-created."
        draft.notices.append(Notice("Normal", "SandboxChanged", message))
    for sandbox in stale:
        draft.act(StopSandbox(sandbox.id))
    if not stale:
        draft.act(CreateSandbox(seen.sandboxes[0].metadata.attempt + 1 if seen.sandboxes else 0))


def _init_containers(pod: Obj, draft: Draft, sandbox_id: str) -> bool:
    """Whether the regular containers may start."""
    initialized = any(_in_sandbox(draft.seen.latest(c["name"]), sandbox_id) for c in podspec.containers(pod))
    for container in podspec.init_containers(pod):
        newest = draft.seen.latest(container["name"])
        if initialized:
            if podspec.is_sidecar(container):
                _keep_running(pod, draft, container, sandbox_id)
        elif not _in_sandbox(newest, sandbox_id):
            _begin(pod, draft, container, newest, sandbox_id)
            return False
        elif podspec.is_sidecar(container):
            _keep_running(pod, draft, container, sandbox_id)
            if not _started(draft, container, newest):
                return False
        elif newest is not None and not (newest.exited and newest.status.exit_code == 0):
            if newest.exited and should_restart_init(pod, container, newest):
                _want(pod, draft, container, sandbox_id)
            return False
    return True


def _containers(pod: Obj, draft: Draft, sandbox_id: str) -> None:
    """All at once, but none before the postStart hook of an earlier one has ended."""
    for container in podspec.containers(pod):
        _keep_running(pod, draft, container, sandbox_id)
        hook = (container.get("lifecycle") or {}).get("postStart")
        newest = draft.seen.latest(container["name"])
        starting = f"start/{container['name']}" in draft.seen.in_flight
        if hook and (starting or not _in_sandbox(newest, sandbox_id)):
            return


def _in_sandbox(incarnation: Incarnation | None, sandbox_id: str) -> bool:
    """Whether it ran (or runs) in this sandbox."""
    return (
        incarnation is not None
        and incarnation.sandbox_id == sandbox_id
        and (incarnation.running or incarnation.exited)
    )


def _started(draft: Draft, container: Obj, incarnation: Incarnation | None) -> bool:
    if incarnation is None or not incarnation.running or f"start/{container['name']}" in draft.seen.in_flight:
        return False
    results = draft.seen.probes.get(incarnation.id, ProbeResults())
    return results.startup is True or not container.get("startupProbe")


def _begin(pod: Obj, draft: Draft, container: Obj, newest: Incarnation | None, sandbox_id: str) -> None:
    """Starts what has not run in this sandbox; what a crash left half made is removed first."""
    if newest is not None and newest.status.state in ("CREATED", "UNKNOWN"):
        if f"start/{newest.name}" not in draft.seen.in_flight:
            draft.act(RemoveContainer(newest.id))
        return
    _want(pod, draft, container, sandbox_id)


def _keep_running(pod: Obj, draft: Draft, container: Obj, sandbox_id: str) -> None:
    newest = draft.seen.latest(container["name"])
    if newest is not None and newest.exited:
        sidecar = podspec.is_sidecar(container)
        if sidecar or should_restart(pod, container, newest):
            _want(pod, draft, container, sandbox_id)
    elif newest is None or not newest.running or newest.sandbox_id != sandbox_id:
        _begin(pod, draft, container, newest, sandbox_id)
    elif message := _why_kill(pod, container, newest, draft.seen):
        draft.act(
            KillContainer(
                newest.name, newest.id, _restart_grace(pod, container, newest, draft.seen), True, message
            )
        )
    elif changed(pod, container, newest, draft.seen):
        _resize(draft, newest)


def _resize(draft: Draft, running: Incarnation) -> None:
    failure = draft.seen.failures.get(f"resize/{running.name}")
    if failure is not None and failure.retry_at > draft.now:
        draft.wake(failure.retry_at)
    else:
        draft.act(ResizeContainer(running.name, running.id, running.attempt))


def _why_kill(pod: Obj, container: Obj, running: Incarnation, seen: Seen) -> str:
    """ "" for a container that is as it should be."""
    known = running.status.annotations.get(labels.CONTAINER_HASH)
    results = seen.probes.get(running.id, ProbeResults())
    if known is not None and known != podspec.container_hash(container):
        return f"Container {running.name} definition changed, will be restarted"
    if results.startup is False:
        return f"Container {running.name} failed startup probe, will be restarted"
    if results.liveness is False:
        return f"Container {running.name} failed liveness probe, will be restarted"
    if container.get("resizePolicy") and wants_restart(container, changed(pod, container, running, seen)):
        return f"Container {running.name} resize requires restart"
    return ""


def _restart_grace(pod: Obj, container: Obj, running: Incarnation, seen: Seen) -> float:
    """The failed probe's own grace period, else the pod's."""
    results = seen.probes.get(running.id, ProbeResults())
    probe = container.get("startupProbe" if results.startup is False else "livenessProbe") or {}
    failed = results.startup is False or results.liveness is False
    own = probe.get("terminationGracePeriodSeconds") if failed else None
    grace = own if own is not None else pod["spec"].get("terminationGracePeriodSeconds", 30)
    return float(max(grace, 2))


def _want(pod: Obj, draft: Draft, container: Obj, sandbox_id: str) -> None:
    """Starts the next incarnation once back-off, image, volumes and sandbox allow it."""
    seen, name = draft.seen, container["name"]
    newest = seen.latest(name)
    if f"start/{name}" in seen.in_flight:
        return
    if newest is not None and newest.exited and not _may_restart(pod, draft, container, newest):
        return
    if failure := seen.failures.get(f"start/{name}"):
        draft.waiting[name] = Waiting(failure.reason, failure.message)
        if failure.retry_at > draft.now:
            draft.wake(failure.retry_at)
            return
    attempt = next_attempt(pod, newest, name)
    image_id = _image(draft, container, attempt)
    if image_id and sandbox_id and seen.volumes_ready:
        draft.act(StartContainer(name, attempt, sandbox_id, image_id))


def next_attempt(pod: Obj, newest: Incarnation | None, name: str) -> int:
    """The restart count of the next incarnation; counted on from the API where the runtime has lost its trace."""
    if newest is not None:
        return newest.attempt + 1
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for old in status.get(field) or ():
            if old["name"] == name and old.get("containerID"):
                return int(old.get("restartCount", 0)) + 1
    return 0


def _may_restart(pod: Obj, draft: Draft, container: Obj, exited: Incarnation) -> bool:
    key = podspec.restart_key(container)
    decision = turn(exited, draft.seen.backoffs.get(key), draft.now, draft.seen.max_backoff)
    draft.backoffs[key] = decision.entry
    if decision.allowed:
        return True
    full = f"{name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"
    name, delay = container["name"], go_duration(decision.entry.delay)
    text = f"back-off {delay} restarting failed container={name} pod={full}"
    draft.waiting[name] = Waiting("CrashLoopBackOff", text)
    told = f"Back-off restarting failed container {name} in pod {full}"
    draft.notices.append(Notice("Warning", "BackOff", told, name))
    draft.wake(decision.until)
    return False


def _image(draft: Draft, container: Obj, attempt: int) -> str:
    """The image's id for this incarnation, or "" (and asks for it, or says why it is not there)."""
    name, image = container["name"], container.get("image", "")
    outcome = draft.seen.images.get(name)
    if outcome is None or outcome.attempt != attempt or outcome.image != image:
        draft.act(EnsureImage(name, attempt))
        return ""
    if outcome.image_id:
        return outcome.image_id
    draft.waiting[name] = _image_problem(draft, name, outcome)
    if outcome.retry_at:
        if outcome.retry_at <= draft.now:
            draft.act(EnsureImage(name, attempt))
        else:
            draft.wake(outcome.retry_at)
    return ""


def _image_problem(draft: Draft, name: str, outcome: ImageOutcome) -> Waiting:
    if outcome.reason not in ("ErrImagePull", "RegistryUnavailable"):
        return Waiting(outcome.reason, outcome.message)
    stale_at = outcome.tried_at + FRESH_PULL_ERROR
    if draft.now < stale_at:
        draft.wake(stale_at)
        return Waiting(outcome.reason, outcome.message)
    told = f'Back-off pulling image "{outcome.image}"'
    draft.notices.append(Notice("Normal", "BackOff", told, name))
    draft.notices.append(Notice("Warning", "Failed", "Error: ImagePullBackOff", name))
    return Waiting("ImagePullBackOff", f"{told}: {outcome.reason}: {outcome.message}")
