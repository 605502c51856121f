"""What a plan answers: actions for the worker to perform, the status to report, and when to look again.

Actions are values. `key` names the thing acted upon: while an action is in flight no other with its key is planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from pybernetes.api.meta import Obj

from .seen import Backoff


@dataclass(frozen=True, slots=True)
class MountVolumes:
    key: ClassVar[str] = "volumes"


@dataclass(frozen=True, slots=True)
class CreateSandbox:
    attempt: int
    key: ClassVar[str] = "sandbox"


@dataclass(frozen=True, slots=True)
class StopSandbox:
    sandbox_id: str

    @property
    def key(self) -> str:
        return f"stop/{self.sandbox_id}"


@dataclass(frozen=True, slots=True)
class RemoveSandbox:
    """With the containers in it."""

    sandbox_id: str

    @property
    def key(self) -> str:
        return f"remove/{self.sandbox_id}"


@dataclass(frozen=True, slots=True)
class EnsureImage:
    """Finds or pulls the image for one incarnation, as its pull policy says."""

    container: str
    attempt: int

    @property
    def key(self) -> str:
        return f"image/{self.container}"


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Creates, starts, and runs the postStart hook; in flight until the hook has ended."""

    container: str
    attempt: int
    sandbox_id: str
    image_id: str

    @property
    def key(self) -> str:
        return f"start/{self.container}"


@dataclass(frozen=True, slots=True)
class RunPreStop:
    """The hook alone, for a container whose turn to stop comes later."""

    container: str
    container_id: str
    grace: float

    @property
    def key(self) -> str:
        return f"prestop/{self.container_id}"


@dataclass(frozen=True, slots=True)
class KillContainer:
    """The preStop hook (if `pre_stop`), the stop signal, and SIGKILL when `grace` seconds in all are over."""

    container: str
    container_id: str
    grace: float
    pre_stop: bool
    message: str

    @property
    def key(self) -> str:
        return f"kill/{self.container_id}"


@dataclass(frozen=True, slots=True)
class ResizeContainer:
    """Gives a running container the resources that the pod says now."""

    container: str
    container_id: str
    attempt: int

    @property
    def key(self) -> str:
        return f"resize/{self.container}"


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    container_id: str

    @property
    def key(self) -> str:
        return f"rm/{self.container_id}"


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Unmounts and removes the volumes, removes the pod's cgroup."""

    key: ClassVar[str] = "cleanup"


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Sends the plan's status, then deletes the object with grace 0, if it still is this uid."""

    key: ClassVar[str] = "delete"


Action: TypeAlias = (
    MountVolumes
    | CreateSandbox
    | StopSandbox
    | RemoveSandbox
    | EnsureImage
    | StartContainer
    | RunPreStop
    | KillContainer
    | ResizeContainer
    | RemoveContainer
    | CleanUp
    | DeletePod
)


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to record; `container` "" is about the pod."""

    type: str
    reason: str
    message: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`done`: nothing of the pod is left, here or in the API. `ending`: the pod is being ended (for
    `Seen.terminating_since`), so running pulls and starts are to be given up."""

    actions: tuple[Action, ...]
    status: Obj
    wake_at: float | None = None
    backoffs: Mapping[str, Backoff] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    ending: bool = False
    done: bool = False
