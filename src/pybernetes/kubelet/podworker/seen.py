"""What a plan is made from: the runtime's view of one pod, and what the worker remembers beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj
from pybernetes.kubelet.admission import Refusal
from pybernetes.kubelet.runtime import ContainerStatus, PodSandboxStatus


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One container that the runtime knows. `message` is the termination message, read when it exited."""

    status: ContainerStatus
    sandbox_id: str
    message: str = ""

    @property
    def id(self) -> str:
        return self.status.id

    @property
    def name(self) -> str:
        return self.status.metadata.name

    @property
    def attempt(self) -> int:
        return self.status.metadata.attempt

    @property
    def running(self) -> bool:
        return self.status.state == "RUNNING"

    @property
    def exited(self) -> bool:
        return self.status.state == "EXITED"


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """The answer to "is the image there for this incarnation": `image_id`, or why not and when to ask again."""

    attempt: int
    image: str
    image_id: str = ""
    reason: str = ""
    """ErrImagePull, ErrImageNeverPull, InvalidImageName, ImageInspectError, RegistryUnavailable."""
    message: str = ""
    tried_at: float = 0.0
    retry_at: float = 0.0
    """0.0: nothing will change without a new spec."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that failed and is not tried again before `retry_at` (Unix seconds)."""

    reason: str
    message: str
    retry_at: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Backoff:
    """The restart back-off of one container: `delay` seconds, counted up when `exited_id` was replaced at `at`."""

    delay: float
    at: float
    exited_id: str


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """What the probes of one running container say; None: no result yet (or no such probe)."""

    startup: bool | None = None
    liveness: bool | None = None
    readiness: bool | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Times are Unix seconds. `sandboxes` are newest first; `containers` are all that the runtime still has.

    `gone`: the API has no such pod any more. `terminating_since`: when this kubelet began to end the pod.
    `in_flight`: keys of actions being performed. `stopped`: sandboxes whose stop has succeeded.
    """

    sandboxes: tuple[PodSandboxStatus, ...] = ()
    containers: tuple[Incarnation, ...] = ()
    host_ips: tuple[str, ...] = ()
    gone: bool = False
    volumes_ready: bool = False
    cleaned: bool = False
    terminating_since: float | None = None
    in_flight: frozenset[str] = frozenset()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    images: Mapping[str, ImageOutcome] = field(default_factory=dict)
    """By container name."""
    backoffs: Mapping[str, Backoff] = field(default_factory=dict)
    """By `podspec.restart_key`."""
    probes: Mapping[str, ProbeResults] = field(default_factory=dict)
    """By container id."""
    stopped: frozenset[str] = frozenset()
    pre_stopped: frozenset[str] = frozenset()
    """Containers whose preStop hook has been run."""
    deleted: bool = False
    """The final delete has been sent."""
    refusal: Refusal | None = None
    """Why this node does not take the pod."""
    preempted: bool = False
    """A critical pod takes its place."""
    pending: Refusal | None = None
    """Why the pod does not get the resources that it asks for now, and goes on with those that it has."""
    given: Mapping[str, tuple[int, Obj]] = field(default_factory=dict)
    """By container, with which resources which attempt runs, as far as this worker gave them."""
    max_backoff: float = 300.0
    runtime_name: str = "containerd"

    def latest(self, name: str) -> Incarnation | None:
        """The newest incarnation of a container, in whichever sandbox."""
        mine = [c for c in self.containers if c.status.metadata.name == name]
        if len(mine) < 2:
            return mine[0] if mine else None
        return max(mine, key=lambda c: (c.attempt, c.status.created_at))

    def previous(self, name: str) -> Incarnation | None:
        """The one before the newest."""
        mine = sorted(
            (c for c in self.containers if c.name == name),
            key=lambda c: (c.attempt, c.status.created_at),
        )
        return mine[-2] if len(mine) > 1 else None
