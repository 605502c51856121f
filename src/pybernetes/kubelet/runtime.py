"""The Container Runtime Interface as the kubelet sees it: Protocols and frozen values, CRI's names (`runtime.v1`).

`host/cri` implements it over gRPC for containerd, `sim/hollow_runtime` in memory; the kubelet knows nothing else about
containers. Units differ from the wire in one place: times are Unix seconds as floats, 0.0 where CRI has 0 ("not yet").
Enumerations are strings with CRI's names without their prefix (`SANDBOX_READY` is "READY").
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .criconfig import (
    Capabilities,
    ContainerConfig,
    ContainerMetadata,
    DNSConfig,
    LinuxContainerResources,
    LinuxContainerSecurityContext,
    LinuxSandboxSecurityContext,
    Mount,
    MountPropagation,
    NamespaceMode,
    NamespaceOption,
    PodSandboxConfig,
    PodSandboxMetadata,
    PortMapping,
    SecurityProfile,
    SELinuxOption,
)

__all__ = (
    "AuthConfig",
    "CRIError",
    "Capabilities",
    "Container",
    "ContainerConfig",
    "ContainerEvent",
    "ContainerEventType",
    "ContainerMetadata",
    "ContainerState",
    "ContainerStats",
    "ContainerStatus",
    "DNSConfig",
    "DeadlineExceeded",
    "ExecSyncResult",
    "FilesystemUsage",
    "Image",
    "ImagePullFailed",
    "ImageService",
    "ImageSpec",
    "InvalidImageName",
    "LinuxContainerResources",
    "LinuxContainerSecurityContext",
    "LinuxSandboxSecurityContext",
    "Mount",
    "MountPropagation",
    "NameReserved",
    "NamespaceMode",
    "NamespaceOption",
    "NotFound",
    "PodSandbox",
    "PodSandboxConfig",
    "PodSandboxMetadata",
    "PodSandboxStatus",
    "PortMapping",
    "RegistryUnavailable",
    "RuntimeCondition",
    "RuntimeService",
    "SELinuxOption",
    "SandboxState",
    "SecurityProfile",
    "Unavailable",
    "Version",
)

SandboxState = Literal["READY", "NOTREADY"]
ContainerState = Literal["CREATED", "RUNNING", "EXITED", "UNKNOWN"]
ContainerEventType = Literal["CREATED", "STARTED", "STOPPED", "DELETED"]


class CRIError(Exception):
    """A call to the runtime failed. The text is the runtime's own message; it goes into events and statuses."""


class NotFound(CRIError):
    """No such container, sandbox or image."""


class Unavailable(CRIError):
    """The runtime cannot be reached: nothing is known about what runs. Try again later, change nothing."""


class DeadlineExceeded(CRIError):
    """The call (or the command of `exec_sync`) did not end in time."""


class NameReserved(CRIError):
    """A container or sandbox of that name and attempt exists already (a create whose answer was lost)."""


class ImagePullFailed(CRIError):
    """The image could not be pulled: no such image or tag, no permission, no such host."""


class RegistryUnavailable(ImagePullFailed):
    """The registry did not answer (upstream's reason `RegistryUnavailable`)."""


class InvalidImageName(ImagePullFailed):
    """The image reference does not parse."""


@dataclass(frozen=True, slots=True)
class Version:
    runtime_name: str
    runtime_version: str
    runtime_api_version: str = "v1"


