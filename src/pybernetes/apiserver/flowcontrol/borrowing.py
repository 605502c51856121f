"""Which level lends seats to which: every ten seconds each gets seats by what it has lately asked for (upstream's KEP-1040).

A level keeps at least what it does not lend, and never has more than its own and what it may borrow; within that all
get the same part of what they want. Pure but for `Demand`, which is told the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .limits import Limits

PERIOD = 10.0
"""Seconds between adjustments."""
SMOOTHING = 0.977
"""What is left of an old demand after a period in which there was less."""
LEAST_TARGET = 0.001
STEPS = 80


class Demand:
    """Seats that a level's requests have or wait for, over time."""

    __slots__ = (
        "_integral",
        "_since",
        "_squares",
        "_started",
        "average",
        "deviation",
        "most",
        "now",
        "smoothed",
        "watermark",
    )

    def __init__(self, now: float) -> None:
        self.now = 0
        self.most = 0
        """Since the period began."""
        self.watermark = 0
        """The most of the period before; the figures below are of it, too."""
        self.average = 0.0
        self.deviation = 0.0
        self.smoothed = 0.0
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._started = self._since = now
        self._integral = self._squares = 0.0

    def change(self, seats: int, now: float) -> None:
        """So many seats are wanted from now on."""
        had = self.now
        if had:
            part = had * (now - self._since)
            self._integral += part
            self._squares += had * part
        self._since = now
        self.now = seats
        if seats > self.most:
            self.most = seats

    def close(self, now: float) -> int:
        """Ends a period: takes its figures over, and gives its high watermark."""
        self.change(self.now, now)
        passed, most = now - self._started, self.most
        self.watermark = most
        if passed > 0:
            self.average = self._integral / passed
            self.deviation = math.sqrt(max(0.0, self._squares / passed - self.average**2))
            envelope = self.average + self.deviation
            self.smoothed = max(envelope, SMOOTHING * self.smoothed + (1 - SMOOTHING) * envelope)
        self._begin(now)
        self.most = self.now
        return most


class Wish(NamedTuple):
    """Of one level, in seats."""

    lower: float
    upper: float
    target: float


def wish_of(limits: Limits, most: int, smoothed: float, *, exempt: bool) -> Wish:
    """What a level should have, by its limits and its demand in the last period (`most`) and before."""
    wanted = most if exempt else min(limits.nominal, most)
    lower = float(max(limits.lower, wanted))
    return Wish(lower, max(limits.upper, lower), max(lower, smoothed))


def allocate(total: int, wishes: Sequence[Wish]) -> tuple[list[float], float]:
    """The seats of each, `total` together as far as the bounds allow, and the part of its target that each gets that
    is not at a bound."""
    wishes = [wish._replace(target=max(wish.target, LEAST_TARGET)) for wish in wishes]

    def given(part: float) -> list[float]:
        return [max(wish.lower, min(wish.upper, part * wish.target)) for wish in wishes]

    low, high = 0.0, max((wish.upper / wish.target for wish in wishes), default=0.0)
    if sum(given(high)) <= total:
        return given(high), high
    for _ in range(STEPS):
        middle = (low + high) / 2
        if sum(given(middle)) < total:
            low = middle
        else:
            high = middle
    return given(high), high
