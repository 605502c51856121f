"""Jobs: pods that run to their end, a given number of times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.lang import timestamps
from pybernetes.lang.durations import human_duration

from ..apps.workload import name_warnings
from ..cells import AGE, NAME, container_cells, dig, selector_column
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, is_deleting
from ..podspec.defaults import default_template
from ..podspec.warnings import template_warnings
from ..selectable import field_number
from .job_labels import CONTROLLER_UID, generated_labels
from .job_status_validation import is_true, validate_status
from .job_update import validate_update
from .job_validation import validate_create

MAX_INT32 = 2**31 - 1
SOFT_COMPLETIONS = 100_000
SOFT_PARALLELISM = 10_000


def default(job: MutableObj) -> None:
    spec = job.setdefault("spec", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else MAX_INT32)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault(
        "podReplacementPolicy", "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"
    )
    default_spec(spec)
    _labels_of_template(job)


def default_spec(spec: MutableObj) -> None:
    """What is filled into the spec of a Job and into that of a CronJob's template alike."""
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern["status"] = pattern.get("status") or "True"
    default_template(spec)


def _labels_of_template(job: MutableObj) -> None:
    """A Job without labels gets those of its pods, once they are complete (the generated ones among them)."""
    labels = dig(job, "spec", "template", "metadata", "labels")
    complete = job["spec"].get("manualSelector") or CONTROLLER_UID in (labels or {})
    if labels and complete and not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)


def prepare_create(job: MutableObj) -> None:
    """Precondition: name and uid are known."""
    job["status"] = {}
    spec = job["spec"]
    drop_disabled(spec, {})
    if not spec.get("manualSelector"):
        _generate_selector(job)
    _labels_of_template(job)


def _generate_selector(job: MutableObj) -> None:
    """Labels and selector that are this Job's alone. What the user set stays, for validation to refuse."""
    spec, generated = job["spec"], generated_labels(job["metadata"])
    template = spec.setdefault("template", {})
    metadata = template["metadata"] = template.get("metadata") or {}
    metadata["labels"] = {**generated, **(metadata.get("labels") or {})}
    selector = spec["selector"] = spec.get("selector") or {}
    selector["matchLabels"] = {
        CONTROLLER_UID: generated[CONTROLLER_UID],
        **(selector.get("matchLabels") or {}),
    }


def prepare_update(new: MutableObj, old: Obj) -> None:
    drop_disabled(new["spec"], old["spec"])


def drop_disabled(spec: MutableObj, old: Obj) -> None:
    """`scheduling` belongs to a feature that is off (WorkloadWithJob, alpha); where it is, it stays."""
    if old.get("scheduling") is None:
        spec.pop("scheduling", None)


def warnings(job: Obj, old: Obj | None) -> list[str]:
    return [
        *(name_warnings(job) if old is None else ()),
        *spec_warnings(job.get("spec") or {}, "spec"),
        *template_warnings(job, old, "spec", "template"),
    ]


def spec_warnings(spec: Obj, path: str) -> list[str]:
    if (
        spec.get("completionMode") == "Indexed"
        and (spec.get("completions") or 0) > SOFT_COMPLETIONS
        and (spec.get("parallelism") or 0) > SOFT_PARALLELISM
    ):
        return [
            f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
            "10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ]
    return []


def _status(job: Obj, _now: float) -> Cell:
    status: Mapping[str, Any] = job.get("status") or {}
    if is_true(status, "Complete"):
        return "Complete"
    if is_true(status, "Failed"):
        return "Failed"
    if is_deleting(job):
        return "Terminating"
    for condition, shown in (
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ):
        if is_true(status, condition):
            return shown
    return "Running"


def _completions(job: Obj, _now: float) -> Cell:
    done = dig(job, "status", "succeeded") or 0
    completions, parallelism = dig(job, "spec", "completions"), dig(job, "spec", "parallelism") or 0
    if completions is not None:
        return f"{done}/{completions}"
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _duration(job: Obj, now: float) -> Cell:
    started, completed = dig(job, "status", "startTime"), dig(job, "status", "completionTime")
    if not started:
        return ""
    return human_duration((timestamps.parse(completed) if completed else now) - timestamps.parse(started))


JOB = Kind(
    group="batch",
    version="v1",
    kind="Job",
    plural="jobs",
    namespaced=True,
    singular="job",
    categories=("all",),
    subresources=("status",),
    schema="io.k8s.api.batch.v1.Job",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Status", _status),
        Column("Completions", _completions),
        Column("Duration", _duration),
        AGE,
        *container_cells("spec", "template", "spec"),
        selector_column("spec", "selector"),
    ),
    selectable={"status.successful": field_number("status", "succeeded")},
)
