"""A node on which a pod would fit if some others left, and the choice between such nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pybernetes.api.meta import Obj
from pybernetes.lang.timestamps import parse

from ..podfacts import PodFacts

PRIORITY_OFFSET = 2**31
"""Added to each victim's priority before they are summed, so that more victims weigh more below zero too."""

KEY = 5


@dataclass(frozen=True, slots=True)
class Victim:
    uid: str
    facts: PodFacts = field(repr=False)
    started: float
    """Unix time; "now" where it has not started."""

    @property
    def importance(self) -> tuple[int, float]:
        """What sorts the more important first: higher priority, then the longer running."""
        return (-self.facts.priority, self.started)


@dataclass(frozen=True, slots=True)
class Candidate:
    node: str
    victims: tuple[Victim, ...]
    """The most important first."""
    violations: int
    """Victims whose leaving breaks a disruption budget."""

    def key(self) -> tuple[float, ...]:
        """Smaller is better: fewest broken budgets, lowest highest priority, smallest sum of priorities, fewest
        victims, and the latest start of the earliest among the highest."""
        if not self.victims:
            return (0, -(2**62), 0, 0, 0)
        highest = self.victims[0].facts.priority
        earliest = min(victim.started for victim in self.victims if victim.facts.priority == highest)
        total = sum(victim.facts.priority + PRIORITY_OFFSET for victim in self.victims)
        return (self.violations, highest, total, len(self.victims), -earliest)


def started_at(pod: Obj | None, now: float) -> float:
    """When the kubelet took the pod on; `now` where it has not."""
    start = ((pod or {}).get("status") or {}).get("startTime")
    return parse(start) if start else now


def best(candidates: Sequence[Candidate]) -> Candidate:
    """The node where the least is lost; the first of equals. At least one is given."""
    return min(candidates, key=Candidate.key)


def best_row(keys: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> int:
    """The row whose key (a line of `keys`) is the smallest; the first of equals."""
    for column in range(KEY):
        values = keys[rows, column]
        rows = rows[values == values.min()]
        if len(rows) == 1:
            break
    return int(rows[0])
