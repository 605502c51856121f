"""The status of a Job: counts, uncounted pods, conditions with the times of their changes, and the events of a change."""

from __future__ import annotations

from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.control.plan import Report
from pybernetes.controllers.pods import condition
from pybernetes.lang.timestamps import rfc3339

from . import indexes
from .accounting import Account, is_indexed
from .ending import FAILURE, FINAL, SUCCESS, Ending, is_finished, is_true


def status_of(account: Account, ending: Ending | None, now: float) -> dict[str, Any]:
    """The whole status. The last word (Complete, Failed) only once everything is gone and counted."""
    job = account.job
    old = job.get("status") or {}
    suspended = bool(job["spec"].get("suspend"))
    fresh: dict[str, Any] = {
        "conditions": _conditions(account, ending, suspended, now),
        "startTime": None if suspended else old.get("startTime") or rfc3339(now),
        "active": len(account.active),
        "succeeded": len(account.completed) if is_indexed(job) else account.succeeded,
        "failed": account.failed,
        "completedIndexes": indexes.write(account.completed),
    }
    status = {field: value for field, value in fresh.items() if value}
    if ending is not None and suspended and old.get("startTime"):
        status["startTime"] = old["startTime"]
    if account.failed_indexes is not None:
        status["failedIndexes"] = indexes.write(account.failed_indexes)
    uncounted = {"succeeded": account.uncounted_succeeded, "failed": account.uncounted_failed}
    status["uncountedTerminatedPods"] = {field: uids for field, uids in uncounted.items() if uids}
    status["ready"], status["terminating"] = account.ready, len(account.terminating)
    if any(entry["type"] == "Complete" and entry["status"] == "True" for entry in fresh["conditions"]):
        status["completionTime"] = old.get("completionTime") or rfc3339(now)
    return status


def _conditions(account: Account, ending: Ending | None, suspended: bool, now: float) -> list[Any]:
    job = account.job
    conditions = list((job.get("status") or {}).get("conditions") or ())
    if ending is not None:
        _set(conditions, ending.decision, "True", ending.reason, ending.message, now)
        if account.settled and not is_finished(job):
            _set(conditions, FINAL[ending.decision], "True", ending.reason, ending.message, now)
    elif suspended:
        _set(conditions, "Suspended", "True", "JobSuspended", "Job suspended", now)
    elif is_true(job, "Suspended"):
        _set(conditions, "Suspended", "False", "JobResumed", "Job resumed", now)
    return conditions


def _set(conditions: list[Any], type_: str, status: str, reason: str, message: str, now: float) -> None:
    """Adds the condition or changes it; one that says the same already stays as it is."""
    entry = {
        "type": type_,
        "status": status,
        "lastProbeTime": rfc3339(now),
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": message,
    }
    for number, there in enumerate(conditions):
        if there["type"] == type_:
            if there["status"] != status:
                conditions[number] = entry
            return
    conditions.append(entry)


def events(job: Obj, status: Obj) -> list[Report]:
    """What is told about the conditions that this status brings."""
    changed = {"status": status}
    found = []
    if is_true(changed, "Complete") and not is_true(job, "Complete"):
        found.append(Report(job, "Normal", "Completed", "Job completed"))
    if is_true(changed, FAILURE) and not is_true(job, FAILURE):
        why = condition(changed, FAILURE) or {}
        found.append(Report(job, "Warning", why.get("reason", ""), why.get("message", "")))
    if is_true(changed, SUCCESS) and not is_true(job, SUCCESS):
        why = condition(changed, SUCCESS) or {}
        if why.get("reason") == "SuccessPolicy":
            found.append(Report(job, "Normal", SUCCESS, why.get("message", "")))
    if is_true(changed, "Suspended") != is_true(job, "Suspended"):
        resumed = not is_true(changed, "Suspended")
        found.append(
            Report(
                job,
                "Normal",
                "Resumed" if resumed else "Suspended",
                f"Job {'resumed' if resumed else 'suspended'}",
            )
        )
    return found
