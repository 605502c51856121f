"""How often a daemon pod that fails is replaced: at once, then after 1 s, doubled with each failure, at most 15 minutes;
forgotten after half an hour without one. Upstream keeps these in memory too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 900.0


@dataclass(frozen=True, slots=True)
class Pause:
    """After a failure on a node at `since` (Unix seconds), the next is not cleared away before `seconds` later."""

    seconds: float
    since: float


Pauses = Mapping[str, Pause]
"""By node name."""


def left(pauses: Pauses, node: str, now: float) -> float:
    """Seconds until a failed pod of the node may be replaced."""
    pause = pauses.get(node)
    return max(0.0, pause.since + pause.seconds - now) if pause is not None else 0.0


def after_failure(pauses: Pauses, node: str, now: float) -> dict[str, Pause]:
    """One more failure on the node is being cleared away."""
    pause = pauses.get(node)
    seconds = FIRST_SECONDS if pause is None else min(pause.seconds * 2, LONGEST_SECONDS)
    return {**pauses, node: Pause(seconds, now)}


def still_known(pauses: Pauses, now: float) -> dict[str, Pause]:
    return {node: pause for node, pause in pauses.items() if now - pause.since <= 2 * LONGEST_SECONDS}
