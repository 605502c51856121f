"""What a volume plugin is, and what it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from pybernetes.api.meta import Obj, uid_of
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.env import SourceKind
from pybernetes.kubelet.fieldref import NodeFacts
from pybernetes.kubelet.host import Host


class MountError(Exception):
    """The volume cannot be set up now: the text of a FailedMount event, tried again."""


@dataclass(frozen=True, slots=True)
class VolumeContext:
    """`fetch` reads an object of the pod's namespace (None: there is none); `token` asks for a bound token of the
    pod (audience, seconds)."""

    pod: Obj
    config: KubeletConfig
    host: Host
    node: NodeFacts
    fetch: Callable[[SourceKind, str], Awaitable[Obj | None]]
    token: Callable[[str, int], Awaitable[str]]

    @property
    def fs_group(self) -> int | None:
        return (self.pod["spec"].get("securityContext") or {}).get("fsGroup")


def no_references(_volume: Obj) -> Iterable[tuple[SourceKind, str]]:
    return ()


@dataclass(frozen=True, slots=True)
class VolumePlugin:
    """`source` is the field of the volume that names it (`emptyDir`), `directory` its part of the path on the node
    (upstream's `kubernetes.io~empty-dir`)."""

    source: str
    directory: str
    set_up: Callable[[VolumeContext, Obj, str], Awaitable[None]]
    """(context, volume, path): makes the volume at path. Idempotent. Raises MountError or OSError."""
    references: Callable[[Obj], Iterable[tuple[SourceKind, str]]] = no_references
    """The objects whose changes `set_up` must follow."""
    live: bool = False
    """Whether `set_up` is run again when such an object (or the pod's metadata) changes."""
    host_path: Callable[[Obj], str] | None = None
    """The path on the node, where that is not a directory of the pod."""


def volume_path(config: KubeletConfig, pod: Obj, plugin: VolumePlugin, volume: Obj) -> str:
    if plugin.host_path is not None:
        return plugin.host_path(volume)
    return f"{config.pod_dir(uid_of(pod))}/volumes/{plugin.directory}/{volume['name']}"
