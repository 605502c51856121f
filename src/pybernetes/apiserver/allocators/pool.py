"""A range of numbers, each held by at most one owner."""

from __future__ import annotations

import random
from itertools import chain


class Taken(Exception):
    """Somebody else holds the number."""


class Exhausted(Exception):
    """No number is free."""


class Pool:
    """The numbers `first`..`last`. Owners are opaque; taking what one already holds is no error."""

    def __init__(
        self,
        first: int,
        last: int,
        *,
        dynamic_from: int | None = None,
        owners: dict[int, str] | None = None,
    ) -> None:
        """Numbers below `dynamic_from` are given out by themselves only when there are no others. Pools that overlap
        share their `owners`."""
        self.first = first
        self.last = last
        self._dynamic_from = first if dynamic_from is None else dynamic_from
        self._owners: dict[int, str] = {} if owners is None else owners

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    def __len__(self) -> int:
        return len(self._owners)

    def owner(self, number: int) -> str | None:
        return self._owners.get(number)

    def take(self, number: int, owner: str) -> bool:
        """Whether it was free (False: `owner` held it already). Raises Taken."""
        holder = self._owners.get(number)
        if holder is None:
            self._owners[number] = owner
            return True
        if holder != owner:
            raise Taken(number)
        return False

    def take_any(self, owner: str, rng: random.Random) -> int:
        """A free number, drawn at random. Raises Exhausted."""
        for low, high in ((self._dynamic_from, self.last), (self.first, self._dynamic_from - 1)):
            if low > high:
                continue
            start = rng.randint(low, high)
            for number in chain(range(start, high + 1), range(low, start)):
                if number not in self._owners:
                    self._owners[number] = owner
                    return number
        raise Exhausted

    def release(self, number: int, owner: str) -> None:
        """Frees a number that `owner` holds; does nothing where another does."""
        if self._owners.get(number) == owner:
            del self._owners[number]

    def clear(self) -> None:
        self._owners.clear()
