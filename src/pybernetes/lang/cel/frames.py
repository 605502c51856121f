"""One evaluation: the values of its names, and what it has cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import CelCostExceeded

PER_CALL_LIMIT = 1_000_000
"""Most that one evaluation of one expression may cost (`PerCallLimit`)."""
POLICY_BUDGET = 10_000_000
"""Most that all expressions of a policy, or all rules of a schema, may cost together (`RuntimeCELCostBudget`)."""
MATCH_CONDITIONS_BUDGET = 2_500_000
"""The same of match conditions (`RuntimeCELCostBudgetMatchConditions`)."""


class Frame:
    __slots__ = ("cost", "limit", "values")

    def __init__(self, values: Mapping[str, Any], limit: int) -> None:
        self.values: dict[str, Any] = dict(values)
        self.cost = 0
        self.limit = limit

    def spend(self, cost: int) -> None:
        """Raises CelCostExceeded."""
        self.cost += cost
        if self.cost > self.limit:
            raise CelCostExceeded


Run = Callable[[Frame], Any]
