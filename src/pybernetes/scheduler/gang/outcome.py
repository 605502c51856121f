"""What a round of a PodGroup has come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pybernetes.api.meta import Obj

from ..framework import Attempt, GroupPreemption

if TYPE_CHECKING:
    from ..decide import Decision
    from ..queuedpod import QueuedPod


@dataclass(slots=True)
class Member:
    """One pod of the round. `attempt` is there where it has a node; `error`: what went wrong about this very pod."""

    queued: QueuedPod
    decision: Decision | None = None
    attempt: Attempt | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a group. `message`: why it has not been scheduled; "" where it has. `failed`: it is an error, not a
    lack of room."""

    group: Obj | None
    members: Sequence[Member]
    message: str = ""
    failed: bool = False
    preemption: GroupPreemption | None = None

    @property
    def scheduled(self) -> bool:
        return not self.message

    @property
    def told(self) -> str:
        """What the group's condition says: also why no room can be made."""
        more = self.preemption.message if self.preemption is not None else ""
        return f"{self.message}, {more}" if more else self.message
