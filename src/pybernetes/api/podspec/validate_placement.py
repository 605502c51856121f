"""The rules of tolerations and topology spread."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.selectors import validate_label_selector

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def validate_tolerations(tolerations: Any, errors: FieldErrors) -> None:
    for index, toleration in enumerate(tolerations):
        _validate_toleration(toleration, errors.at(index))


def _validate_toleration(toleration: Obj, errors: FieldErrors) -> None:
    key, operator, effect = (
        toleration.get("key", ""),
        toleration.get("operator", ""),
        toleration.get("effect", ""),
    )
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
        for message in names.label_value(toleration.get("value", "")):
            errors.invalid(operator, message, "operator")
    elif operator == "Exists":
        if toleration.get("value"):
            errors.invalid(toleration, "value must be empty when `operator` is 'Exists'", "operator")
    elif operator not in ("Lt", "Gt"):
        errors.not_supported(operator, ["Equal", "Exists"], "operator")
    if effect and effect not in EFFECTS:
        errors.not_supported(effect, list(EFFECTS), "effect")


def validate_topology_spread(constraints: Any, errors: FieldErrors) -> None:
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(constraints):
        at = errors.at(index)
        skew, key = constraint.get("maxSkew", 0), constraint.get("topologyKey", "")
        action = constraint.get("whenUnsatisfiable", "")
        if skew <= 0:
            at.invalid(skew, "must be greater than zero", "maxSkew")
        if not key:
            at.required("topologyKey", "can not be empty")
        for message in names.qualified_name(key) if key else ():
            at.invalid(key, message, "topologyKey")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            at.not_supported(action, ["DoNotSchedule", "ScheduleAnyway"], "whenUnsatisfiable")
        if (key, action) in seen:
            at.duplicate(f"{{{key}, {action}}}", "{topologyKey, whenUnsatisfiable}")
        seen.add((key, action))
        least = constraint.get("minDomains")
        if least is not None and least <= 0:
            at.invalid(least, "must be greater than zero", "minDomains")
        elif least is not None and action != "DoNotSchedule":
            at.invalid(
                least,
                f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}",
                "minDomains",
            )
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(field) is not None and constraint[field] not in ("Honor", "Ignore"):
                at.not_supported(constraint[field], ["Honor", "Ignore"], field)
        validate_label_selector(constraint.get("labelSelector"), at.at("labelSelector"))
