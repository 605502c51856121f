"""How many seats a request takes, and for how long after its answer: upstream's estimates. Pure.

A list takes more the more objects it looks at. A write takes more when many watch what it changes: the seats stay taken
for a while after the answer, for that is when the watchers are served.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ..requestinfo import RequestInfo

OBJECTS_PER_SEAT = 100
WATCHES_PER_SEAT = 10
MOST_SEATS = 10
PART_OF_NOMINAL = 0.15
"""What one request may take of its level's seats."""
EVENT_SECONDS = 0.005
"""For which a seat is taken by the watches that are served in it."""
LISTS = ("list", "watch")
WRITES = frozenset({"create", "update", "patch", "delete"})


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


def work_of(info: RequestInfo, query: Mapping[str, str], stored: int, watches: int, nominal: float) -> Work:
    """Of a request for a resource of which so many objects are stored and so many watches are open."""
    verb = info.verb
    if verb in LISTS:
        if info.name or (verb == "watch" and query.get("sendInitialEvents") != "true"):
            return PLAIN
        seats = math.ceil(stored / OBJECTS_PER_SEAT)
        return Work(max(1, min(seats, most_seats(nominal)))) if seats > 1 else PLAIN
    if watches < WATCHES_PER_SEAT or verb not in WRITES or info.subresource == "token":
        return PLAIN
    seats = math.ceil(watches / WATCHES_PER_SEAT)
    final = min(seats, most_seats(nominal))
    return Work(1, final, seats * EVENT_SECONDS / final)
