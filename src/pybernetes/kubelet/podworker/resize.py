"""Giving a running container other resources, in place or by a restart, as its resizePolicy says."""

from __future__ import annotations

from pybernetes.api.meta import Obj
from pybernetes.kubelet import cgroups, podspec
from pybernetes.kubelet.allocation import STATUSES, differing, with_resources
from pybernetes.kubelet.host import CgroupLimits
from pybernetes.kubelet.resources import linux_resources

from .actions import ResizeContainer
from .memory import ActionFailed, Memory
from .parts import Parts
from .seen import Incarnation, Seen

PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"


def has(pod: Obj, container: Obj, running: Incarnation, seen: Seen) -> Obj:
    """The resources that a running container has: as this worker gave them or, where an earlier one did, as it told."""
    name = container["name"]
    attempt, given = seen.given.get(name, (-1, {}))
    if attempt == running.attempt:
        return given
    for field in STATUSES.values():
        for state in (pod.get("status") or {}).get(field) or ():
            if (
                state["name"] == name
                and state.get("restartCount") == running.attempt
                and state.get("resources")
            ):
                found: Obj = state["resources"]
                return found
    return container.get("resources") or {}


def changed(pod: Obj, container: Obj, running: Incarnation, seen: Seen) -> set[str]:
    """The resources of which it does not have what it should."""
    now, wanted = has(pod, container, running, seen), container.get("resources") or {}
    return set() if now == wanted else differing(now, wanted)


def wants_restart(container: Obj, resources: set[str]) -> bool:
    """Whether a change of one of these resources restarts the container."""
    return any(
        policy["resourceName"] in resources and policy.get("restartPolicy") == "RestartContainer"
        for policy in container.get("resizePolicy") or ()
    )


def resize_conditions(pod: Obj, seen: Seen) -> list[tuple[str, str, str]]:
    """(type, reason, message) of what is to be told."""
    found = []
    if seen.pending is not None:
        found.append((PENDING, seen.pending.reason, seen.pending.message))
    busy, problems = False, []
    for container in (*podspec.init_containers(pod), *podspec.containers(pod)):
        name = container["name"]
        if container.get("resources") and (newest := seen.latest(name)) is not None and newest.running:
            busy = busy or bool(changed(pod, container, newest, seen))
            if failure := seen.failures.get(f"resize/{name}"):
                problems.append(failure.message)
    if busy:
        found.append((IN_PROGRESS, "Error" if problems else "", "; ".join(problems)))
    return found


async def resize_container(parts: Parts, pod: Obj, action: ResizeContainer, memory: Memory) -> None:
    """In place. The pod's own limits are at no time below those of its containers. Raises ActionFailed, CRIError."""
    container = podspec.container_named(pod, action.container)
    if container is None:
        return
    wanted = linux_resources(pod, container, parts.node_memory)
    if wanted.memory_limit_in_bytes:
        usage = (await parts.runtime.container_stats(action.container_id)).memory_usage_bytes
        if usage > wanted.memory_limit_in_bytes:
            limit = wanted.memory_limit_in_bytes
            text = f"attempting to set memory limit ({limit}) below current usage ({usage})"
            raise ActionFailed("Error", f"cannot decrease memory limits: {text}", most=30.0)
    before = with_resources(pod, {name: resources for name, (_, resources) in memory.given.items()})
    await _limit(parts, pod, _roomier(cgroups.pod_limits(before), cgroups.pod_limits(pod)))
    await parts.runtime.update_container_resources(action.container_id, wanted)
    await _limit(parts, pod, cgroups.pod_limits(pod, parts.config.pod_pids_limit))
    memory.given[action.container] = (action.attempt, container.get("resources") or {})


async def _limit(parts: Parts, pod: Obj, limits: CgroupLimits) -> None:
    if parts.config.cgroups_per_qos:
        try:
            await parts.host.ensure_cgroup(cgroups.pod_cgroup(pod), limits)
        except OSError as error:
            raise ActionFailed("Error", f"resizing the pod's cgroup: {error}") from error


def _roomier(one: CgroupLimits, other: CgroupLimits) -> CgroupLimits:
    """Limits that are enough for both; what one of them leaves open is left as it is."""

    def most(a: int, b: int) -> int:
        return max(a, b) if a and b else 0

    return CgroupLimits(
        cpu_shares=max(one.cpu_shares, other.cpu_shares),
        cpu_quota=most(one.cpu_quota, other.cpu_quota),
        cpu_period=one.cpu_period,
        memory=most(one.memory, other.memory),
    )
