"""NodeResourcesBalancedAllocation: rather the nodes whose CPU and memory would be used to the same share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..framework import MAX_SCORE, Plugin, World
from ..nodetable import Ints, Mask
from ..podfacts import PodFacts


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:  # noqa: ARG001
    """(1 - half the difference of the shares) of 100, cut; no say for pods that request neither."""
    table = world.table
    cpu, memory = pod.requests.get("cpu", 0), pod.requests.get("memory", 0)
    if cpu == 0 and memory == 0:
        return None
    cpu_share, has_cpu = share(table.requested("cpu") + cpu, table.allocatable("cpu"))
    memory_share, has_memory = share(table.requested("memory") + memory, table.allocatable("memory"))
    deviation = np.where(has_cpu & has_memory, np.abs((cpu_share - memory_share) / 2), 0.0)
    return ((1 - deviation) * float(MAX_SCORE)).astype(np.int64)


def share(requested: Ints, allocatable: Ints) -> tuple[npt.NDArray[np.float64], Mask]:
    """(used share, at most 1; whether the node has the resource at all)."""
    has = allocatable > 0
    return np.minimum(requested / np.maximum(allocatable, 1), 1.0), has


PLUGIN = Plugin("NodeResourcesBalancedAllocation", score=score)
