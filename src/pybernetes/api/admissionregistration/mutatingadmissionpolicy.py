"""MutatingAdmissionPolicies: changes in CEL to what is written."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj
from .matchconditions import validate_match_conditions
from .policies import (
    default_policy,
    policy_columns,
    validate_failure_policy,
    validate_match_constraints,
    validate_operations,
    validate_param_kind,
    validate_variables,
)
from .policyexpressions import PolicyExpressions
from .webhooks import REINVOCATION_POLICIES

OPERATIONS = ["*", "CONNECT", "CREATE", "UPDATE"]
"""There is nothing to change about a deletion."""
PATCH_FIELDS = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
"""Patch type -> the field with its expression."""


def validate(policy: Obj, errors: FieldErrors) -> None:
    spec, at = policy.get("spec") or {}, errors.at("spec")
    expressions = PolicyExpressions.of(spec)
    validate_failure_policy(spec, at)
    validate_param_kind(spec.get("paramKind"), at.at("paramKind"))
    validate_match_constraints(spec, at)
    validate_operations(spec.get("matchConstraints"), OPERATIONS, at.at("matchConstraints"))
    validate_match_conditions(spec.get("matchConditions") or (), expressions, at.at("matchConditions"))
    validate_variables(spec.get("variables") or (), expressions, at.at("variables"))
    mutations = spec.get("mutations") or ()
    if not mutations:
        at.required("mutations", "mutations must contain at least one item")
    for index, mutation in enumerate(mutations):
        _validate_mutation(mutation, expressions, at.at("mutations", index))
    reinvocation = spec.get("reinvocationPolicy")
    if not reinvocation:
        at.required("reinvocationPolicy")
    elif reinvocation not in REINVOCATION_POLICIES:
        at.not_supported(reinvocation, REINVOCATION_POLICIES, "reinvocationPolicy")


def _validate_mutation(mutation: Obj, expressions: PolicyExpressions, errors: FieldErrors) -> None:
    patch_type = mutation.get("patchType") or ""
    if not patch_type:
        errors.required("patchType")
    elif patch_type not in PATCH_FIELDS:
        errors.not_supported(patch_type, list(PATCH_FIELDS), "patchType")
    else:
        for kind, field in PATCH_FIELDS.items():
            wanted = kind == patch_type
            _validate_patch(mutation.get(field), field, wanted, patch_type, expressions, errors)


def _validate_patch(
    patch: Obj | None,
    field: str,
    wanted: bool,
    patch_type: str,
    expressions: PolicyExpressions,
    errors: FieldErrors,
) -> None:
    if not wanted:
        if patch is not None:
            why = f"must not be specified when patchType is {patch_type}"
            errors.invalid(f"{{{field}}}", why, field)
    elif patch is None:
        errors.required(field, f"must be specified when patchType is {patch_type}")
    elif (patch.get("expression") or "").strip():
        expressions.mutation(patch["expression"], field, errors.at(field))
    else:
        errors.at(field).required("expression")


MUTATINGADMISSIONPOLICY = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingAdmissionPolicy",
    plural="mutatingadmissionpolicies",
    namespaced=False,
    unconditional_update=False,
    singular="mutatingadmissionpolicy",
    categories=("api-extensions",),
    schema="io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy",
    generation=True,
    default=default_policy,
    validate=validate,
    columns=policy_columns(
        "Mutations",
        "mutations",
        "Mutation indicates the number of mutations rules defined in this configuration",
    ),
)
