"""What a controller answers: the writes to make, in order, each with its reason. Values that can be printed.

Steps are performed one after another; the first that fails ends the plan, and the key is tried again later, from what is
true then. So the order is part of the logic: a crash between any two steps must leave a state that the next plan mends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Report:
    """An Event about an object. In a step's `success` and `failure`, `{name}` is the written object's name and
    `{error}` the server's message."""

    about: Obj
    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Create:
    kind: Kind
    obj: Obj
    reason: str
    success: Report | None = None
    failure: Report | None = None
    exists_ok: bool = False
    """Whether an object of that name that is there already counts as done."""


@dataclass(frozen=True, slots=True)
class Update:
    """Replaces an object (or a subresource of it) as it was observed: its resourceVersion must still be current."""

    kind: Kind
    obj: Obj
    reason: str
    subresource: str = ""
    success: Report | None = None
    failure: Report | None = None
    otherwise: Callable[[ApiError], tuple[Report | Update, ...]] | None = None
    """What to tell and write down about a failure before the plan ends with it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A merge patch. One that carries metadata.resourceVersion or uid is a precondition."""

    kind: Kind
    namespace: str
    name: str
    patch: Mapping[str, Any]
    reason: str
    subresource: str = ""
    success: Report | None = None
    gone_ok: bool = True


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes what was observed (`uid`); that it is gone already is success."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    reason: str
    propagation: Literal["Background", "Foreground", "Orphan"] | None = None
    grace_period_seconds: int | None = None
    resource_version: str = ""
    success: Report | None = None
    failure: Report | None = None


@dataclass(frozen=True, slots=True)
class DeleteCollections:
    """Deletes every object of some kinds in a namespace. What cannot be deleted does not stop the rest; the plan ends
    with the first failure, after what `otherwise` says is noted."""

    kinds: tuple[Kind, ...]
    namespace: str
    reason: str
    otherwise: Callable[[Sequence[ApiError]], Update] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps that do not depend on each other. They run in waves of 1, 2, 4, … so that what fails for all fails once;
    when a wave has a failure, the rest is not tried."""

    steps: tuple[Create | Delete | Patch, ...]
    otherwise: Callable[[ApiError], Update | None] | None = None
    """What to write down about a failure before the plan ends with it (a condition in the status)."""


@dataclass(frozen=True, slots=True)
class ExpectEmpty:
    """Asks the server, not the caches, whether a namespace has no object of a kind; if it has one, the plan ends here
    with a Conflict. Before a step that cannot be taken back."""

    kind: Kind
    namespace: str


Step: TypeAlias = Report | Create | Update | Patch | Delete | DeleteCollections | ExpectEmpty | Batch


@dataclass(frozen=True, slots=True)
class Plan:
    """`after` asks to look again in so many seconds; `why` says in words what was decided; `memory` is for the next
    look at the same key, of a controller that `remembers`."""

    steps: tuple[Step, ...] = ()
    after: float | None = None
    why: str = ""
    memory: Any = None
    steady: bool = False
    """Whether the next look finds nothing to do unless something else happens before it: it is upkeep."""

    @staticmethod
    def nothing(why: str, after: float | None = None) -> Plan:
        return Plan((), after, why)


@dataclass(slots=True)
class Steps:
    """A plan in the making."""

    steps: list[Step] = field(default_factory=list)
    after: float | None = None
    memory: Any = None

    def add(self, *steps: Step) -> None:
        self.steps.extend(steps)

    def look_again(self, seconds: float | None) -> None:
        """Asks for another look; of several the earliest counts."""
        if seconds is not None:
            self.after = seconds if self.after is None else min(self.after, seconds)

    def plan(self, why: str) -> Plan:
        return Plan(tuple(self.steps), self.after, why, self.memory)
