"""How many seats a request takes, and for how long after its answer: upstream's estimates. Pure.

A list, or a watch that begins with one, takes more the more bytes it answers with. A write takes more when many watch what it changes: the seats stay taken
for a while after the answer, for that is when the watchers are served.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ..requestinfo import RequestInfo

BYTES_PER_SEAT = 100_000
STREAMED_AT_ONCE = 1_000_000
"""Bytes of a list from the cache that are in memory at a time, whatever its length."""
WATCHES_PER_SEAT = 10
MOST_SEATS = 10
PART_OF_NOMINAL = 0.15
"""What one request may take of its level's seats."""
EVENT_SECONDS = 0.005
"""For which a seat is taken by the watches that are served in it."""
LISTS = ("list", "watch")
WRITES = frozenset({"create", "update", "patch", "delete"})


class Stored(NamedTuple):
    """Of one resource: how many objects there are, and their bytes together."""

    objects: int
    size: int


class Work(NamedTuple):
    """Seats while a request is served; then `final` seats for `seconds` more."""

    initial: int = 1
    final: int = 0
    seconds: float = 0.0

    @property
    def width(self) -> int:
        """Seats that must be free for it to begin."""
        return max(self.initial, self.final)


PLAIN = Work()


def most_seats(nominal: float) -> int:
    """The seats that a request of a level may take."""
    return max(1, min(MOST_SEATS, math.ceil(min(nominal, 1000.0) * PART_OF_NOMINAL)))


def work_of(
    info: RequestInfo, query: Mapping[str, str], stored: Stored, watches: int, nominal: float
) -> Work:
    """Of a request for a resource of which so much is stored and so many watches are open."""
    verb = info.verb
    if verb in LISTS:
        if verb == "watch" and not _begins_with_a_list(query):
            return PLAIN
        seats = math.ceil(_listed(info, query, stored) / BYTES_PER_SEAT)
        return Work(min(seats, most_seats(nominal))) if seats > 1 else PLAIN
    if watches < WATCHES_PER_SEAT or verb not in WRITES or info.subresource == "token":
        return PLAIN
    seats = math.ceil(watches / WATCHES_PER_SEAT)
    final = min(seats, most_seats(nominal))
    return Work(1, final, seats * EVENT_SECONDS / final)


def _begins_with_a_list(query: Mapping[str, str]) -> bool:
    return query.get("sendInitialEvents") == "true" or query.get("resourceVersion", "0") in ("", "0")


def _listed(info: RequestInfo, query: Mapping[str, str], stored: Stored) -> float:
    """Bytes that are in memory at once for the answer: of as many objects of average size as it may have."""
    limit = query.get("limit", "")
    most = 1 if info.name else int(limit) if limit.isdecimal() else 0
    size = stored.size * most / stored.objects if 0 < most < stored.objects else stored.size
    return min(size, STREAMED_AT_ONCE)
