"""How many seats the priority levels have: upstream's formulas. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.api.meta import Obj

DEFAULT_SHARES = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one level, in seats."""

    nominal: int
    lower: int
    """What others cannot borrow away."""
    upper: int
    """What it can have with all that it may borrow."""


@dataclass(frozen=True, slots=True)
class Queuing:
    """How requests wait: so many queues, of which a flow is dealt a hand, each with so many places."""

    queues: int = 64
    hand: int = 8
    length: int = 50


def queuing_of(spec: Obj) -> Queuing | None:
    """None for a level whose requests never wait."""
    response = (spec.get("limited") or {}).get("limitResponse") or {}
    if response.get("type") != "Queue":
        return None
    given = response.get("queuing") or {}
    return Queuing(
        int(given.get("queues") or 64),
        int(given.get("handSize") or 8),
        int(given.get("queueLengthLimit") or 50),
    )


def limits_of(specs: Mapping[str, Obj], total: int) -> dict[str, Limits]:
    """By name, of PriorityLevelConfigurations' specs; `total` is the server's concurrency."""
    shares = {name: _shares(spec) for name, spec in specs.items()}
    of_all = sum(shares.values())
    found: dict[str, Limits] = {}
    for name, spec in specs.items():
        nominal = math.ceil(total * shares[name] / of_all) if of_all else 0
        part = _part(spec)
        lendable = rounded(nominal * int(part.get("lendablePercent") or 0) / 100)
        most = part.get("borrowingLimitPercent")
        borrowing = total if most is None else rounded(nominal * int(most) / 100)
        found[name] = Limits(nominal, nominal - lendable, nominal + borrowing)
    return found


def rounded(seats: float) -> int:
    """To the nearest number, halves up, as upstream rounds."""
    return math.floor(seats + 0.5)


def _part(spec: Obj) -> Obj:
    part: Obj = spec.get("limited") or spec.get("exempt") or {}
    return part


def _shares(spec: Obj) -> int:
    given = _part(spec).get("nominalConcurrencyShares")
    if given is None:
        return 0 if spec.get("type") == "Exempt" else DEFAULT_SHARES
    return int(given)
