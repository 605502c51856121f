"""Taints of devices, and tolerations of them."""

from __future__ import annotations

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

EFFECTS = ["NoExecute", "NoSchedule", "None"]
OPERATORS = ["Equal", "Exists"]


def validate_taint(taint: Obj, errors: FieldErrors) -> None:
    key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
    for message in names.qualified_name(key):
        errors.invalid(key, message, "key")
    for message in names.label_value(value):
        errors.invalid(value, message, "value")
    if not effect:
        errors.required("effect")
    elif effect not in EFFECTS:
        errors.not_supported(effect, EFFECTS, "effect")


def validate_toleration(toleration: Obj, errors: FieldErrors) -> None:
    key, value = toleration.get("key") or "", toleration.get("value") or ""
    operator, effect = toleration.get("operator") or "", toleration.get("effect") or ""
    for message in names.qualified_name(key) if key else ():
        errors.invalid(key, message, "key")
    match operator:
        case "Exists":
            if value:
                errors.invalid(value, "must be empty for operator `Exists`", "value")
        case "Equal":
            for message in names.label_value(value):
                errors.invalid(value, message, "value")
        case "":
            errors.required("operator")
        case _:
            errors.not_supported(operator, OPERATORS, "operator")
    if effect and effect not in EFFECTS:
        errors.not_supported(effect, EFFECTS, "effect")
