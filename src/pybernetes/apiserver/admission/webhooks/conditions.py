"""A hook's match conditions: whether it is asked about this request after all."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pybernetes.api.kind import Kind

from ..plugin import Admission
from ..policies.compiled import Expression, Failure, conditions_of, holds
from ..policies.inputs import values_of
from .hooks import Hook


def conditions_hold(hook: Hook, kind: Kind, admission: Admission) -> bool:
    """Whether all of them are true of the objects in the version of `kind`. Raises Forbidden where one cannot be
    evaluated, none is false, and the hook's failure is not to be ignored."""
    conditions: Any = hook.tree.get("matchConditions")
    if not conditions:
        return True
    from pybernetes.lang.cel.frames import MATCH_CONDITIONS_BUDGET
    from pybernetes.lang.cel.program import Budget

    compiled = _compiled(tuple(str(condition.get("expression") or "") for condition in conditions))
    budget = Budget(MATCH_CONDITIONS_BUDGET)
    try:
        return holds(compiled, values_of(admission, kind), budget, fails=not hook.ignores_failure)
    except Failure as failure:
        raise admission.forbidden(str(failure)) from failure


@lru_cache(maxsize=256)
def _compiled(texts: tuple[str, ...]) -> tuple[Expression, ...]:
    return conditions_of([{"expression": text} for text in texts])