@dataclass(frozen=True, slots=True)
class RuntimeCondition:
    """`type` is RuntimeReady or NetworkReady."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""


# --- sandboxes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PodSandbox:
    """An entry of `ListPodSandbox`."""

    id: str
    metadata: PodSandboxMetadata
    state: SandboxState
    created_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    runtime_handler: str = ""


@dataclass(frozen=True, slots=True)
class PodSandboxStatus:
    """`ips` holds the pod's addresses, the primary first; empty in the host's network or without one yet."""

    id: str
    metadata: PodSandboxMetadata
    state: SandboxState
    created_at: float
    ips: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    namespace_options: NamespaceOption = field(default_factory=NamespaceOption)


# --- containers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Container:
    """An entry of `ListContainers`."""

    id: str
    pod_sandbox_id: str
    metadata: ContainerMetadata
    state: ContainerState
    created_at: float
    image: str = ""
    image_ref: str = ""
    image_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """`reason` is the runtime's: "Completed", "Error", "OOMKilled", "ContainerCannotRun"; `exit_code` holds only
    with state EXITED."""

    id: str
    metadata: ContainerMetadata
    state: ContainerState
    created_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    image_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    log_path: str = ""
    """Absolute."""
    resources: LinuxContainerResources | None = None


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """`cpu_usage_core_nano_seconds` counts from the container's start."""

    id: str
    metadata: ContainerMetadata
    timestamp: float
    cpu_usage_core_nano_seconds: int = 0
    memory_working_set_bytes: int = 0
    memory_usage_bytes: int = 0
    memory_rss_bytes: int = 0
    writable_layer_used_bytes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something happened to a container or a sandbox. A hint to look again, never the truth itself: events may be
    lost or doubled, and `pod_sandbox_id` is "" where the source does not know it."""

    container_id: str
    type: ContainerEventType
    created_at: float
    pod_sandbox_id: str = ""


@dataclass(frozen=True, slots=True)
class ExecSyncResult:
    stdout: bytes
    stderr: bytes
    exit_code: int


class RuntimeService(Protocol):
    """Every method raises `CRIError` (or a subclass); stopping and removing what is gone is not an error."""

    async def version(self) -> Version: ...

    async def status(self) -> tuple[RuntimeCondition, ...]:
        """RuntimeReady and NetworkReady."""

    async def run_pod_sandbox(self, config: PodSandboxConfig) -> str:
        """Makes and starts a sandbox, network included; its id."""

    async def stop_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """Stops what runs in it and gives its addresses back. Idempotent."""

    async def remove_pod_sandbox(self, pod_sandbox_id: str) -> None:
        """Removes it with its containers. Idempotent."""

    async def list_pod_sandbox(
        self, *, id: str = "", state: SandboxState | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[PodSandbox]: ...

    async def pod_sandbox_status(self, pod_sandbox_id: str) -> PodSandboxStatus:
        """Raises NotFound."""

    async def create_container(
        self, pod_sandbox_id: str, config: ContainerConfig, sandbox_config: PodSandboxConfig
    ) -> str:
        """The container's id; it does not run yet."""

    async def start_container(self, container_id: str) -> None: ...

    async def stop_container(self, container_id: str, timeout: float) -> None:
        """The stop signal, and SIGKILL after `timeout` seconds; returns when it has stopped. Idempotent."""

    async def remove_container(self, container_id: str) -> None: ...

    async def list_containers(
        self,
        *,
        id: str = "",
        pod_sandbox_id: str = "",
        state: ContainerState | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Sequence[Container]: ...

    async def container_status(self, container_id: str) -> ContainerStatus:
        """Raises NotFound."""

    async def update_container_resources(
        self, container_id: str, resources: LinuxContainerResources
    ) -> None: ...

    async def reopen_container_log(self, container_id: str) -> None: ...

    async def exec_sync(self, container_id: str, cmd: Sequence[str], timeout: float) -> ExecSyncResult:
        """Runs a command in the container. Raises DeadlineExceeded after `timeout` seconds (0: no limit)."""

    async def exec(
        self, container_id: str, cmd: Sequence[str], *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str:
        """The URL of a streaming endpoint that runs the command when it is connected to."""

    async def attach(
        self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str: ...

    async def port_forward(self, pod_sandbox_id: str, ports: Sequence[int]) -> str: ...

    async def container_stats(self, container_id: str) -> ContainerStats:
        """Raises NotFound."""

    async def list_container_stats(
        self, *, pod_sandbox_id: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[ContainerStats]: ...

    def events(self) -> AsyncIterator[ContainerEvent] | None:
        """The runtime's events from now on, or None where it has none (the PLEG then lists). The iterator raises
        `Unavailable` when the stream breaks; the caller lists everything and calls again."""

    async def close(self) -> None: ...


# --- images -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImageSpec:
    image: str
    """The reference as in the pod, such as `docker.io/nginx:latest` or `nginx`."""
    runtime_handler: str = ""


@dataclass(frozen=True, slots=True)
class AuthConfig:
    username: str = ""
    password: str = ""
    auth: str = ""
    server_address: str = ""
    identity_token: str = ""
    registry_token: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """`id` is what `ContainerConfig.image` takes; `uid`/`username` is the image's own user, None where unset."""

    id: str
    repo_tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    size: int = 0
    uid: int | None = None
    username: str = ""
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class FilesystemUsage:
    timestamp: float
    mountpoint: str
    used_bytes: int
    inodes_used: int = 0


class ImageService(Protocol):
    async def pull_image(
        self, image: ImageSpec, auth: AuthConfig | None = None, sandbox_config: PodSandboxConfig | None = None
    ) -> str:
        """The image's id (its reference in the runtime). Raises ImagePullFailed or a subclass."""

    async def image_status(self, image: ImageSpec) -> Image | None:
        """None where it is not there. Raises InvalidImageName."""

    async def list_images(self) -> Sequence[Image]: ...

    async def remove_image(self, image: ImageSpec) -> None: ...

    async def image_fs_info(self) -> Sequence[FilesystemUsage]: ...
