"""This Linux machine, for the kubelet: implements `kubelet.host.Host`. Each part has a module of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pybernetes.clock import Env
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
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.tls import client_context

from . import machineinfo, mounts, subpath, volumefiles
from .cgroups import Cgroups

BODY_LIMIT = 10 * 1024


class Machine:
    """`root_dir` is the kubelet's directory; it must exist."""

    def __init__(
        self, env: Env, root_dir: Path, cgroup_parent: str = "/", resolv_conf: str = "/etc/resolv.conf"
    ) -> None:
        self._env = env
        self._root = str(root_dir)
        self._resolv_conf = resolv_conf
        self._cgroups = Cgroups(parent=cgroup_parent)

    def machine_info(self) -> MachineInfo:
        return machineinfo.machine_info()

    def capacity(self) -> Capacity:
        return machineinfo.capacity(self._root)

    def pressure(self) -> Pressure:
        return machineinfo.pressure(self._root)

    def resolv_conf(self) -> ResolvConf:
        return machineinfo.resolv_conf(self._resolv_conf)

    async def make_dir(self, path: str, mode: int = 0o755) -> None:
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)

    async def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
        os.chmod(path, mode)

    async def read_file(self, path: str, limit: int, *, tail: bool = False) -> bytes:
        with open(path, "rb") as file:
            if tail:
                file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
            return file.read(limit)

    async def write_payload(
        self, directory: str, files: Mapping[str, FileProjection], *, fs_group: int | None = None
    ) -> bool:
        stamp = time.strftime("%Y_%m_%d_%H_%M_%S", time.gmtime(self._env.now()))
        return volumefiles.write_payload(Path(directory), files, fs_group, stamp)

    async def remove_tree(self, path: str) -> None:
        if not os.path.lexists(path):
            return
        if inside := mounts.mount_points(path):
            raise OSError(16, f"still mounted: {inside[0]}")
        await asyncio.to_thread(shutil.rmtree, path)

    async def list_dir(self, path: str) -> Sequence[str]:
        return os.listdir(path) if os.path.isdir(path) else []

    async def path_type(self, path: str) -> PathType:
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            return ""
        tests: tuple[tuple[bool, PathType], ...] = (
            (stat.S_ISDIR(mode), "Directory"),
            (stat.S_ISREG(mode), "File"),
            (stat.S_ISSOCK(mode), "Socket"),
            (stat.S_ISCHR(mode), "CharDevice"),
            (stat.S_ISBLK(mode), "BlockDevice"),
        )
        return next((name for holds, name in tests if holds), "Other")

    async def set_fs_group(self, path: str, gid: int, *, only_root_mismatch: bool = False) -> None:
        status = os.stat(path)
        if only_root_mismatch and status.st_gid == gid and status.st_mode & 0o2070 == 0o2070:
            return
        await asyncio.to_thread(_give_to_group, path, gid)

    async def mount_tmpfs(self, path: str, size: int = 0) -> None:
        os.makedirs(path, exist_ok=True)
        if path not in mounts.mount_points(path):
            mounts.mount(
                "tmpfs", path, "tmpfs", mounts.MS_NOSUID | mounts.MS_NODEV, f"size={size}" if size else ""
            )

    async def unmount(self, path: str) -> None:
        if path in mounts.mount_points(path):
            mounts.unmount(path)

    async def mounts_under(self, path: str) -> Sequence[str]:
        return mounts.mount_points(path)

    async def bind_sub_path(self, volume: str, sub_path: str, target: str) -> str:
        if target not in mounts.mount_points(target):
            subpath.bind(volume, sub_path, target)
        return target

    def cgroup_parent(self, name: CgroupName) -> str:
        return self._cgroups.path(name)

    async def ensure_cgroup(self, name: CgroupName, limits: CgroupLimits) -> None:
        await self._cgroups.ensure(name, limits)

    async def remove_cgroup(self, name: CgroupName) -> None:
        await self._cgroups.remove(name)

    async def list_cgroups(self, parent: CgroupName) -> Sequence[str]:
        return self._cgroups.children(parent)

    async def http_get(
        self,
        scheme: Literal["HTTP", "HTTPS"],
        host: str,
        port: int,
        path: str,
        headers: Sequence[tuple[str, str]],
        timeout: float,
    ) -> HTTPReply:
        where = f"[{host}]" if ":" in host else host
        tls = client_context(verify=False) if scheme == "HTTPS" else None
        client = HttpClient(f"{scheme.lower()}://{where}:{port}", tls=tls, max_idle=0)
        try:
            reply = await client.request(
                "GET",
                path if path.startswith("/") else f"/{path}",
                headers=headers,
                timeout=timeout,
                limit=BODY_LIMIT,
            )
        except OSError as error:
            if text := _reason(error):
                raise OSError(error.errno, text) from error
            raise
        finally:
            await client.close()
        return HTTPReply(reply.status, reply.body, reply.headers.get("location", ""))

    async def tcp_dial(self, host: str, port: int, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            if text := _reason(error):
                raise OSError(error.errno, text) from error
            raise
        writer.close()

    async def grpc_health(self, host: str, port: int, service: str, timeout: float) -> str:
        from .grpchealth import check

        return await check(host, port, service, timeout)


def _reason(error: OSError) -> str:
    """The system's own words: asyncio says "Connect call failed" for all that connect(2) answers. "" where the error is
    not the system's (TLS, names, our own time limit)."""
    if error.errno is None or error.errno <= 0 or isinstance(error, ssl.SSLError):
        return ""
    return os.strerror(error.errno)


def _give_to_group(path: str, gid: int) -> None:
    for directory, _, files in os.walk(path):
        os.chown(directory, -1, gid, follow_symlinks=False)
        os.chmod(directory, stat.S_IMODE(os.stat(directory).st_mode) | 0o2770)
        for name in files:
            file = os.path.join(directory, name)
            os.chown(file, -1, gid, follow_symlinks=False)
            if not os.path.islink(file):
                os.chmod(file, stat.S_IMODE(os.stat(file).st_mode) | 0o660)
