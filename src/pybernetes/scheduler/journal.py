"""What changed in the node table, in order: from it, whoever keeps something worked out about the table catches up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .podfacts import PodFacts

Entry = tuple[int, PodFacts | None, int]
"""(row, facts, 1 or -1): a pod was counted there or is not any more; (row, None, 0): the node itself changed."""

MOST = 16_384
"""Entries that are kept at least half of; who is further behind starts anew."""


class Journal:
    def __init__(self) -> None:
        self._most = MOST
        self._entries: list[Entry] = []
        self._rows: npt.NDArray[np.intp] = np.zeros(self._most + 1, np.intp)
        self._start = 0
        self.end = 0
        """How many entries there have ever been: a reader's position once it has caught up."""

    def add(self, entry: Entry) -> None:
        self._rows[len(self._entries)] = entry[0]
        self._entries.append(entry)
        self.end += 1
        if len(self._entries) > self._most:
            half = self._most // 2
            del self._entries[:half]
            self._rows[: len(self._entries)] = self._rows[half : half + len(self._entries)].copy()
            self._start += half

    def since(self, position: int) -> Sequence[Entry] | None:
        """The entries from a position on; None where they are not kept any more."""
        if position == self.end:
            return ()
        return self._entries[position - self._start :] if position >= self._start else None

    def rows_since(self, position: int) -> npt.NDArray[np.intp] | None:
        """The rows that the entries from a position on are about, some of them repeatedly; None as in `since`. To be
        used before the next entry."""
        if position < self._start:
            return None
        return self._rows[position - self._start : len(self._entries)]
