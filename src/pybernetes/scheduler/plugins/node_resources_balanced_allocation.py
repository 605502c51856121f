"""NodeResourcesBalancedAllocation: rather the nodes whose resources would be used to the same share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..columns import Columns, Ints, Mask
from ..framework import MAX_SCORE, Plugin, World
from ..kept import by_row
from ..podfacts import PodFacts
from .resource_scoring import ALWAYS_COUNTED, CPU_AND_MEMORY

DEFAULT = tuple(resource for resource, _ in CPU_AND_MEMORY)


def make(resources: tuple[str, ...] = DEFAULT) -> Plugin:
    def score(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:  # noqa: ARG001
        """(1 - the standard deviation of the shares) of 100, cut; no say for pods that request none of them. A resource
        counts where the node has it, an extended one only for pods that request it."""
        asked = [name for name in resources if pod.requests.get(name, 0)]
        if not asked:
            return None
        counted = [name for name in resources if name in asked or name in ALWAYS_COUNTED]
        return by_row(world.table, score, pod.asks, lambda columns: _balance(pod, counted, columns))

    return Plugin("NodeResourcesBalancedAllocation", score=score)


def _balance(pod: PodFacts, counted: list[str], columns: Columns) -> Ints:
    shares, has = zip(
        *(
            share(columns.requested(name) + pod.requests.get(name, 0), columns.allocatable(name))
            for name in counted
        ),
        strict=True,
    )
    return ((1 - deviation(np.array(shares), np.array(has))) * float(MAX_SCORE)).astype(np.int64)


def share(requested: Ints, allocatable: Ints) -> tuple[npt.NDArray[np.float64], Mask]:
    """(used share, at most 1; whether the node has the resource at all)."""
    has = allocatable > 0
    return np.minimum(requested / np.maximum(allocatable, 1), 1.0), has


def deviation(shares: npt.NDArray[np.float64], has: Mask) -> npt.NDArray[np.float64]:
    """Per node (a column), of the resources (lines) it has: half the difference of two, 0 of one."""
    if len(shares) == 2:
        half: npt.NDArray[np.float64] = np.where(has.all(axis=0), np.abs((shares[0] - shares[1]) / 2), 0.0)
        return half
    count = has.sum(axis=0)
    known = np.where(has, shares, 0.0)
    mean = known.sum(axis=0) / np.maximum(count, 1)
    variance = np.where(has, (shares - mean) ** 2, 0.0).sum(axis=0) / np.maximum(count, 1)
    two = np.where(has, shares, -np.inf).max(axis=0) - np.where(has, shares, np.inf).min(axis=0)
    spread = np.where(count == 2, np.where(count == 2, two, 0.0) / 2, np.sqrt(variance))
    found: npt.NDArray[np.float64] = np.where(count > 1, spread, 0.0)
    return found


PLUGIN = make()
