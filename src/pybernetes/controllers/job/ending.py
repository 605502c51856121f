"""Whether a Job is done, well or badly, and why: reasons and messages are upstream's.

A Job ends in two steps (KEP-3998): first the decision is written down (SuccessCriteriaMet or FailureTarget), then, when
its last pod is gone and counted, Complete or Failed.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.meta import Obj
from pybernetes.controllers.pods import condition, phase
from pybernetes.lang.timestamps import parse

from . import indexes
from .accounting import Account, is_indexed

SUCCESS, FAILURE = "SuccessCriteriaMet", "FailureTarget"
FINAL = {SUCCESS: "Complete", FAILURE: "Failed"}


@dataclass(frozen=True, slots=True)
class Ending:
    """`decision` is SUCCESS or FAILURE."""

    decision: str
    reason: str
    message: str


def is_true(job: Obj, condition_type: str) -> bool:
    found = condition(job, condition_type)
    return found is not None and found["status"] == "True"


def is_finished(job: Obj) -> bool:
    return is_true(job, "Complete") or is_true(job, "Failed")


def decided(account: Account, now: float) -> Ending | None:
    """The decision that is written down already, or that is due now."""
    for decision in (FAILURE, SUCCESS):
        if is_true(account.job, decision):
            found = condition(account.job, decision) or {}
            return Ending(decision, found.get("reason", ""), found.get("message", ""))
    return _failure(account, now) or _success(account)


def _failure(account: Account, now: float) -> Ending | None:
    spec = account.job["spec"]
    if account.failure:
        return Ending(FAILURE, "PodFailurePolicy", account.failure)
    if account.total_failed > spec.get("backoffLimit", 6) or _restarted_too_often(account):
        return Ending(FAILURE, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    if (left := deadline_in(account.job, now)) is not None and left <= 0:
        return Ending(FAILURE, "DeadlineExceeded", "Job was active longer than specified deadline")
    return _failed_indexes(account)


def _restarted_too_often(account: Account) -> bool:
    """With restartPolicy OnFailure the restarts inside living pods count against the limit."""
    spec = account.job["spec"]
    if spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        container.get("restartCount", 0)
        for pod in account.active
        if phase(pod) in ("Running", "Pending")
        for field in ("initContainerStatuses", "containerStatuses")
        for container in (pod.get("status") or {}).get(field) or ()
    )
    limit = spec.get("backoffLimit", 6)
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def deadline_in(job: Obj, now: float) -> float | None:
    """Seconds left of activeDeadlineSeconds; None where there is none, or the Job is suspended or not started."""
    seconds, started = job["spec"].get("activeDeadlineSeconds"), (job.get("status") or {}).get("startTime")
    if seconds is None or not started or job["spec"].get("suspend"):
        return None
    return parse(started) + float(seconds) - now


def _failed_indexes(account: Account) -> Ending | None:
    if not account.failed_indexes:
        return None
    spec = account.job["spec"]
    most = spec.get("maxFailedIndexes")
    if most is not None and len(account.failed_indexes) > most:
        return Ending(
            FAILURE,
            "MaxFailedIndexesExceeded",
            "Job has exceeded the specified maximal number of failed indexes",
        )
    if len(account.failed_indexes | account.completed) >= spec["completions"]:
        return Ending(FAILURE, "FailedIndexes", "Job has failed indexes")
    return None


def _success(account: Account) -> Ending | None:
    if (rule := _matched_rule(account)) is not None:
        return Ending(SUCCESS, "SuccessPolicy", f"Matched rules at index {rule}")
    completions = account.job["spec"].get("completions")
    done = account.total_succeeded
    # Upstream waits for pods beyond the last completion to go; with no completions given, for all of them.
    if (done >= completions if completions is not None else done > 0) and not account.active:
        return Ending(SUCCESS, "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def _matched_rule(account: Account) -> int | None:
    """The first rule of the success policy that the completed indexes fulfil."""
    spec = account.job["spec"]
    if not is_indexed(account.job):
        return None
    for number, rule in enumerate((spec.get("successPolicy") or {}).get("rules") or ()):
        wanted, count = rule.get("succeededIndexes"), rule.get("succeededCount")
        among = indexes.parse(wanted, spec["completions"]) if wanted is not None else None
        met = account.completed if among is None else account.completed & among
        if len(met) >= (count if count is not None else len(among or ())):
            return number
    return None
