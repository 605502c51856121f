"""What changes while pods are being decided on, to be looked at by those for which no node is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .framework import Change
from .queuedpod import QueuedPod

MOST = 1024
"""Changes from which on it is looked which of them nobody needs any more."""


class Missed:
    """The changes since the first pod was taken that is still being decided on, counted from the first ever."""

    def __init__(self) -> None:
        self._start = 0
        self._most = MOST
        self._changes: list[Change] = []

    @property
    def end(self) -> int:
        return self._start + len(self._changes)

    def add(self, change: Change, deciding: Mapping[str, QueuedPod]) -> None:
        """`deciding`: the pods that may want to know of it."""
        if not deciding:
            self._start = self.end
            self._changes.clear()
            return
        self._changes.append(change)
        if len(self._changes) >= self._most:
            first = min(queued.missed_from for queued in deciding.values())
            del self._changes[: first - self._start]
            self._start = first
            self._most = max(MOST, 2 * len(self._changes))

    def since(self, position: int) -> Sequence[Change]:
        return self._changes[position - self._start :]

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)
