"""What one request has newly taken out of pools: kept if its write succeeds, else released."""

from __future__ import annotations

from dataclasses import dataclass, field

from .pool import Pool


@dataclass(slots=True)
class Reservation:
    """Of one owner."""

    owner: str = ""
    taken: list[tuple[Pool, int]] = field(default_factory=list)

    def release(self) -> None:
        for pool, number in self.taken:
            pool.release(number, self.owner)
        self.taken.clear()


NOTHING_RESERVED = Reservation()
