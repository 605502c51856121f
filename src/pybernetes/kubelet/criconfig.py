"""What the kubelet tells a container runtime to make: the configurations of sandboxes and containers (CRI's messages).

`runtime.py` has the rest of the interface and gives these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NamespaceMode = Literal["POD", "CONTAINER", "NODE", "TARGET"]
MountPropagation = Literal["PRIVATE", "HOST_TO_CONTAINER", "BIDIRECTIONAL"]


@dataclass(frozen=True, slots=True)
class NamespaceOption:
    network: NamespaceMode = "POD"
    pid: NamespaceMode = "CONTAINER"
    ipc: NamespaceMode = "POD"
    target_id: str = ""
    """The container whose pid namespace is shared, with `pid` TARGET."""


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """A seccomp or AppArmor profile."""

    profile_type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    localhost_ref: str = ""


@dataclass(frozen=True, slots=True)
class SELinuxOption:
    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class PodSandboxMetadata:
    name: str
    uid: str
    namespace: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class DNSConfig:
    """What becomes the sandbox's /etc/resolv.conf. Empty: the runtime copies the host's."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A `hostPort`; the CNI portmap plugin performs it."""

    protocol: Literal["TCP", "UDP", "SCTP"]
    container_port: int
    host_port: int
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class LinuxSandboxSecurityContext:
    namespace_options: NamespaceOption = NamespaceOption()
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    readonly_rootfs: bool = False
    privileged: bool = False
    seccomp: SecurityProfile | None = None
    apparmor: SecurityProfile | None = None
    selinux_options: SELinuxOption | None = None


@dataclass(frozen=True, slots=True)
class PodSandboxConfig:
    """`RunPodSandbox`'s argument, and handed to `CreateContainer` again."""

    metadata: PodSandboxMetadata
    hostname: str = ""
    """"" for a pod in the host's network."""
    log_directory: str = ""
    dns_config: DNSConfig | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    security_context: LinuxSandboxSecurityContext = LinuxSandboxSecurityContext()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    runtime_handler: str = ""
    """An argument of its own of `RunPodSandbox` in CRI; "" is the default handler."""


@dataclass(frozen=True, slots=True)
class ContainerMetadata:
    name: str
    attempt: int = 0
    """Which incarnation in the pod: the restart count."""


@dataclass(frozen=True, slots=True)
class Mount:
    container_path: str
    host_path: str
    readonly: bool = False
    propagation: MountPropagation = "PRIVATE"
    selinux_relabel: bool = False
    recursive_read_only: bool = False


@dataclass(frozen=True, slots=True)
class LinuxContainerResources:
    """0 means "not set", as on the wire."""

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit_in_bytes: int = 0
    oom_score_adj: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    memory_swap_limit_in_bytes: int = 0
    hugepage_limits: Mapping[str, int] = field(default_factory=dict)
    unified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Names without `CAP_`; "ALL" stands for all."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinuxContainerSecurityContext:
    capabilities: Capabilities = Capabilities()
    privileged: bool = False
    namespace_options: NamespaceOption = NamespaceOption()
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_username: str = ""
    readonly_rootfs: bool = False
    supplemental_groups: tuple[int, ...] = ()
    no_new_privs: bool = False
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    seccomp: SecurityProfile | None = None
    apparmor: SecurityProfile | None = None
    selinux_options: SELinuxOption | None = None


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """`CreateContainer`'s argument. `image` is the image's id as `image_status` gave it."""

    metadata: ContainerMetadata
    image: str
    user_specified_image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    envs: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    devices: tuple[tuple[str, str, str], ...] = ()
    """(container path, host path, cgroup permissions)."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    """Relative to the sandbox's `log_directory`."""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    resources: LinuxContainerResources = LinuxContainerResources()
    security_context: LinuxContainerSecurityContext = LinuxContainerSecurityContext()
    stop_signal: str = ""
