"""A pod's phase from its containers' statuses (upstream's `getPhase`)."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.meta import Obj
from pybernetes.kubelet import podspec


def phase_of(pod: Obj, inits: Sequence[Obj], mains: Sequence[Obj], *, ended: bool) -> str:
    """`ended`: the pod is being or has been ended, nothing will be started again."""
    initialized = any(_has_run(status) for status in mains)
    pending, failed = _init_counts(pod, inits, initialized)
    policy = podspec.restart_policy(pod)
    if failed and policy == "Never":
        return "Failed"
    if pending and not ended:
        return "Pending"
    states = [_state(status) for status in mains]
    if "waiting" in states and not ended:
        return "Pending"
    if "running" in states:
        return "Running"
    if not states or "waiting" in states:
        return "Failed" if ended else "Pending"
    if all(state == "succeeded" for state in states):
        return "Running" if policy == "Always" and not ended else "Succeeded"
    if ended or (policy == "Never"):
        return "Failed"
    return "Running"


def _init_counts(pod: Obj, inits: Sequence[Obj], initialized: bool) -> tuple[int, int]:
    """(still to come, failed for good). Once a main container has run, sidecars no longer count."""
    by_name = {status["name"]: status for status in inits}
    pending = failed = 0
    for container in podspec.init_containers(pod):
        status = by_name.get(container["name"], {"state": {}})
        if podspec.is_sidecar(container):
            pending += not initialized and not status.get("started")
            continue
        match _state(status):
            case "running" | "waiting":
                pending += not initialized
            case "failed":
                failed += 1
    return pending, failed


def _has_run(status: Obj) -> bool:
    return bool(
        status["state"].get("running") or status["state"].get("terminated") or status.get("lastState")
    )


def _state(status: Obj) -> str:
    """running, waiting (never ran), succeeded or failed; waiting to be restarted counts as its last exit."""
    state = status.get("state") or {}
    if "running" in state:
        return "running"
    terminated = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    if terminated is None:
        return "waiting"
    return "succeeded" if terminated.get("exitCode") == 0 else "failed"
