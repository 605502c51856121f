"""Facts about a pod that several controllers go by."""

from __future__ import annotations

from pybernetes.api.meta import Obj, is_deleting
from pybernetes.lang.timestamps import parse


def condition(obj: Obj, condition_type: str) -> Obj | None:
    """The condition of that type in `status.conditions`."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry.get("type") == condition_type:
            return entry  # type: ignore[no-any-return]
    return None


def phase(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def is_finished(pod: Obj) -> bool:
    """Whether the pod will never run again."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Obj) -> bool:
    """Whether the pod counts as one of its controller's replicas: neither finished nor being deleted."""
    return not is_finished(pod) and not is_deleting(pod)


def is_ready(pod: Obj) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready.get("status") == "True"


def available_in(pod: Obj, min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the pod counts as available: 0 if it does, None if it is not even ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    since = ready.get("lastTransitionTime")
    if min_ready_seconds == 0 or not since:
        return 0.0
    return max(0.0, parse(since) + min_ready_seconds - now)
