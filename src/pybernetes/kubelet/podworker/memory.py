"""What a worker remembers between plans and the runtime does not tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from pybernetes.api.meta import Obj
from pybernetes.kubelet.admission import Refusal

from .seen import Backoff, Failure, ImageOutcome


class ActionFailed(Exception):
    """An action did not succeed; it is tried again after a delay that doubles from `first` to `most` seconds."""

    def __init__(self, reason: str, message: str, *, first: float = 1.0, most: float = 10.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.first = first
        self.most = most


@dataclass(slots=True)
class Memory:
    """Fields as in `seen.Seen`."""

    gone: bool = False
    refusal: Refusal | None = None
    preempted: bool = False
    pending: Refusal | None = None
    given: dict[str, tuple[int, Obj]] = field(default_factory=dict)
    volumes_ready: bool = False
    cleaned: bool = False
    deleted: bool = False
    terminating_since: float | None = None
    failures: dict[str, Failure] = field(default_factory=dict)
    images: dict[str, ImageOutcome] = field(default_factory=dict)
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    pre_stopped: set[str] = field(default_factory=set)

    def failed(self, key: str, error: ActionFailed, now: float) -> None:
        before = self.failures.get(key)
        count = before.count + 1 if before else 1
        delay = min(error.first * 2 ** (count - 1), error.most)
        self.failures[key] = Failure(error.reason, error.message, now + delay, count)

    def retry_soon(self, *prefixes: str) -> None:
        """What failed for want of something may succeed now."""
        for key, failure in [*self.failures.items()]:
            if key.startswith(prefixes):
                self.failures[key] = Failure(failure.reason, failure.message, 0.0, failure.count)
