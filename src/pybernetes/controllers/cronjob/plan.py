"""CronJob: keep the history short, note what has ended, and make the Job of the latest moment that is due.

The name of a Job is made of the minute it is for, so that a crash between its creation and the status cannot make two.
Events and messages are upstream's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    is_deleting,
    name_of,
    namespace_of,
    resource_version_of,
    uid_of,
)
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owner_key
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Delete, Plan, Report, Steps, Update
from pybernetes.controllers.job.ending import is_finished, is_true
from pybernetes.lang import cron
from pybernetes.lang.timestamps import parse, rfc3339

from .due import TOO_MANY_MISSED, Due, UnknownTimeZone, due, zone_of

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
UNSEEN = 10.0
"""Seconds until a Job that should be there is looked for again."""
LATE = 0.1
"""Seconds after a moment at which it is looked at, so that it has surely passed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A CronJob and the Jobs that it owns."""

    cron_job: Obj
    jobs: Sequence[Obj]


def observe(key: str, caches: Caches) -> Seen | None:
    cron_job = caches.get(kinds.CRONJOB, key)
    return None if cron_job is None else Seen(cron_job, caches.owned(kinds.JOB, cron_job))


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    cron_job = seen.cron_job
    steps = Steps()
    _shorten_history(steps, seen)
    status = _status(steps, seen)
    if status != (cron_job.get("status") or {}):
        steps.add(Update(kinds.CRONJOB, {**cron_job, "status": status}, "Jobs changed", "status"))
        steps.look_again(0.0)
        return steps.plan("noting what its Jobs have done")
    if is_deleting(cron_job):
        return steps.plan("deletion in progress")
    if cron_job["spec"].get("suspend"):
        return steps.plan("suspended")
    try:
        zone = zone_of(cron_job)
        schedule = cron.parse(cron_job["spec"]["schedule"])
    except UnknownTimeZone as error:
        return _cannot(steps, cron_job, "UnknownTimeZone", str(error))
    except cron.CronError as error:
        text = cron_job["spec"]["schedule"]
        return _cannot(steps, cron_job, "UnparseableSchedule", f"unparseable schedule: {text} : {error}")
    found = due(cron_job, schedule, zone, now)
    if found.next_in is not None:
        steps.look_again(found.next_in + LATE)
    return _start(steps, seen, found, zone, now)


def _cannot(steps: Steps, cron_job: Obj, reason: str, message: str) -> Plan:
    """Looks again only when the CronJob changes."""
    steps.add(Report(cron_job, "Warning", reason, message))
    return steps.plan(message)


def _start(steps: Steps, seen: Seen, found: Due, zone: tzinfo, now: float) -> Plan:
    cron_job, spec = seen.cron_job, seen.cron_job["spec"]
    if found.latest is None:
        return steps.plan("nothing is due")
    if found.missed > TOO_MANY_MISSED:
        message = (
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        )
        steps.add(Report(cron_job, "Warning", "TooManyMissedTimes", message))
    deadline = spec.get("startingDeadlineSeconds")
    if deadline is not None and found.latest + deadline < now:
        moment = datetime.fromtimestamp(found.latest, UTC).strftime("%a, %d %b %Y %H:%M:%S %z")
        message = f"Missed scheduled time to start a job: {moment}"
        steps.add(Report(cron_job, "Warning", "MissSchedule", message))
        return steps.plan("too late")
    name = job_name(cron_job, found.latest)
    if any(name_of(job) == name for job in seen.jobs):
        return steps.plan("the Job of this moment is there")
    running = _running(seen)
    if running and spec["concurrencyPolicy"] == "Forbid":
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        steps.add(Report(cron_job, "Normal", "JobAlreadyActive", message))
        return steps.plan("the Job before still runs")
    if running and spec["concurrencyPolicy"] == "Replace":
        steps.add(*(_delete(cron_job, job, "replaced") for job in running))
    steps.add(_create(cron_job, name, found.latest, zone))
    # The Job's appearance calls for the next look. Where it was there before and the cache does not know it yet, or it
    # is not this CronJob's, looking at once would find the same again.
    steps.look_again(UNSEEN)
    return steps.plan(f"starting {name}")


def job_name(cron_job: Obj, scheduled: float) -> str:
    """The CronJob's name and the minute, counted from 1970."""
    return f"{name_of(cron_job)}-{int(scheduled) // 60}"


