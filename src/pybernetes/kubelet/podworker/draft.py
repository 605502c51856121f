"""A plan while it is being made: one function's local notebook, never kept."""

from __future__ import annotations

from .actions import Action, Notice
from .containerstatus import Waiting
from .seen import Backoff, Seen


class Draft:
    """Collects what the steps of one plan decide."""

    def __init__(self, seen: Seen, now: float) -> None:
        self.seen = seen
        self.now = now
        self.actions: list[Action] = []
        self.waiting: dict[str, Waiting] = {}
        self.notices: list[Notice] = []
        self.backoffs: dict[str, Backoff] = dict(seen.backoffs)
        self.done = False
        self._wakes: list[float] = []

    def act(self, action: Action) -> bool:
        """Plans an action unless one with its key is in flight or failed a moment ago; whether it was planned."""
        if action.key in self.seen.in_flight:
            return False
        failure = self.seen.failures.get(action.key)
        if failure is not None and failure.retry_at > self.now:
            self.wake(failure.retry_at)
            return False
        self.actions.append(action)
        return True

    def wake(self, at: float) -> None:
        self._wakes.append(at)

    @property
    def wake_at(self) -> float | None:
        return min(self._wakes, default=None)
