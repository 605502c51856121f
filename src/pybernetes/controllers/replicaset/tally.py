"""How many pods a ReplicaSet has, and in which state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj
from pybernetes.controllers.pods import available_in


@dataclass(slots=True)
class Tally:
    """`active` neither have ended nor are being deleted; `wait`: in how many seconds one more of them becomes
    available."""

    active: list[Obj] = field(default_factory=list)
    fully_labeled: int = 0
    ready: int = 0
    available: int = 0
    terminating: int = 0
    wait: float | None = None


def tally(pods: Iterable[Obj], template_labels: Mapping[str, str], min_ready: int, now: float) -> Tally:
    """In one pass: it is made anew at each change of one of what may be 10,000 pods. `min_ready` in seconds."""
    found, wanted = Tally(), template_labels.items()
    for pod in pods:
        metadata, status = pod["metadata"], pod.get("status") or {}
        if metadata.get("deletionTimestamp"):
            found.terminating += 1
            continue
        if status.get("phase") in ("Succeeded", "Failed"):
            continue
        found.active.append(pod)
        found.fully_labeled += wanted <= (metadata.get("labels") or {}).items()
        for condition in status.get("conditions") or ():
            if condition.get("type") == "Ready":
                if condition.get("status") == "True":
                    _count_ready(found, pod, min_ready, now)
                break
    return found


def _count_ready(found: Tally, pod: Obj, min_ready: int, now: float) -> None:
    found.ready += 1
    wait = available_in(pod, min_ready, now) if min_ready else 0.0
    if wait == 0.0:
        found.available += 1
    elif wait is not None:
        found.wait = wait if found.wait is None else min(found.wait, wait)
