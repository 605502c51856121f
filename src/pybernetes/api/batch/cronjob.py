"""CronJobs: a Job on a schedule."""

from __future__ import annotations

import re

from pybernetes.lang import cron

from ..apps.workload import fresh_status, name_warnings, validate_counts
from ..cells import AGE, NAME, container_cells, dig, selector_column, since
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..podspec.warnings import template_warnings
from ..validation.values import one_of
from .job import default_spec, drop_disabled, spec_warnings
from .job_validation import validate_job_spec

CONCURRENCY_POLICIES = ("Allow", "Forbid", "Replace")
NAME_LENGTH = 52
"""A Job of it is named with 11 characters more, and 63 is the most."""
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")


def default(cronjob: MutableObj) -> None:
    spec = cronjob.setdefault("spec", {})
    spec["concurrencyPolicy"] = spec.get("concurrencyPolicy") or "Allow"
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    template = spec.get("jobTemplate")
    if isinstance(template, dict):
        default_spec(template.setdefault("spec", {}))


def prepare_create(cronjob: MutableObj) -> None:
    fresh_status(cronjob)
    drop_disabled(_job_spec(cronjob), {})


def prepare_update(new: MutableObj, old: Obj) -> None:
    drop_disabled(_job_spec(new), _job_spec(old))


def _job_spec(cronjob: Obj) -> MutableObj:
    return dig(cronjob, "spec", "jobTemplate", "spec") or {}


def validate_create(cronjob: Obj, errors: FieldErrors) -> None:
    _validate(cronjob, None, errors)
    name = cronjob["metadata"].get("name", "")
    if len(name) > NAME_LENGTH:
        errors.at("metadata").invalid(name, f"must be no more than {NAME_LENGTH} characters", "name")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    _validate(new, old["spec"], errors)


def _validate(cronjob: Obj, before: Obj | None, errors: FieldErrors) -> None:
    """`before` is the spec that is replaced."""
    spec, at = cronjob.get("spec") or {}, errors.at("spec")
    schedule = spec.get("schedule")
    if not schedule:
        at.required("schedule")
    else:
        _validate_schedule(schedule, at)
        _validate_zone_in_schedule(spec, before or {}, at)
    validate_counts(spec, at, "startingDeadlineSeconds")
    if before is None or before.get("timeZone") != spec.get("timeZone"):
        _validate_time_zone(spec.get("timeZone"), at)
    one_of(spec, "concurrencyPolicy", CONCURRENCY_POLICIES, at, required=True)
    _validate_job(_job_spec(cronjob), at.at("jobTemplate", "spec"))
    validate_counts(spec, at, "successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def _validate_schedule(schedule: str, errors: FieldErrors) -> None:
    try:
        cron.parse(schedule)
    except cron.CronError as error:
        errors.invalid(schedule, str(error), "schedule")


def _validate_zone_in_schedule(spec: Obj, before: Obj, errors: FieldErrors) -> None:
    """A zone in the schedule, which early servers took, may stay."""
    schedule = spec["schedule"]
    if "TZ" not in schedule:
        return
    if "TZ" not in before.get("schedule", ""):
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        errors.invalid(schedule, why, "schedule")
    elif spec.get("timeZone") is not None:
        why = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        errors.invalid(schedule, why, "schedule")


def _validate_time_zone(name: str | None, errors: FieldErrors) -> None:
    if name is None:
        return
    if not name:
        errors.invalid(name, "timeZone must be nil or non-empty string", "timeZone")
        return
    for part in name.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            errors.invalid(name, f"unknown time zone {name}", "timeZone")
            return
    if name.lower() == "local":
        errors.invalid(
            name,
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
            "timeZone",
        )
        if name == "Local":
            return  # it does name a zone: the server's
    try:
        cron.load_zone(name)
    except cron.CronError as error:
        errors.invalid(name, str(error), "timeZone")


def _validate_job(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the spec of the Job's template: its selector is generated for each Job."""
    validate_job_spec(spec, errors)
    if spec.get("selector") is not None:
        errors.invalid(spec["selector"], "`selector` will be auto-generated", "selector")
    if spec.get("manualSelector"):
        errors.not_supported(True, ["nil", "false"], "manualSelector")


def warnings(cronjob: Obj, old: Obj | None) -> list[str]:
    found = name_warnings(cronjob) if old is None else []
    found += template_warnings(cronjob, old, "spec", "jobTemplate", "spec", "template")
    found += spec_warnings(_job_spec(cronjob), "spec.jobTemplate.spec")
    if "TZ" in dig(cronjob, "spec", "schedule"):
        found.append(
            "CRON_TZ or TZ used in spec.schedule is not officially supported, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    return found


def _suspend(cronjob: Obj, _now: float) -> Cell:
    suspend = dig(cronjob, "spec", "suspend")
    return "<unset>" if suspend is None else str(bool(suspend))


def _last_schedule(cronjob: Obj, now: float) -> Cell:
    last = dig(cronjob, "status", "lastScheduleTime")
    return since(last, now) if last else "<none>"


CRONJOB = Kind(
    group="batch",
    version="v1",
    kind="CronJob",
    plural="cronjobs",
    namespaced=True,
    singular="cronjob",
    short_names=("cj",),
    categories=("all",),
    subresources=("status",),
    schema="io.k8s.api.batch.v1.CronJob",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate_create=validate_create,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Schedule", lambda obj, _: dig(obj, "spec", "schedule") or ""),
        Column("Timezone", lambda obj, _: dig(obj, "spec", "timeZone") or "<none>"),
        Column("Suspend", _suspend, "boolean"),
        Column("Active", lambda obj, _: len(dig(obj, "status", "active") or ()), "integer"),
        Column("Last Schedule", _last_schedule),
        AGE,
        *container_cells("spec", "jobTemplate", "spec", "template", "spec"),
        selector_column("spec", "jobTemplate", "spec", "selector"),
    ),
)
