"""How full a node would be with the pod, as a score: upstream's three strategies of NodeResourcesFit.

Integer arithmetic as upstream's. CPU and memory count with what scoring assumes for containers that name none; other
resources count only for pods that request them, and only on nodes that have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..columns import Columns, Ints, Mask
from ..framework import MAX_SCORE
from ..podfacts import PodFacts

Weights = tuple[tuple[str, int], ...]
"""(resource, weight)."""

CPU_AND_MEMORY: Weights = (("cpu", 1), ("memory", 1))
ALWAYS_COUNTED = ("cpu", "memory", "ephemeral-storage")
Shape = tuple[tuple[int, int], ...]
"""(utilization in percent, score 0 to 10) in rising order of utilization."""


@dataclass(frozen=True, slots=True)
class Strategy:
    type: Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] = "LeastAllocated"
    resources: Weights = CPU_AND_MEMORY
    shape: Shape = ((0, 0), (100, 10))

    def score(self, pod: PodFacts, table: Columns) -> Ints:
        """0 to 100 per row."""
        total: Ints | None = None
        weights: Ints | int = 0
        for name, weight in self.resources:
            used = _used(name, pod, table)
            if used is None:
                continue
            score, counts = self._one(used, name, table)
            if weight != 1:
                score *= weight
            if counts is not None:
                score = np.where(counts, score, 0)
            total = score if total is None else total + score
            weights = weights + (weight if counts is None else np.where(counts, weight, 0))
        if total is None:
            return np.zeros(table.size, np.int64)
        if self.type == "RequestedToCapacityRatio":
            return np.floor(total / np.maximum(weights, 1) + 0.5).astype(np.int64)
        mean: Ints = total // (max(weights, 1) if isinstance(weights, int) else np.maximum(weights, 1))
        return mean

    def _one(self, used: Ints, name: str, table: Columns) -> tuple[Ints, Mask | None]:
        """(the score of one resource, the rows where it counts; None for all)."""
        capacity = table.capacity(name)
        allocatable = table.allocatable(name)
        match self.type:
            case "LeastAllocated":
                if capacity.exact:
                    free = capacity.divisor - used
                    np.maximum(free, 0.0, out=free)
                    free *= MAX_SCORE
                    free /= capacity.divisor
                    return free.astype(np.int64), capacity.has
                left = np.maximum(allocatable - used, 0)
                return left * MAX_SCORE // np.maximum(allocatable, 1), capacity.has
            case "MostAllocated":
                taken = np.minimum(used, allocatable)
                return taken * MAX_SCORE // np.maximum(allocatable, 1), capacity.has
            case "RequestedToCapacityRatio":
                share = used * 100 // np.maximum(allocatable, 1)
                score = broken_linear(self.shape, np.where(used > allocatable, 100, share))
                return score, score > 0 if capacity.has is None else capacity.has & (score > 0)


def _used(name: str, pod: PodFacts, table: Columns) -> Ints | None:
    """What would be requested of a resource; None where the pod has nothing to do with it."""
    if name == "cpu":
        return table.nonzero_cpu + pod.nonzero_cpu
    if name == "memory":
        return table.nonzero_memory + pod.nonzero_memory
    asked = pod.requests.get(name, 0)
    if not asked and name not in ALWAYS_COUNTED:
        return None
    return table.requested(name) + asked


def broken_linear(shape: Sequence[tuple[int, int]], at: Ints) -> Ints:
    """The score (0 to 100) between the points of the shape, divisions cut towards zero as Go's."""
    _, last_score = shape[-1]
    found = np.full_like(at, last_score * 10)
    for place in range(len(shape) - 1, 0, -1):
        (left, low), (right, high) = shape[place - 1], shape[place]
        rise = (high - low) * 10 * (at - left)
        between = low * 10 + np.sign(rise) * (np.abs(rise) // (right - left))
        found = np.where(at <= right, between, found)
    first_utilization, first_score = shape[0]
    return np.where(at <= first_utilization, first_score * 10, found)
