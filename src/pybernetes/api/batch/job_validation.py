"""What is refused in a Job: facts of upstream's `pkg/apis/batch/validation`."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.lang import labelselector, names

from ..apps.workload import validate_counts, validate_template
from ..fielderrors import NO_ITEMS, FieldErrors
from ..meta import Obj
from ..validation.selectors import validate_label_selector
from .job_labels import generated_labels
from .job_policies import (
    success_policy_in_go,
    validate_failure_policy,
    validate_replacement_policy,
    validate_success_policy,
)

COMPLETION_MODES = ["NonIndexed", "Indexed"]
MOST_PARALLEL = 100_000
MOST_FAILED = 100_000
MANY_COMPLETIONS = 100_000
MOST_PARALLEL_OF_MANY = 10_000
MOST_FAILED_OF_MANY = 10_000
MANAGED_BY_LENGTH = 63
_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def validate_create(job: Obj, errors: FieldErrors) -> None:
    _validate_generated(job, errors)
    validate_spec(job, errors)
    _validate_host_names(job, errors)


def validate_spec(job: Obj, errors: FieldErrors) -> None:
    """What also holds for a Job that is changed."""
    spec, at = job.get("spec") or {}, errors.at("spec")
    validate_job_spec(spec, at)
    _validate_selector(spec, at)


def _validate_generated(job: Obj, errors: FieldErrors) -> None:
    """Selector and labels are those that the server generates, unless the user took that over."""
    spec, metadata = job.get("spec") or {}, job["metadata"]
    if spec.get("manualSelector") or spec.get("selector") is None:
        return
    if not metadata.get("uid"):
        errors.at("metadata").required("uid")
    wanted = generated_labels(metadata)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    at = errors.at("spec", "template", "metadata", "labels")
    for key, value in wanted.items():
        if key not in labels:
            at.at_key(key).required("", f"must be '{value}'")
        elif labels[key] != value:
            at.at_key(key).invalid(labels, f"must be '{value}'")
    selector = _selector(spec)
    if selector is not None and not selector.matches(wanted):
        errors.at("spec").invalid(spec["selector"], "`selector` not auto-generated", "selector")


def _validate_selector(spec: Obj, errors: FieldErrors) -> None:
    if spec.get("selector") is None:
        errors.required("selector")
    else:
        validate_label_selector(spec["selector"], errors.at("selector"))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    selector = _selector(spec)
    if spec.get("selector") is None or (selector is not None and not selector.matches(labels or {})):
        errors.at("template", "metadata").invalid(
            NO_ITEMS if labels is None else labels, "`selector` does not match template `labels`", "labels"
        )


def _selector(spec: Obj) -> labelselector.Selector | None:
    """The selector of the spec; None where it cannot be read."""
    try:
        return labelselector.from_label_selector(spec.get("selector"))
    except labelselector.SelectorError:
        return None


def _validate_host_names(job: Obj, errors: FieldErrors) -> None:
    """An indexed Job names the hosts of its pods `name-index`: the longest must be a DNS label."""
    spec, name = job.get("spec") or {}, job["metadata"].get("name", "")
    completions = spec.get("completions")
    if spec.get("completionMode") == "Indexed" and completions and completions > 0:
        longest = f"{name}-{completions - 1}"
        if names.dns1123_label(longest):
            errors.at("metadata").invalid(
                name, f"will not able to create pod with invalid DNS label: {longest}", "name"
            )


def validate_job_spec(spec: Obj, errors: FieldErrors) -> None:
    """The rules of a Job's spec but for its selector: a CronJob's template has none. `errors` stands at the spec."""
    validate_counts(
        spec,
        errors,
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    )
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        errors.required("backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.get("managedBy") is not None:
        _validate_managed_by(spec["managedBy"], errors.at("managedBy"))
    mode = spec.get("completionMode")
    if mode is not None and mode not in COMPLETION_MODES:
        errors.not_supported(mode, COMPLETION_MODES, "completionMode")
    if mode == "Indexed":
        _validate_indexed(spec, errors)
    elif mode in (None, "NonIndexed"):
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                errors.invalid(spec[field], "requires indexed completion mode", field)
    if spec.get("podFailurePolicy") is not None:
        validate_failure_policy(spec, errors.at("podFailurePolicy"))
    if spec.get("successPolicy") is not None:
        if mode == "Indexed":
            validate_success_policy(spec, errors.at("successPolicy"))
        else:
            shown = success_policy_in_go(spec["successPolicy"])
            errors.invalid(shown, "requires indexed completion mode", "successPolicy")
    validate_replacement_policy(spec, errors)
    validate_template(spec.get("template") or {}, errors.at("template"))
    _validate_restart_policy(spec, errors.at("template", "spec"))


def _validate_managed_by(value: str, errors: FieldErrors) -> None:
    """A domain-prefixed path such as `acme.io/foo`, of at most 63 characters."""
    host, slash, path = value.partition("/")
    if not value:
        errors.required()
    elif not (host and slash and path):
        errors.invalid(value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        for message in names.dns1123_subdomain(host):
            errors.invalid(host, message)
        if not re.fullmatch(_PATH, path):
            errors.invalid(path, f"Invalid path (regex used for validation is '{_PATH}')")
    if len(value) > MANAGED_BY_LENGTH:
        errors.too_long(MANAGED_BY_LENGTH)


def _validate_indexed(spec: Obj, errors: FieldErrors) -> None:
    completions, parallelism = spec.get("completions"), spec.get("parallelism")
    failed = spec.get("maxFailedIndexes")
    if completions is None:
        errors.required("completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > MOST_PARALLEL:
        errors.invalid(
            parallelism,
            f"must be less than or equal to {MOST_PARALLEL} when completion mode is Indexed",
            "parallelism",
        )
    if completions is not None and failed is not None and failed > completions:
        errors.invalid(failed, "must be less than or equal to completions", "maxFailedIndexes")
    if failed is not None and failed > MOST_FAILED:
        errors.invalid(failed, f"must be less than or equal to {MOST_FAILED}", "maxFailedIndexes")
    if (completions or 0) > MANY_COMPLETIONS and spec.get("backoffLimitPerIndex") is not None:
        _validate_many(parallelism, failed, errors)


def _validate_many(parallelism: Any, failed: Any, errors: FieldErrors) -> None:
    """Tighter limits, so that the text of failed indexes stays short enough to store."""
    when = f"when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
    if failed is None:
        errors.required("maxFailedIndexes", f"must be specified when completions is above {MANY_COMPLETIONS}")
    if parallelism is not None and parallelism > MOST_PARALLEL_OF_MANY:
        errors.invalid(
            parallelism, f"must be less than or equal to {MOST_PARALLEL_OF_MANY} {when}", "parallelism"
        )
    if failed is not None and failed > MOST_FAILED_OF_MANY:
        errors.invalid(
            failed, f"must be less than or equal to {MOST_FAILED_OF_MANY} {when}", "maxFailedIndexes"
        )


def _validate_restart_policy(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the template's pod spec. The default, Always, cannot end."""
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy", "")
    if policy in ("", "Always"):
        errors.required("restartPolicy", 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        errors.not_supported(policy, ["OnFailure", "Never"], "restartPolicy")
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        errors.invalid(
            policy, 'only "Never" is supported when podFailurePolicy is specified', "restartPolicy"
        )
