"""The rules of a Job's policies: when a failed pod counts, when enough indexes have succeeded, when a pod is replaced."""

from __future__ import annotations

import json
from typing import Any

from pybernetes.lang import names

from ..fielderrors import NO_ITEMS, FieldErrors
from ..meta import Obj
from ..validation.values import non_negative
from .jobindexes import IndexesError, count

MOST_RULES = 20
MOST_EXIT_CODES = 255
MOST_CONDITIONS = 20
LONGEST_INDEXES = 64 * 1024
ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"]
OPERATORS = ["In", "NotIn"]
STATUSES = ["False", "True", "Unknown"]


def validate_failure_policy(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the policy; `spec` is the Job's."""
    rules = spec["podFailurePolicy"].get("rules") or ()
    if len(rules) > MOST_RULES:
        errors.too_many(len(rules), MOST_RULES, "rules")
    pod = (spec.get("template") or {}).get("spec") or {}
    containers = {
        each.get("name") for field in ("containers", "initContainers") for each in pod.get(field) or ()
    }
    for index, rule in enumerate(rules):
        at = errors.at("rules", index)
        _validate_action(rule, spec, at)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or ()
        if codes is not None:
            _validate_exit_codes(codes, containers, at.at("onExitCodes"))
        if conditions:
            _validate_conditions(conditions, at.at("onPodConditions"))
        if codes is not None and conditions:
            at.invalid_unshown("specifying both OnExitCodes and OnPodConditions is not supported")
        if codes is None and not conditions:
            at.invalid_unshown("specifying one of OnExitCodes and OnPodConditions is required")


def _validate_action(rule: Obj, spec: Obj, errors: FieldErrors) -> None:
    action = rule.get("action")
    if action == "FailIndex":
        if spec.get("backoffLimitPerIndex") is None:
            errors.invalid(action, "requires the backoffLimitPerIndex to be set", "action")
    else:
        _one_of(rule, "action", ACTIONS, errors)


def _one_of(tree: Obj, field: str, choices: list[str], errors: FieldErrors) -> None:
    value = tree.get(field)
    if not value:
        quoted = " ".join(json.dumps(each) for each in choices)
        errors.required(field, f"valid values: [{quoted}]")
    elif value not in choices:
        errors.not_supported(value, choices, field)


def _validate_exit_codes(codes: Obj, containers: set[Any], errors: FieldErrors) -> None:
    _one_of(codes, "operator", OPERATORS, errors)
    name = codes.get("containerName")
    if name is not None and name not in containers:
        errors.invalid(
            name, "must be one of the container or initContainer names in the pod template", "containerName"
        )
    values = codes.get("values") or []
    if not values:
        errors.invalid(
            NO_ITEMS if codes.get("values") is None else [], "at least one value is required", "values"
        )
    elif len(values) > MOST_EXIT_CODES:
        errors.too_many(len(values), MOST_EXIT_CODES, "values")
    seen: set[int] = set()
    for index, value in enumerate(values):
        at = errors.at("values", index)
        if codes.get("operator") == "In" and value == 0:
            at.invalid(value, "must not be 0 for the In operator")
        if value in seen:
            at.duplicate(value)
        seen.add(value)
    if list(values) != sorted(values):
        errors.invalid(values, "must be ordered", "values")


def _validate_conditions(conditions: Any, errors: FieldErrors) -> None:
    if len(conditions) > MOST_CONDITIONS:
        errors.too_many(len(conditions), MOST_CONDITIONS)
    for index, pattern in enumerate(conditions):
        at = errors.at(index)
        for message in names.qualified_name(pattern.get("type", "")):
            at.invalid(pattern.get("type", ""), message, "type")
        _one_of(pattern, "status", STATUSES, at)


def success_policy_in_go(policy: Obj) -> Obj:
    """As upstream prints it."""
    fields = ("succeededIndexes", "succeededCount")
    rules = policy.get("rules")
    shown = [{f"{name[:1].upper()}{name[1:]}": rule.get(name) for name in fields} for rule in rules or ()]
    return {"Rules": None if rules is None else shown}


def validate_success_policy(spec: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the policy; `spec` is that of an indexed Job."""
    rules = spec["successPolicy"].get("rules") or ()
    if not rules:
        errors.required("rules", "at least one rules must be specified when the successPolicy is specified")
    if len(rules) > MOST_RULES:
        errors.too_many(len(rules), MOST_RULES, "rules")
    for index, rule in enumerate(rules):
        _validate_success_rule(rule, spec.get("completions") or 0, errors.at("rules", index))


def _validate_success_rule(rule: Obj, completions: int, errors: FieldErrors) -> None:
    needed, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if needed is None and indexes is None:
        errors.required("", "at least one of succeededCount or succeededIndexes must be specified")
    total = 0
    if indexes is not None:
        if len(indexes) > LONGEST_INDEXES:
            errors.too_long(LONGEST_INDEXES, "succeededIndexes")
        try:
            total = count(indexes, completions)
        except IndexesError as error:
            errors.invalid(indexes, f"error parsing succeededIndexes: {error}", "succeededIndexes")
    if needed is None:
        return
    non_negative(rule, "succeededCount", errors)
    for most, what in (
        (completions, "the number of specified completions"),
        (
            total if indexes is not None else None,
            "the number of indexes in the specified succeededIndexes field",
        ),
    ):
        if most is not None and needed > most:
            errors.invalid(needed, f"must be less than or equal to {most} ({what})", "succeededCount")


def validate_replacement_policy(spec: Obj, errors: FieldErrors) -> None:
    policy = spec.get("podReplacementPolicy")
    choices = ["Failed"] if spec.get("podFailurePolicy") is not None else ["Failed", "TerminatingOrFailed"]
    if policy is not None and policy not in choices:
        errors.not_supported(policy, choices, "podReplacementPolicy")
