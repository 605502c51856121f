"""Bringing scores into 0 to 100, in integers as upstream's `DefaultNormalizeScore`."""

from __future__ import annotations

import numpy as np

from ..framework import MAX_SCORE
from ..nodetable import Ints, Mask


def by_highest(scores: Ints, feasible: Mask, *, reverse: bool = False) -> Ints:
    """The highest feasible score becomes 100 (0 where `reverse`); all zero stays zero (100)."""
    highest = int((scores * feasible).max(initial=0))
    if highest == 0:
        return np.full_like(scores, MAX_SCORE) if reverse else scores
    scaled = scores * MAX_SCORE // highest
    return MAX_SCORE - scaled if reverse else scaled
