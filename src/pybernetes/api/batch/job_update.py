"""What may change in a Job: its parallelism, its limits, whether it is suspended, and little else."""

from __future__ import annotations

from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj, evolve
from ..validation.values import immutable
from .job_status_validation import is_true
from .job_validation import validate_spec

SCHEDULING_DIRECTIVES = ("nodeSelector", "tolerations", "schedulingGates")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_spec(new, errors)
    after, before, at = new["spec"], old["spec"], errors.at("spec")
    _validate_completions(after, before, at)
    immutable(after, before, "selector", at)
    template = before.get("template") or {}
    if _is_at_rest(old):
        template = _with_directives(template, after.get("template") or {})
    immutable(after, {"template": template}, "template", at)
    for field in (
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
        "scheduling",
    ):
        immutable(after, before, field, at)


def _validate_completions(after: Obj, before: Obj, errors: FieldErrors) -> None:
    """An indexed Job scales by changing completions and parallelism together."""
    if after.get("completionMode") != "Indexed":
        immutable(after, before, "completions", errors)
        return
    completions = after.get("completions")
    if completions not in (before.get("completions"), None, after.get("parallelism")):
        errors.invalid(completions, "can only be modified in tandem with spec.parallelism", "completions")


def _is_at_rest(job: Obj) -> bool:
    """Whether the Job is suspended and none of its pods run: it has not started, or says that it was suspended."""
    status = job.get("status") or {}
    if not job["spec"].get("suspend"):
        return False
    return status.get("startTime") is None or (is_true(status, "Suspended") and not status.get("active"))


def _with_directives(template: Obj, wanted: Obj) -> Obj:
    """`template` with what a queue may set in one that is at rest: where its pods may run, and their resources."""
    spec, wished = template.get("spec") or {}, wanted.get("spec") or {}
    spec = _taking(spec, wished, SCHEDULING_DIRECTIVES)
    for field in ("containers", "initContainers"):
        spec = _with_resources(spec, wished, field)
    affinity = _affinity(spec.get("affinity"), wished.get("affinity"))
    spec = {**{key: value for key, value in spec.items() if key != "affinity"}, **affinity}
    metadata = _taking(
        template.get("metadata") or {}, wanted.get("metadata") or {}, ("labels", "annotations")
    )
    return {
        **evolve(template, "spec", spec),
        **({"metadata": metadata} if metadata or "metadata" in wanted else {}),
    }


def _taking(tree: Obj, wanted: Obj, fields: tuple[str, ...]) -> dict[str, Any]:
    """`tree` with some fields as in `wanted`, present or absent."""
    kept = {key: value for key, value in tree.items() if key not in fields}
    return {**kept, **{field: wanted[field] for field in fields if field in wanted}}


def _with_resources(spec: dict[str, Any], wanted: Obj, field: str) -> dict[str, Any]:
    ours, theirs = spec.get(field) or (), wanted.get(field) or ()
    if not ours or len(ours) != len(theirs):
        return spec
    return {**spec, field: [_taking(a, b, ("resources",)) for a, b in zip(ours, theirs, strict=True)]}


def _affinity(ours: Any, theirs: Any) -> dict[str, Any]:
    """Node affinity may come, change and go; the other affinities stay."""
    merged = _taking(ours or {}, theirs or {}, ("nodeAffinity",))
    return {"affinity": merged} if merged or theirs is not None else {}
