"""The rules of tolerations and topology spread."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.selectors import validate_label_selector
from .validate_labelkeys import validate_label_keys

EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
OPERATORS = ["Equal", "Exists"]
COMPARISONS = ["Lt", "Gt"]
"""Need the feature TaintTolerationComparisonOperators, which is off (alpha in v1.37)."""
POSITIVE = "must be greater than zero"


def validate_tolerations(tolerations: Any, errors: FieldErrors) -> None:
    for index, toleration in enumerate(tolerations):
        _validate_toleration(toleration, errors.at(index))


def _validate_toleration(toleration: Obj, errors: FieldErrors) -> None:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    effect, value = toleration.get("effect", ""), toleration.get("value", "")
    for message in names.qualified_name(key) if key else ():
        errors.invalid(key, message, "key")
    if not key and operator != "Exists":
        errors.invalid(
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
            "operator",
        )
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        errors.invalid(effect, "effect must be 'NoExecute' when `tolerationSeconds` is set", "effect")
    if operator in ("Equal", ""):
        if faults := names.label_value(value):
            errors.invalid(value, ";".join(faults), "operator")
    elif operator == "Exists":
        if value:
            errors.invalid(value, "value must be empty when `operator` is 'Exists'", "operator")
    else:
        known = [*OPERATORS, *COMPARISONS] if operator in COMPARISONS else OPERATORS
        errors.not_supported(operator, known, "operator")
    if effect and effect not in EFFECTS:
        errors.not_supported(effect, EFFECTS, "effect")


def validate_topology_spread(constraints: Any, errors: FieldErrors) -> None:
    pairs = [(each.get("topologyKey", ""), each.get("whenUnsatisfiable", "")) for each in constraints]
    for index, constraint in enumerate(constraints):
        at, (key, action) = errors.at(index), pairs[index]
        skew, least = constraint.get("maxSkew", 0), constraint.get("minDomains")
        if skew <= 0:
            at.invalid(skew, POSITIVE, "maxSkew")
        if not key:
            at.required("topologyKey", "can not be empty")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            at.not_supported(action, ["DoNotSchedule", "ScheduleAnyway"], "whenUnsatisfiable")
        if (key, action) in pairs[index + 1 :]:
            at.duplicate(f"{{{key}, {action}}}", "{topologyKey, whenUnsatisfiable}")
        if least is not None and least <= 0:
            at.invalid(least, POSITIVE, "minDomains")
        if least is not None and action != "DoNotSchedule":
            why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            at.invalid(least, why, "minDomains")
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(field) is not None and constraint[field] not in ("Honor", "Ignore"):
                at.not_supported(constraint[field], ["Honor", "Ignore"], field)
        validate_label_keys(constraint, at)
        validate_label_selector(constraint.get("labelSelector"), at.at("labelSelector"))
