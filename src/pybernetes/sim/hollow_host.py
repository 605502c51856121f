"""The machine of a hollow node: files, mounts and cgroups in memory, capacity as configured, every probe answered."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pybernetes.kubelet.host import (
    Capacity,
    CgroupLimits,
    CgroupName,
    FileProjection,
    HTTPReply,
    MachineInfo,
    PathType,
    Pressure,
    ResolvConf,
)
from pybernetes.wire.http.messages import Headers, Request

from .network import HollowNetwork

GIB = 1 << 30


Listening = Callable[[str, int], bool]
"""(address, port) -> whether a connection is accepted."""


def everywhere(_host: str, _port: int) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class HollowMachine:
    """The facts that a hollow node reports. Memory and storage in bytes."""

    name: str
    cpu: int = 8
    memory: int = 32 * GIB
    storage: int = 200 * GIB


class HollowHost:
    """Implements `kubelet.host.Host`. Files are kept only as far as somebody may read them again; probes find what
    `listening` says."""

    def __init__(
        self,
        machine: HollowMachine,
        listening: Listening = everywhere,
        network: HollowNetwork | None = None,
    ) -> None:
        """`network` answers for the addresses that it knows, `listening` for all others."""
        self._machine = machine
        self.listening = listening
        self._network = network or HollowNetwork()
        self._files: dict[str, bytes] = {}
        self._payloads: dict[str, dict[str, FileProjection]] = {}
        self._cgroups: set[CgroupName] = set()
        self._mounts: set[str] = set()

    def machine_info(self) -> MachineInfo:
        name = self._machine.name
        return MachineInfo(name, name, name, name, "6.1.0-hollow", "Hollow Linux")

    def capacity(self) -> Capacity:
        return Capacity(self._machine.cpu, self._machine.memory, self._machine.storage)

    def pressure(self) -> Pressure:
        machine = self._machine
        return Pressure(machine.memory, machine.storage, machine.storage, 10**7, 10**7, 32768, 32768)

    def resolv_conf(self) -> ResolvConf:
        return ResolvConf()

    @property
    def payloads(self) -> Mapping[str, Mapping[str, FileProjection]]:
        """What volumes hold, by directory."""
        return self._payloads

    async def make_dir(self, path: str, mode: int = 0o755) -> None:
        """Directories are not kept."""

    async def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._files[path] = data

    async def read_file(self, path: str, limit: int, *, tail: bool = False) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(2, "no such file", path)
        data = self._files[path]
        return data[-limit:] if tail else data[:limit]

    async def write_payload(
        self, directory: str, files: Mapping[str, FileProjection], *, fs_group: int | None = None
    ) -> bool:
        wanted = dict(files)
        changed = self._payloads.get(directory) != wanted
        self._payloads[directory] = wanted
        return changed

    async def remove_tree(self, path: str) -> None:
        if await self.mounts_under(path):
            raise OSError(errno.EBUSY, "Device or resource busy", path)
        inside = path.rstrip("/") + "/"
        for held in (self._files, self._payloads):
            for name in [name for name in held if name == path or name.startswith(inside)]:
                del held[name]

    async def list_dir(self, path: str) -> Sequence[str]:
        inside = path.rstrip("/") + "/"
        names = {
            n[len(inside) :].partition("/")[0]
            for n in (*self._files, *self._payloads)
            if n.startswith(inside)
        }
        return sorted(names)

    async def path_type(self, path: str) -> PathType:
        return "File" if path in self._files else "Directory"

    async def set_fs_group(self, path: str, gid: int, *, only_root_mismatch: bool = False) -> None:
        """Owners are not kept."""

    async def mount_tmpfs(self, path: str, size: int = 0) -> None:
        self._mounts.add(path)

    async def unmount(self, path: str) -> None:
        self._mounts.discard(path)

    async def mounts_under(self, path: str) -> Sequence[str]:
        inside = path.rstrip("/") + "/"
        return sorted((m for m in self._mounts if m == path or m.startswith(inside)), reverse=True)

    async def bind_sub_path(self, volume: str, sub_path: str, target: str) -> str:
        return f"{volume}/{sub_path}"

    def adopt(self, other: HollowHost) -> None:
        """Holds what `other` holds now."""
        self._files, self._payloads = dict(other._files), dict(other._payloads)
        self._cgroups, self._mounts = set(other._cgroups), set(other._mounts)

    def file(self, path: str) -> bytes:
        """What is in a file, also of a volume. Raises FileNotFoundError."""
        if path in self._files:
            return self._files[path]
        for directory, files in self._payloads.items():
            inside = path.removeprefix(directory + "/")
            if inside != path and inside in files:
                return files[inside].data
        raise FileNotFoundError(2, "no such file", path)

    def cgroup_parent(self, name: CgroupName) -> str:
        return "/" + "/".join(name)

    async def ensure_cgroup(self, name: CgroupName, limits: CgroupLimits) -> None:
        self._cgroups.add(name)

    async def remove_cgroup(self, name: CgroupName) -> None:
        self._cgroups = {other for other in self._cgroups if other[: len(name)] != name}

    async def list_cgroups(self, parent: CgroupName) -> Sequence[str]:
        depth = len(parent)
        return sorted({name[depth] for name in self._cgroups if len(name) > depth and name[:depth] == parent})

    async def http_get(
        self,
        scheme: Literal["HTTP", "HTTPS"],
        host: str,
        port: int,
        path: str,
        headers: Sequence[tuple[str, str]],
        timeout: float,
    ) -> HTTPReply:
        if not self._network.knows(host):
            await self.tcp_dial(host, port, timeout)
            return HTTPReply(200, b"ok")
        request = Request("GET", path, Headers((k.lower(), v) for k, v in headers), scheme=scheme.lower())
        async with asyncio.timeout(timeout):
            reply = await self._network.exchange(host, port, request)
        return HTTPReply(reply.status, reply.body, reply.headers.first("location"))

    async def tcp_dial(self, host: str, port: int, timeout: float) -> None:
        if self._network.knows(host):
            self._network.dial(host, port)
        elif not self.listening(host, port):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    async def grpc_health(self, host: str, port: int, service: str, timeout: float) -> str:
        await self.tcp_dial(host, port, timeout)
        return "SERVING"
