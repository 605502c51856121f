"""How long a Job waits before it replaces a failed pod: 10 s, doubled with each failure in a row, at most 10 minutes.

Pods that are still there tell of failures, also after a restart; those that were deleted are remembered, as upstream does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybernetes.api.meta import Obj, uid_of
from pybernetes.lang.timestamps import parse

FIRST_SECONDS, LONGEST_SECONDS = 10.0, 600.0
ENOUGH = 10
"""More failures in a row than these change nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    """The latest failures of a Job (its uid) since the last success: (the pod's uid, when it ended in Unix seconds)."""

    job: str
    failures: tuple[tuple[str, float], ...] = ()
    success: float = 0.0


def remembered(record: Record, failed: Iterable[Obj], succeeded: Iterable[Obj]) -> Record:
    """The record with the pods that are there now."""
    success = max(map(finished_at, succeeded), default=0.0)
    success = max(success, record.success)
    known = {uid_of(pod): finished_at(pod) for pod in failed}
    # What was noted first stays: a pod that is being deleted may still report a later end.
    since = [(uid, at) for uid, at in (known | dict(record.failures)).items() if at >= success]
    return Record(record.job, tuple(sorted(since, key=lambda failure: failure[1])[-ENOUGH:]), success)


def wait_seconds(record: Record, now: float) -> float:
    """Seconds until the next pod may be created."""
    return left(record.failures[-1][1], len(record.failures), now) if record.failures else 0.0


def left(since: float, failures: int, now: float) -> float:
    """Seconds until the next attempt after that many failures, the last of them at `since`."""
    pause = min(FIRST_SECONDS * 2 ** (min(failures, ENOUGH) - 1), LONGEST_SECONDS)
    return float(max(0.0, since + pause - now))


def finished_at(pod: Obj) -> float:
    """When the last container of a pod ended, in Unix seconds; the best that is known where none says so."""
    status, metadata = pod.get("status") or {}, pod["metadata"]
    ends = [
        parse(terminated["finishedAt"])
        for field in ("containerStatuses", "initContainerStatuses")
        for container in status.get(field) or ()
        if (terminated := (container.get("state") or {}).get("terminated")) and terminated.get("finishedAt")
    ]
    if ends:
        return max(ends)
    for condition in status.get("conditions") or ():
        unready = condition["type"] == "Ready" and condition["status"] == "False"
        if unready and condition.get("lastTransitionTime"):
            return parse(condition["lastTransitionTime"])
    if deleted := metadata.get("deletionTimestamp"):
        return parse(deleted) - float(metadata.get("deletionGracePeriodSeconds") or 0)
    return parse(metadata["creationTimestamp"])
