"""Events about pods, their containers and the node: what the kubelet needs of a recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, cast

from pybernetes.api.meta import Obj
from pybernetes.client.events import reference

from . import podspec

Kind = Literal["Normal", "Warning"]


class Recorder(Protocol):
    """`client.events.EventRecorder` is one."""

    def event(self, about: Obj, event_type: Kind, reason: str, message: str) -> None: ...


def tell_about(recorder: Recorder, pod: Obj, container: str = "") -> Callable[[str, str, str], None]:
    """(type, reason, message) -> an event about the pod, or about one of its containers by its field path."""
    about = reference(pod)
    if container and (path := podspec.field_path(pod, container)):
        about["fieldPath"] = path

    def tell(event_type: str, reason: str, message: str) -> None:
        recorder.event(about, cast(Kind, event_type), reason, message)

    return tell
