"""Match conditions: expressions that must all be true for a webhook or a policy to be asked."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from .policyexpressions import PolicyExpressions

MOST = 64


def validate_match_conditions(
    conditions: Sequence[Obj], expressions: PolicyExpressions, errors: FieldErrors
) -> None:
    if len(conditions) > MOST:
        errors.too_many(len(conditions), MOST)
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at, name = errors.at(index), condition.get("name") or ""
        if text := (condition.get("expression") or "").strip():
            expressions.condition(text, at)
        else:
            at.required("expression")
        if not name:
            at.required("name")
            continue
        for message in names.qualified_name(name):
            at.invalid(name, message, "name")
        if name in seen:
            at.duplicate(name, "name")
        seen.add(name)
