"""Why a kubelet writes a status, in words: what its containers do now. Recorded with the write, told by `story`."""

from __future__ import annotations

from pybernetes.api.meta import Obj, name_of, namespace_of, resource_version_of
from pybernetes.client.interface import Reaction


def reaction_to(pod: Obj, status: Obj) -> Reaction:
    """What the kubelet had seen of the pod, and what its containers are doing."""
    return Reaction("Pod", namespace_of(pod), name_of(pod), resource_version_of(pod), reason_of(status))


def reason_of(status: Obj) -> str:
    """`main is running; side waits: CrashLoopBackOff`."""
    lists = (status.get(field) or () for field in ("initContainerStatuses", "containerStatuses"))
    told = [f"{each['name']} {_doing(each)}" for each in (each for found in lists for each in found)]
    return "; ".join(told) or status.get("reason") or f"it is {status.get('phase', 'Unknown')}"


def _doing(container: Obj) -> str:
    state = container.get("state") or {}
    if "running" in state:
        return "is ready" if container.get("ready") else "is running, not ready"
    if ended := state.get("terminated"):
        return f"has ended with {ended.get('exitCode', 0)}: {ended.get('reason', 'Unknown')}"
    return f"waits: {(state.get('waiting') or {}).get('reason', 'Unknown')}"