def _create(cron_job: Obj, name: str, scheduled: float, zone: tzinfo) -> Create:
    template = cron_job["spec"]["jobTemplate"]
    given = template.get("metadata") or {}
    when = datetime.fromtimestamp(scheduled, zone).isoformat().replace("+00:00", "Z")
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace_of(cron_job),
        "annotations": {**(given.get("annotations") or {}), SCHEDULED: when},
        "ownerReferences": [owner_reference(cron_job, kinds.CRONJOB)],
    }
    if given.get("labels"):
        metadata["labels"] = given["labels"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    return Create(
        kinds.JOB,
        job,
        "due",
        success=Report(cron_job, "Normal", "SuccessfulCreate", "Created job {name}"),
        failure=Report(cron_job, "Warning", "FailedCreate", "Error creating job: {error}"),
        exists_ok=True,
    )


def _delete(cron_job: Obj, job: Obj, why: str) -> Delete:
    name = name_of(job)
    return Delete(
        kinds.JOB,
        namespace_of(job),
        name,
        uid_of(job),
        why,
        propagation="Background",
        success=Report(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {name}"),
        failure=Report(cron_job, "Warning", "FailedDelete", "Deleted job: {error}"),
    )


def _shorten_history(steps: Steps, seen: Seen) -> None:
    """Deletes the oldest finished Jobs beyond the two limits."""
    spec = seen.cron_job["spec"]
    for condition, field in (
        ("Complete", "successfulJobsHistoryLimit"),
        ("Failed", "failedJobsHistoryLimit"),
    ):
        limit = spec.get(field)
        ended = sorted((job for job in seen.jobs if is_true(job, condition)), key=_age)
        if limit is not None and len(ended) > limit:
            doomed = ended[: len(ended) - limit]
            steps.add(*(_delete(seen.cron_job, job, "beyond the history limit") for job in doomed))


def _age(job: Obj) -> tuple[str, str]:
    started = (job.get("status") or {}).get("startTime") or job["metadata"]["creationTimestamp"]
    return started, name_of(job)


def _status(steps: Steps, seen: Seen) -> dict[str, Any]:
    """The status as its Jobs have it; what has changed since the last one is told in events."""
    cron_job, jobs = seen.cron_job, seen.jobs
    old = cron_job.get("status") or {}
    running = _running(seen)
    _tell(steps, seen, running)
    succeeded = [
        job["status"]["completionTime"]
        for job in jobs
        if is_true(job, "Complete") and job["status"].get("completionTime")
    ]
    status = {
        "active": [_reference(job) for job in sorted(running, key=_age)],
        "lastScheduleTime": _latest([old.get("lastScheduleTime"), *map(_scheduled, jobs)]),
        "lastSuccessfulTime": _latest([old.get("lastSuccessfulTime"), *succeeded]),
    }
    return {field: value for field, value in status.items() if value}


def _running(seen: Seen) -> list[Obj]:
    """The Jobs that run and were made by the schedule. One that somebody else made in the CronJob's name (`kubectl create
    job --from`) keeps none of them waiting."""
    active = {ref["uid"] for ref in (seen.cron_job.get("status") or {}).get("active") or ()}
    return [
        job
        for job in seen.jobs
        if not is_finished(job) and (uid_of(job) in active or SCHEDULED in annotations_of(job))
    ]


def _tell(steps: Steps, seen: Seen, running: Sequence[Obj]) -> None:
    by_uid = {uid_of(job): job for job in seen.jobs}
    ours = {uid_of(job) for job in running}
    for other in seen.jobs:
        if not is_finished(other) and uid_of(other) not in ours:
            message = f"Saw a job that the controller did not create or forgot: {name_of(other)}"
            steps.add(Report(seen.cron_job, "Warning", "UnexpectedJob", message))
    for reference in (seen.cron_job.get("status") or {}).get("active") or ():
        job = by_uid.get(reference["uid"])
        if job is None:
            message = f"Active job went missing: {reference['name']}"
            steps.add(Report(seen.cron_job, "Normal", "MissingJob", message))
        elif is_finished(job):
            ended = "Complete" if is_true(job, "Complete") else "Failed"
            message = f"Saw completed job: {name_of(job)}, condition: {ended}"
            steps.add(Report(seen.cron_job, "Normal", "SawCompletedJob", message))


def _reference(job: Obj) -> dict[str, str]:
    before = {
        "kind": "Job",
        "namespace": namespace_of(job),
        "name": name_of(job),
        "uid": uid_of(job),
        "apiVersion": "batch/v1",
    }
    return {**before, "resourceVersion": resource_version_of(job)}


def _scheduled(job: Obj) -> str | None:
    """The moment that a Job was made for."""
    text = (job["metadata"].get("annotations") or {}).get(SCHEDULED)
    return rfc3339(datetime.fromisoformat(text).timestamp()) if text else None


def _latest(times: Iterable[str | None]) -> str | None:
    return max((time for time in times if time), key=parse, default=None)


CONTROLLER = ControllerDef(
    "cronjob-controller",
    watches=(
        itself(kinds.CRONJOB),
        Watch(kinds.JOB, lambda job, _caches: [key] if (key := owner_key(job, kinds.CRONJOB)) else []),
    ),
    observe=observe,
    plan=plan,
    account="cronjob-controller",
)
