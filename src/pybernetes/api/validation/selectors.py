"""The rules of label selectors inside objects."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def validate_label_selector(selector: Any, errors: FieldErrors) -> None:
    """`errors` stands at the selector; None is good."""
    if not selector:
        return
    labels = errors.at("matchLabels")
    for key, value in (selector.get("matchLabels") or {}).items():
        for message in names.qualified_name(key):
            labels.invalid(key, message)
        for message in names.label_value(value):
            labels.at_key(key).invalid(value, message)
    for index, requirement in enumerate(selector.get("matchExpressions") or ()):
        _validate_requirement(requirement, errors.at("matchExpressions", index))


def _validate_requirement(requirement: Any, errors: FieldErrors) -> None:
    operator, values = requirement.get("operator", ""), requirement.get("values") or ()
    if operator in ("In", "NotIn"):
        if not values:
            errors.required("values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'", "values")
    else:
        errors.invalid(operator, "not a valid selector operator", "operator")
    for message in names.qualified_name(requirement.get("key", "")):
        errors.invalid(requirement.get("key", ""), message, "key")
    for index, value in enumerate(values):
        for message in names.label_value(value):
            errors.at("values", index).invalid(value, message)


def is_empty(selector: Any) -> bool:
    """Whether the selector selects everything (or is absent)."""
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))
