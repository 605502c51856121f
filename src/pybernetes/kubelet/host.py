"""What the kubelet needs of the machine besides the runtime: `Host`.

`host/machine` implements it on a Linux machine, `sim/hollow_host` in memory. Paths are absolute strings. A method
raises OSError where the machine refuses (its text goes into FailedMount events); `async` methods may use a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

PathType = Literal["", "Directory", "File", "Socket", "CharDevice", "BlockDevice", "Other"]

CgroupName = tuple[str, ...]
"""Components below the root, driver-independent: ("kubepods", "burstable", "pod<uid>")."""


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """The facts of `node.status.nodeInfo` that the machine knows."""

    hostname: str
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel_version: str
    os_image: str
    operating_system: str = "linux"
    architecture: str = "amd64"


@dataclass(frozen=True, slots=True)
class Capacity:
    """`cpu` in whole cores, the rest in bytes and counts."""

    cpu: int
    memory: int
    ephemeral_storage: int
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """Page size as in resource names ("2Mi") -> bytes reserved."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is left now, for the node's pressure conditions."""

    memory_available: int
    disk_available: int
    disk_capacity: int
    inodes_free: int
    inodes: int
    pids_available: int
    pids_max: int


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """The machine's own /etc/resolv.conf."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileProjection:
    """One file of a volume payload. `mode` without type bits; `uid`/`gid` None leave the owner (root)."""

    data: bytes
    mode: int = 0o644
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """0 means "leave as it is"; `cpu_shares` in cgroup v1's unit (1024 per core), `cpu_quota`/`cpu_period` in
    microseconds (quota -1: no limit), memory in bytes (-1: no limit)."""

    cpu_shares: int = 0
    cpu_quota: int = 0
    cpu_period: int = 100_000
    memory: int = 0
    pids: int = 0


@dataclass(frozen=True, slots=True)
class HTTPReply:
    """`body` is cut after 10 KiB."""

    status: int
    body: bytes
    location: str = ""
    """The `Location` header of a redirect."""


class Host(Protocol):
    # --- the machine
    def machine_info(self) -> MachineInfo: ...

    def capacity(self) -> Capacity: ...

    def pressure(self) -> Pressure: ...

    def resolv_conf(self) -> ResolvConf: ...

    # --- files
    async def make_dir(self, path: str, mode: int = 0o755) -> None:
        """With parents; sets the mode of the last one also if it is there (umask ignored)."""

    async def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replaces the file's content in place where it exists (bind mounts see it), else creates it."""

    async def read_file(self, path: str, limit: int, *, tail: bool = False) -> bytes:
        """At most `limit` bytes from the beginning (or the end). Raises FileNotFoundError."""

    async def write_payload(
        self, directory: str, files: Mapping[str, FileProjection], *, fs_group: int | None = None
    ) -> bool:
        """Makes `directory` hold exactly these relative paths, all at one instant (upstream's AtomicWriter: files in
        `..<timestamp>`, `..data` a symlink replaced by rename, each top-level name a symlink through `..data`).
        Answers whether anything changed; an unchanged payload is not rewritten."""

    async def remove_tree(self, path: str) -> None:
        """Removes a directory and all in it; unmounts nothing and never crosses a mount point (raises OSError EBUSY
        where one is inside). Absent is fine."""

    async def list_dir(self, path: str) -> Sequence[str]:
        """Names in a directory; empty where it does not exist."""

    async def path_type(self, path: str) -> PathType:
        """What is there (symlinks followed); "" for nothing."""

    async def set_fs_group(self, path: str, gid: int, *, only_root_mismatch: bool = False) -> None:
        """Gives the tree to the group, group rw(x) and setgid on directories (`securityContext.fsGroup`);
        `only_root_mismatch` skips it where the root already is so (`fsGroupChangePolicy: OnRootMismatch`)."""

    # --- mounts
    async def mount_tmpfs(self, path: str, size: int = 0) -> None:
        """A tmpfs at `path` (made if absent), `size` bytes (0: the kernel's default). Nothing if one is there."""

    async def unmount(self, path: str) -> None:
        """Nothing if `path` is no mount point."""

    async def mounts_under(self, path: str) -> Sequence[str]:
        """Mount points at or below `path`, deepest first."""

    async def bind_sub_path(self, volume: str, sub_path: str, target: str) -> str:
        """The host path to mount for a `subPath`: `sub_path` inside `volume`, made as a directory where absent,
        resolved without leaving `volume` (raises OSError otherwise). An implementation may bind it at `target`, so
        that nobody can swap it for a link afterwards; then it answers `target`."""

    # --- cgroups
    def cgroup_parent(self, name: CgroupName) -> str:
        """The runtime's `cgroup_parent` for this name under the driver in use (cgroupfs path or systemd slice)."""

    async def ensure_cgroup(self, name: CgroupName, limits: CgroupLimits) -> None:
        """Makes it (parents too) and sets its limits."""

    async def remove_cgroup(self, name: CgroupName) -> None:
        """Kills what is left in it and removes it with its children. Absent is fine."""

    async def list_cgroups(self, parent: CgroupName) -> Sequence[str]:
        """Last components of the children of `parent`, as they were given to `ensure_cgroup`."""

    # --- probing: from the node, as the kubelet does
    async def http_get(
        self,
        scheme: Literal["HTTP", "HTTPS"],
        host: str,
        port: int,
        path: str,
        headers: Sequence[tuple[str, str]],
        timeout: float,
    ) -> HTTPReply:
        """One GET on a new connection, no certificate verification, redirects not followed. Raises TimeoutError or
        OSError (with a message in Go's wording where one is known, such as `connection refused`)."""

    async def tcp_dial(self, host: str, port: int, timeout: float) -> None:
        """Connects and closes. Raises TimeoutError or OSError."""

    async def grpc_health(self, host: str, port: int, service: str, timeout: float) -> str:
        """The status of grpc.health.v1 Check: "SERVING", "NOT_SERVING", … Raises TimeoutError or OSError."""
