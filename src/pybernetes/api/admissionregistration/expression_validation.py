"""That the expressions of policies and webhooks compile: checked when they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..fielderrors import FieldErrors
from ..meta import Obj

if TYPE_CHECKING:
    from pybernetes.lang.cel.types import Type

Known = Mapping[str, "Type"]


def known_names(spec: Obj) -> Known:
    """The names that the match conditions of a policy know."""
    from . import expressions

    return expressions.names(params=spec.get("paramKind") is not None)


def validate_conditions(conditions: Sequence[Obj], known: Known | None, errors: FieldErrors) -> None:
    """Match conditions; `known` is None for those of a webhook."""
    if not conditions:
        return
    from . import expressions

    names = expressions.names(params=False) if known is None else known
    for index, condition in enumerate(conditions):
        validate_expression(condition, "expression", names, expressions.CONDITION, errors.at(index))


def validate_variables(spec: Obj, known: Known, errors: FieldErrors) -> Known:
    """The variables; returns the names with them. `errors` stands at the spec."""
    from . import expressions

    variables = spec.get("variables") or ()

    def failed(index: int, message: str) -> None:
        errors.at("variables", index).invalid(variables[index]["expression"], message, "expression")

    return expressions.with_variables(known, variables, failed)[0]


def validate_expression(
    holder: Obj, field: str, known: Known, wanted: Sequence[Any], errors: FieldErrors
) -> None:
    """The expression in `field`, where there is one."""
    from . import expressions

    text = holder.get(field) or ""
    if not text.strip():
        return
    try:
        expressions.compiled(text, known, wanted)
    except expressions.ExpressionError as error:
        errors.invalid(text, str(error), field)


def validate_validating(spec: Obj, errors: FieldErrors) -> None:
    """All expressions of a ValidatingAdmissionPolicy. `errors` stands at its spec."""
    from . import expressions

    known = known_names(spec)
    validate_conditions(spec.get("matchConditions") or (), known, errors.at("matchConditions"))
    known = validate_variables(spec, known, errors)
    for index, each in enumerate(spec.get("validations") or ()):
        at = errors.at("validations", index)
        validate_expression(each, "expression", known, expressions.CONDITION, at)
        validate_expression(each, "messageExpression", known, expressions.MESSAGE, at)
    for index, each in enumerate(spec.get("auditAnnotations") or ()):
        at = errors.at("auditAnnotations", index)
        validate_expression(each, "valueExpression", known, expressions.ANNOTATION, at)


def validate_mutating(spec: Obj, errors: FieldErrors) -> None:
    """All expressions of a MutatingAdmissionPolicy. `errors` stands at its spec."""
    from . import expressions

    known = known_names(spec)
    validate_conditions(spec.get("matchConditions") or (), known, errors.at("matchConditions"))
    known = validate_variables(spec, known, errors)
    for index, mutation in enumerate(spec.get("mutations") or ()):
        at = errors.at("mutations", index)
        for field, wanted in (
            ("applyConfiguration", expressions.APPLY_CONFIGURATION),
            ("jsonPatch", expressions.JSON_PATCHES),
        ):
            if mutation.get(field) is not None:
                validate_expression(mutation[field], "expression", known, wanted, at.at(field))
