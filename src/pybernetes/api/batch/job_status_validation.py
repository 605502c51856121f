"""What the status of a Job may say: it counts up, it ends once, and its conditions agree with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.lang import timestamps

from ..apps.workload import validate_counts
from ..fielderrors import FieldErrors
from ..meta import Obj
from .jobindexes import IndexesError, intervals, overlap

TERMINAL = ("Failed", "Complete", "FailureTarget")


def is_true(status: Obj, condition: str) -> bool:
    """Whether the status says that a condition holds."""
    return any(
        each.get("type") == condition and each.get("status") == "True"
        for each in status.get("conditions") or ()
    )


@dataclass(frozen=True, slots=True)
class _Says:
    """A status, with the conditions that matter read once."""

    status: Obj
    complete: bool
    failed: bool
    failing: bool
    succeeding: bool

    @property
    def finished(self) -> bool:
        return self.complete or self.failed

    @property
    def uncounted(self) -> int:
        pods = self.status.get("uncountedTerminatedPods") or {}
        return len(pods.get("succeeded") or ()) + len(pods.get("failed") or ())


def _read(status: Obj) -> _Says:
    kinds = ("Complete", "Failed", "FailureTarget", "SuccessCriteriaMet")
    return _Says(status, *(is_true(status, kind) for kind in kinds))


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Rules about two fields apply where one of them changes: what an older server let in does not block a Job."""
    after, before = _read(new.get("status") or {}), _read(old.get("status") or {})
    at, spec = errors.at("status"), new.get("spec") or {}
    validate_counts(after.status, at, "active", "succeeded", "failed", "ready", "terminating")
    _validate_uncounted(after.status.get("uncountedTerminatedPods") or {}, at.at("uncountedTerminatedPods"))
    _validate_conditions(after, before, spec, at)
    _validate_times(after, before, at)
    _validate_end(after, before, at)
    _validate_indexes(after, before, spec, at)
    ready, active = after.status.get("ready"), after.status.get("active", 0)
    if ready is not None and ready > active and _changed(after, before, "ready", "active"):
        at.invalid(ready, "cannot set more ready pods than active", "ready")
    _validate_progress(after, before, new, at)


def _changed(after: _Says, before: _Says, *fields: str) -> bool:
    return any((after.status.get(field) or None) != (before.status.get(field) or None) for field in fields)


