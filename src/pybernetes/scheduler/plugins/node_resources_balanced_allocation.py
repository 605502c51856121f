"""NodeResourcesBalancedAllocation: rather the nodes whose resources would be used to the same share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..columns import Columns, Floats, Ints, Mask
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

    return Plugin("NodeResourcesBalancedAllocation", score=score, after_same=lambda _pod, _world: "its row")


def _balance(pod: PodFacts, counted: list[str], columns: Columns) -> Ints:
    shares, has = [], []
    for name in counted:
        share, there = _share(pod.requests.get(name, 0), name, columns)
        shares.append(share)
        has.append(there)
    if len(shares) == 2 and has[0] is None and has[1] is None:
        spread = shares[0]
        spread -= shares[1]
        spread /= 2
        np.abs(spread, out=spread)
    else:
        everywhere = np.ones(columns.size, np.bool_)
        spread = deviation(np.array(shares), np.array([everywhere if each is None else each for each in has]))
    return ((1 - spread) * float(MAX_SCORE)).astype(np.int64)


def _share(asked: int, name: str, columns: Columns) -> tuple[Floats, Mask | None]:
    """(used share, at most 1; the nodes that have the resource at all, None for all)."""
    capacity = columns.capacity(name)
    share = columns.requested(name).astype(np.float64)
    share += asked
    share /= capacity.divisor
    return np.minimum(share, 1.0, out=share), capacity.has


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
