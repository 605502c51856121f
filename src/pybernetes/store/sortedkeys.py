"""A sorted set of strings that stays fast at a million keys: chunks of a few hundred, found by bisection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

CHUNK = 1024
"""A chunk is split when it reaches twice this size."""


class SortedKeys:
    """Order is by code point, which for text is also the order of its UTF-8 bytes (etcd's order)."""

    __slots__ = ("_chunks", "_firsts", "_size")

    def __init__(self, keys: Iterable[str] = ()) -> None:
        ordered = sorted(set(keys))
        self._chunks = [ordered[i : i + CHUNK] for i in range(0, len(ordered), CHUNK)]
        self._firsts = [chunk[0] for chunk in self._chunks]
        self._size = len(ordered)

    def __len__(self) -> int:
        return self._size

    def add(self, key: str) -> None:
        """Adds `key`; a key that is there stays once."""
        if not self._chunks:
            self._chunks, self._firsts, self._size = [[key]], [key], 1
            return
        at = max(bisect_right(self._firsts, key) - 1, 0)
        chunk = self._chunks[at]
        place = bisect_left(chunk, key)
        if place < len(chunk) and chunk[place] == key:
            return
        chunk.insert(place, key)
        self._size += 1
        if place == 0:
            self._firsts[at] = key
        if len(chunk) >= 2 * CHUNK:
            upper = chunk[CHUNK:]
            del chunk[CHUNK:]
            self._chunks.insert(at + 1, upper)
            self._firsts.insert(at + 1, upper[0])

    def discard(self, key: str) -> None:
        """Removes `key` if it is there."""
        at = bisect_right(self._firsts, key) - 1
        if at < 0:
            return
        chunk = self._chunks[at]
        place = bisect_left(chunk, key)
        if place == len(chunk) or chunk[place] != key:
            return
        del chunk[place]
        self._size -= 1
        if not chunk:
            del self._chunks[at], self._firsts[at]
        elif place == 0:
            self._firsts[at] = chunk[0]

    def _spans(self, start: str, end: str) -> Iterator[tuple[list[str], int, int]]:
        """The (chunk, from, to) pieces that make up [start, end)."""
        at = max(bisect_right(self._firsts, start) - 1, 0)
        for index in range(at, len(self._chunks)):
            if self._firsts[index] >= end:
                return
            chunk = self._chunks[index]
            low = bisect_left(chunk, start) if index == at else 0
            high = len(chunk) if chunk[-1] < end else bisect_left(chunk, end)
            if low < high:
                yield chunk, low, high

    def count(self, start: str, end: str) -> int:
        """How many keys are in [start, end)."""
        return sum(high - low for _, low, high in self._spans(start, end))

    def between(self, start: str, end: str, limit: int = 0) -> list[str]:
        """The first `limit` keys (0: all) of [start, end), in order."""
        found: list[str] = []
        for chunk, low, high in self._spans(start, end):
            found += chunk[low:high]
            if limit and len(found) >= limit:
                return found[:limit]
        return found