def _validate_uncounted(pods: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for field in ("succeeded", "failed"):
        for index, uid in enumerate(pods.get(field) or ()):
            at = errors.at(field, index)
            if not uid:
                at.invalid(uid, "must not be empty")
            elif uid in seen:
                at.duplicate(uid)
            seen.add(uid)


def _validate_conditions(after: _Says, before: _Says, spec: Obj, errors: FieldErrors) -> None:
    completing, failing = after.complete != before.complete, after.failed != before.failed
    targeting, meeting = after.failing != before.failing, after.succeeding != before.succeeding
    rules = (
        (completing or failing, after.complete and after.failed,
         "cannot set Complete=True and Failed=true conditions"),
        (completing or targeting, after.complete and after.failing,
         "cannot set Complete=True and FailureTarget=true conditions"),
        (failing or targeting, after.failed and not after.failing,
         "cannot set Failed=True condition without the FailureTarget=true condition"),
        (completing or meeting, after.complete and not after.succeeding,
         "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"),
        (True, after.succeeding and after.failed,
         "cannot set SuccessCriteriaMet=True and Failed=true conditions"),
        (True, after.succeeding and after.failing,
         "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
        (spec.get("successPolicy") is not None, after.complete and not after.succeeding,
         "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"),
    )  # fmt: skip
    for applies, broken, message in rules:
        if applies and broken:
            errors.invalid_unshown(message, "conditions")


def _validate_times(after: _Says, before: _Says, errors: FieldErrors) -> None:
    started, completed = after.status.get("startTime"), after.status.get("completionTime")
    if after.complete != before.complete or _changed(after, before, "completionTime"):
        if completed and not after.complete:
            errors.invalid(
                completed,
                "cannot set completionTime when there is no Complete=True condition",
                "completionTime",
            )
        if after.complete and not completed:
            errors.required("completionTime", "completionTime is required for Complete jobs")
    if (
        started
        and completed
        and _changed(after, before, "startTime", "completionTime")
        and timestamps.parse(completed) < timestamps.parse(started)
    ):
        errors.invalid(completed, "completionTime cannot be set before startTime", "completionTime")


def _validate_end(after: _Says, before: _Says, errors: FieldErrors) -> None:
    """Nothing runs, and nothing waits to be counted, once a Job is over."""
    if not after.finished:
        return
    ending, status = not before.finished, after.status
    if (ending or _changed(after, before, "active")) and status.get("active"):
        errors.invalid(status["active"], "active>0 is invalid for finished job", "active")
    if (ending or _changed(after, before, "startTime")) and not status.get("startTime"):
        errors.required("startTime", "startTime is required for finished job")
    if (ending or _changed(after, before, "uncountedTerminatedPods")) and after.uncounted:
        errors.invalid(
            status["uncountedTerminatedPods"],
            "uncountedTerminatedPods needs to be empty for finished job",
            "uncountedTerminatedPods",
        )
    if (ending or _changed(after, before, "terminating")) and status.get("terminating"):
        errors.invalid(status["terminating"], "terminating>0 is invalid for finished job", "terminating")


def _validate_indexes(after: _Says, before: _Says, spec: Obj, errors: FieldErrors) -> None:
    completed, failed = after.status.get("completedIndexes") or "", after.status.get("failedIndexes")
    completions, limit = spec.get("completions"), spec.get("backoffLimitPerIndex")
    if _changed(after, before, "completedIndexes"):
        _readable(completed, completions, "completedIndexes", errors)
        if completed and spec.get("completionMode") != "Indexed":
            errors.invalid(
                completed,
                "cannot set non-empty completedIndexes when non-indexed completion mode",
                "completedIndexes",
            )
    if after.status.get("failedIndexes") != before.status.get("failedIndexes") and failed is not None:
        if limit is not None:
            _readable(failed, completions, "failedIndexes", errors)
        else:
            errors.invalid(
                failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null", "failedIndexes"
            )
    if failed and completions is not None and _changed(after, before, "failedIndexes", "completedIndexes"):
        both = overlap(completed, failed, completions)
        if both is not None:
            errors.invalid(
                failed, f"failedIndexes and completedIndexes overlap at index: {both}", "failedIndexes"
            )


def _readable(text: str, completions: Any, field: str, errors: FieldErrors) -> None:
    if completions is None:
        return
    try:
        intervals(text, completions)
    except IndexesError as error:
        errors.invalid(text, f"error parsing {field}: {error}", field)


def _validate_progress(after: _Says, before: _Says, job: Obj, errors: FieldErrors) -> None:
    """What was said once is not taken back."""
    spec, now, then = job.get("spec") or {}, after.status, before.status
    for condition in TERMINAL:
        if is_true(then, condition) and not is_true(now, condition):
            errors.invalid_unshown(f"cannot disable the terminal {condition}=True condition", "conditions")
    if now.get("failed", 0) < then.get("failed", 0):
        errors.invalid(now.get("failed", 0), "cannot decrease the failed counter", "failed")
    # An indexed Job that is scaled down forgets the indexes above its new end.
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    if not elastic and now.get("succeeded", 0) < then.get("succeeded", 0):
        errors.invalid(now.get("succeeded", 0), "cannot decrease the succeeded counter", "succeeded")
    completed = now.get("completionTime")
    if completed and then.get("completionTime") and completed != then["completionTime"]:
        errors.invalid(completed, "completionTime cannot be mutated", "completionTime")
    if then.get("startTime") and now.get("startTime") != then["startTime"] and not spec.get("suspend"):
        errors.required("startTime", "startTime cannot be removed for unsuspended job")
    if before.succeeding and not after.succeeding:
        errors.invalid_unshown("cannot disable the SuccessCriteriaMet=True condition", "conditions")
    if before.complete and not before.succeeding and after.succeeding:
        errors.invalid_unshown(
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions", "conditions"
        )
