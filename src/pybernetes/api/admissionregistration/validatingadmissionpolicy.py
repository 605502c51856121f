"""ValidatingAdmissionPolicies: rules in CEL for what may be written."""

from __future__ import annotations

import re

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj
from ..validation.conditions import validate_conditions
from ..validation.metadata import without_status
from .matchconditions import validate_match_conditions
from .policies import (
    default_policy,
    policy_columns,
    validate_failure_policy,
    validate_match_constraints,
    validate_param_kind,
    validate_variables,
)
from .policyexpressions import PolicyExpressions

MOST_ANNOTATIONS = 20
LONGEST_VALUE = 5 * 1024
"""Bytes of an expression for an audit annotation."""
REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"]
_NO_RULES = "validations or auditAnnotations must contain at least one item"
_LINE_BREAK = re.compile(r"[\n\r]")


def validate(policy: Obj, errors: FieldErrors) -> None:
    spec, at = policy.get("spec") or {}, errors.at("spec")
    expressions = PolicyExpressions.of(spec)
    validate_failure_policy(spec, at)
    validate_param_kind(spec.get("paramKind"), at.at("paramKind"))
    validate_match_constraints(spec, at)
    validate_match_conditions(spec.get("matchConditions") or (), expressions, at.at("matchConditions"))
    validate_variables(spec.get("variables") or (), expressions, at.at("variables"))
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not validations and not annotations:
        at.required("validations", _NO_RULES)
        at.required("auditAnnotations", _NO_RULES)
    for index, each in enumerate(validations):
        _validate_validation(each, expressions, at.at("validations", index))
    if len(annotations) > MOST_ANNOTATIONS:
        at.invalid(
            annotations, f"must not have more than {MOST_ANNOTATIONS} auditAnnotations", "auditAnnotations"
        )
    name, seen = policy["metadata"].get("name", ""), set()
    for index, each in enumerate(annotations):
        here, key = at.at("auditAnnotations", index), each.get("key") or ""
        _validate_annotation(name, key, each.get("valueExpression") or "", expressions, here)
        if key in seen:
            here.duplicate(key, "key")
        seen.add(key)


def _validate_validation(validation: Obj, expressions: PolicyExpressions, errors: FieldErrors) -> None:
    message = validation.get("message") or ""
    message_expression = validation.get("messageExpression") or ""
    if (validation.get("expression") or "").strip():
        expressions.validation(validation["expression"], errors)
    else:
        errors.required("expression", "expression is not specified")
    if message_expression.strip():
        expressions.message(message_expression, errors)
    elif message_expression:
        errors.invalid(message_expression, "must be non-empty if specified", "messageExpression")
    if message and not message.strip():
        errors.invalid(message, "message must be non-empty if specified", "message")
    elif _LINE_BREAK.search(message.strip()):
        errors.invalid(message, "message must not contain line breaks", "message")
    reason = validation.get("reason")
    if reason is not None and reason not in REASONS:
        errors.not_supported(reason, REASONS, "reason")


def _validate_annotation(
    name: str, key: str, expression: str, expressions: PolicyExpressions, errors: FieldErrors
) -> None:
    if name:
        full = f"{name}/{key}"
        for message in names.qualified_name(full):
            errors.invalid(full, message, "key")
    else:
        errors.invalid(key, "requires metadata.name be non-empty", "key")
    if not expression.strip():
        errors.required("valueExpression", "valueExpression is not specified")
    elif len(expression.strip().encode()) > LONGEST_VALUE:
        errors.required("valueExpression", f"must not exceed {LONGEST_VALUE} bytes in length")
    else:
        expressions.annotation(expression, errors)


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    status, at = new.get("status") or {}, errors.at("status")
    warnings = (status.get("typeChecking") or {}).get("expressionWarnings") or ()
    for index, warning in enumerate(warnings):
        here = at.at("typeChecking", "expressionWarnings", index)
        if not warning.get("warning"):
            here.required("warning")
        _validate_field_ref((warning.get("fieldRef") or "").strip(), here.at("fieldRef"))
    validate_conditions(status.get("conditions") or (), at.at("conditions"))


def _validate_field_ref(path: str, errors: FieldErrors) -> None:
    if not path:
        errors.required()
        return
    from pybernetes.lang import jsonpath

    try:
        jsonpath.parse(f"{{{path}}}")
    except jsonpath.JsonPathError as error:
        errors.invalid(path, f"invalid JSONPath: {error}")


VALIDATINGADMISSIONPOLICY = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicy",
    plural="validatingadmissionpolicies",
    namespaced=False,
    status_metadata=(),
    unconditional_update=False,
    singular="validatingadmissionpolicy",
    categories=("api-extensions",),
    subresources=("status",),
    schema="io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy",
    generation=True,
    default=default_policy,
    prepare_create=without_status,
    validate=validate,
    validate_status=validate_status,
    columns=policy_columns(
        "Validations",
        "validations",
        "Validations indicates the number of validation rules defined in this configuration",
    ),
)
