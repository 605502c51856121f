"""Limits on how often things happen: per item with exponential back-off, over all with a token bucket.

Pure values over a time that is passed in (seconds of any monotonic clock); figures are client-go's defaults.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class ItemBackoff:
    """The n-th failure of an item waits `base * 2**n` seconds, at most `most`."""

    base: float = 0.005
    most: float = 1000.0
    _failures: dict[Hashable, int] = field(default_factory=dict)

    def next(self, item: Hashable) -> float:
        """How long the item waits after one more failure."""
        count = self._failures.get(item, 0)
        self._failures[item] = count + 1
        return float(min(self.base * 2 ** min(count, 60), self.most))

    def failures(self, item: Hashable) -> int:
        return self._failures.get(item, 0)

    def forget(self, item: Hashable) -> None:
        """The item has succeeded: its next failure is a first one again."""
        self._failures.pop(item, None)


@dataclass(slots=True)
class TokenBucket:
    """`rate` per second on average, `burst` at once."""

    rate: float
    burst: int
    _tokens: float = 0.0
    _at: float | None = None
    """When the tokens were counted; None before the first use, when the bucket is full."""

    def take(self, now: float) -> bool:
        """Takes one if there is one."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def reserve(self, now: float) -> float:
        """Takes one that may lie in the future; how long to wait for it."""
        self._refill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate)

    def _refill(self, now: float) -> None:
        if self._at is None:
            self._tokens, self._at = float(self.burst), now
        elif now > self._at:  # a clock that is set back gives and takes nothing
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate)
            self._at = now
