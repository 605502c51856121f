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
        total = np.zeros(table.size, np.int64)
        weights = np.zeros(table.size, np.int64)
        for name, weight in self.resources:
            used = _used(name, pod, table)
            if used is None:
                continue
            allocatable = table.allocatable(name)
            has = allocatable > 0
            score, counts = self._one(used, allocatable, has)
            total += np.where(counts, score * weight, 0)
            weights += np.where(counts, weight, 0)
        if self.type == "RequestedToCapacityRatio":
            return np.floor(total / np.maximum(weights, 1) + 0.5).astype(np.int64)
        mean: Ints = total // np.maximum(weights, 1)
        return mean

    def _one(self, used: Ints, allocatable: Ints, has: Mask) -> tuple[Ints, Mask]:
        """(the score of one resource, the rows where it counts)."""
        capacity = np.maximum(allocatable, 1)
        match self.type:
            case "LeastAllocated":
                return np.maximum(allocatable - used, 0) * MAX_SCORE // capacity, has
            case "MostAllocated":
                return np.minimum(used, allocatable) * MAX_SCORE // capacity, has
            case "RequestedToCapacityRatio":
                utilization = np.where(used > allocatable, 100, used * 100 // capacity)
                score = broken_linear(self.shape, utilization)
                return score, has & (score > 0)


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
