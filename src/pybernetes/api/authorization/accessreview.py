"""The rules of the three SubjectAccessReviews: one thing is asked, about somebody, with nothing in the metadata."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..errors import Invalid
from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj

_SELECTOR_OPERATORS = {
    "In": True,
    "NotIn": True,
    "Exists": False,
    "DoesNotExist": False,
}
"""Operator -> whether it needs values."""


def check_review(kind: Kind, review: Obj) -> None:
    """Raises Invalid. Upstream's answer names neither the kind nor an object: what is reviewed has no name."""
    errors = FieldErrors()
    validate(kind.kind, review, errors)
    if not errors:
        return
    lines = list(errors)
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    raise Invalid(f'.{kind.group} "" is invalid: {text}', group=kind.group, causes=errors.causes)


def validate(kind: str, review: Obj, errors: FieldErrors) -> None:
    spec, at = review.get("spec") or {}, errors.at("spec")
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        at.invalid(
            _shown(other),
            "cannot be specified in combination with resourceAttributes",
            "nonResourceAttributes",
        )
    if resource is None and other is None:
        at.invalid(
            None,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            "resourceAttributes",
        )
    if kind != "SelfSubjectAccessReview" and not spec.get("user") and not spec.get("groups"):
        at.invalid("", "at least one of user or group must be specified", "user")
    for field, validate_requirement in (
        ("fieldSelector", _validate_field_requirement),
        ("labelSelector", _validate_label_requirement),
    ):
        if (selector := (resource or {}).get(field)) is not None:
            _validate_selector(selector, validate_requirement, at.at("resourceAttributes", field))
    metadata = {key: value for key, value in review["metadata"].items() if value and key != "managedFields"}
    if kind != "LocalSubjectAccessReview":
        if metadata:
            errors.invalid(review["metadata"], "must be empty", "metadata")
        return
    namespace = metadata.pop("namespace", "")
    if metadata:
        errors.invalid(review["metadata"], "must be empty except for namespace", "metadata")
    if resource is not None and (resource.get("namespace") or "") != namespace:
        at.at("resourceAttributes").invalid(
            resource.get("namespace") or "", "must match metadata.namespace", "namespace"
        )
    if other is not None:
        at.invalid(_shown(other), "disallowed on this kind of request", "nonResourceAttributes")


def _shown(other: Obj) -> Obj:
    return {"Path": other.get("path", ""), "Verb": other.get("verb", "")}


def _validate_selector(selector: Obj, validate_requirement: Any, errors: FieldErrors) -> None:
    raw, requirements = selector.get("rawSelector") or "", selector.get("requirements") or ()
    if raw and requirements:
        errors.invalid(raw, "may not specified at the same time as requirements", "rawSelector")
    if not raw and not requirements:
        errors.required(
            "requirements", f"when {errors.path} is specified, requirements or rawSelector is required"
        )
    for index, requirement in enumerate(requirements):
        validate_requirement(requirement, errors.at("requirements", index))


def _validate_values(requirement: Obj, errors: FieldErrors) -> None:
    """Operators that are not known may be of later clients."""
    operator, values = requirement.get("operator") or "", requirement.get("values") or ()
    if _SELECTOR_OPERATORS.get(operator) is True and not values:
        errors.required("values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif _SELECTOR_OPERATORS.get(operator) is False and values:
        errors.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'", "values")


def _validate_field_requirement(requirement: Obj, errors: FieldErrors) -> None:
    if not requirement.get("key"):
        errors.required("key", "must be specified")
    _validate_values(requirement, errors)


def _validate_label_requirement(requirement: Obj, errors: FieldErrors) -> None:
    _validate_values(requirement, errors)
    for message in names.qualified_name(requirement.get("key") or ""):
        errors.invalid(requirement.get("key") or "", message, "key")
    for index, value in enumerate(requirement.get("values") or ()):
        for message in names.label_value(value):
            errors.at("values", index).invalid(value, message)
