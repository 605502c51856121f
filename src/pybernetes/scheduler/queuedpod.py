"""A pod that waits for a node, and what is known of its waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pybernetes.api.meta import Obj, uid_of

from .podfacts import PodFacts
from .profile import Profile

State = Literal["active", "backoff", "error", "unschedulable", "gated", "deciding"]


@dataclass(slots=True)
class QueuedPod:
    """One waiting pod. `until`: when its back-off ends; `since`: when it became unschedulable (the loop's time)."""

    pod: Obj
    facts: PodFacts
    order: int
    profile: Profile
    arrived: float = 0.0
    tried: float = 0.0
    state: State = "active"
    attempts: int = 0
    until: float = 0.0
    since: float = 0.0
    rejected_by: frozenset[str] = field(default_factory=frozenset)
    held_back: str = ""
    """What the PreEnqueue plugin said that keeps it from being tried."""
    missed_from: int = 0
    """Where, among the changes, those begin that came while it was being decided on."""
    flushed: bool = False
    """Whether it was let go for no other reason than that it had waited too long."""
    memo: dict[str, Any] = field(default_factory=dict)
    """What plugins keep within one attempt."""
    settled: bool = True
    """Whether the PreEnqueue plugins could be asked."""

    uid: str = ""

    def __post_init__(self) -> None:
        self.uid = uid_of(self.pod)

    @property
    def group(self) -> str:
        """The key of the PodGroup that the pod belongs to; "" for none."""
        return f"{self.facts.namespace}/{self.facts.group}" if self.facts.group else ""
