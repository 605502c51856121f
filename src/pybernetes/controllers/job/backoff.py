"""How long a Job waits before it replaces a failed pod: 10 s, doubled with each failure in a row, at most 10 minutes."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import Obj
from pybernetes.lang.timestamps import parse

FIRST_SECONDS, LONGEST_SECONDS = 10.0, 600.0


def wait_seconds(failed: Iterable[Obj], succeeded: Iterable[Obj], now: float) -> float:
    """Seconds until the next pod may be created. `failed` and `succeeded` are the pods that are still there: only the
    failures since the last success count."""
    last_success = max((finished_at(pod) for pod in succeeded), default=0.0)
    failures = [at for pod in failed if (at := finished_at(pod)) >= last_success]
    if not failures:
        return 0.0
    pause = min(FIRST_SECONDS * 2 ** min(len(failures) - 1, 10), LONGEST_SECONDS)
    return float(max(0.0, max(failures) + pause - now))


def finished_at(pod: Obj) -> float:
    """When the last container of a pod ended, in Unix seconds; the best that is known where none says so."""
    status = pod.get("status") or {}
    ends = [
        parse(terminated["finishedAt"])
        for field in ("containerStatuses", "initContainerStatuses")
        for container in status.get(field) or ()
        if (terminated := (container.get("state") or {}).get("terminated")) and terminated.get("finishedAt")
    ]
    if ends:
        return max(ends)
    if deleted := pod["metadata"].get("deletionTimestamp"):
        return parse(deleted)
    changes = [c["lastTransitionTime"] for c in status.get("conditions") or () if c.get("lastTransitionTime")]
    return max(map(parse, [*changes, pod["metadata"]["creationTimestamp"]]))
