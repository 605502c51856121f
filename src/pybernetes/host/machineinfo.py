"""What this machine is and has, from /proc and /etc. Plain reads, no side effects."""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

from pybernetes.kubelet.host import Capacity, MachineInfo, Pressure, ResolvConf

STUB, BEHIND_STUB = "127.0.0.53", "/run/systemd/resolve/resolv.conf"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def machine_info() -> MachineInfo:
    machine_id = _text("/etc/machine-id") or _text("/proc/sys/kernel/random/boot_id").replace("-", "")
    return MachineInfo(
        hostname=socket.gethostname().lower(),
        machine_id=machine_id,
        system_uuid=_text("/sys/class/dmi/id/product_uuid") or machine_id,
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        kernel_version=platform.release(),
        os_image=_os_image(),
        architecture=ARCHITECTURES.get(platform.machine(), platform.machine()),
    )


def capacity(storage: str) -> Capacity:
    """`storage` is a path on the file system that pods write to."""
    disk = os.statvfs(storage)
    return Capacity(
        cpu=len(os.sched_getaffinity(0)),
        memory=_memory()["MemTotal"],
        ephemeral_storage=disk.f_blocks * disk.f_frsize,
        hugepages=_hugepages(),
    )


def pressure(storage: str) -> Pressure:
    disk = os.statvfs(storage)
    pids_max = int(_text("/proc/sys/kernel/pid_max"))
    running = int(_text("/proc/loadavg").split()[3].partition("/")[2])
    return Pressure(
        memory_available=_memory()["MemAvailable"],
        disk_available=disk.f_bavail * disk.f_frsize,
        disk_capacity=disk.f_blocks * disk.f_frsize,
        inodes_free=disk.f_ffree,
        inodes=disk.f_files,
        pids_available=pids_max - running,
        pids_max=pids_max,
    )


def resolv_conf(path: str, behind_stub: str = BEHIND_STUB) -> ResolvConf:
    """A resolv.conf; empty where the file is not there. systemd-resolved's stub on loopback is of no use in a pod's
    network, so the servers behind it are taken (as kubeadm configures the kubelet to)."""
    found = _resolv_conf(path)
    return (
        _resolv_conf(behind_stub) if found.nameservers == (STUB,) and os.path.exists(behind_stub) else found
    )


def _resolv_conf(path: str) -> ResolvConf:
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in _text(path).splitlines():
        words = line.split()
        match words[:1]:
            case ["nameserver"] if len(words) > 1:
                servers.append(words[1])
            case ["search"]:
                searches = words[1:]
            case ["options"]:
                options = words[1:]
    return ResolvConf(tuple(servers), tuple(searches), tuple(options))


def _text(path: str) -> str:
    """A file's content, "" where it is not there or not ours to read."""
    try:
        return Path(path).read_text().strip()
    except (FileNotFoundError, PermissionError):
        return ""


def _memory() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    fields = (line.split() for line in _text("/proc/meminfo").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * (1024 if len(words) > 2 else 1) for words in fields}


def _hugepages() -> dict[str, int]:
    found: dict[str, int] = {}
    for directory in Path("/sys/kernel/mm/hugepages").glob("hugepages-*kB"):
        size = int(directory.name.removeprefix("hugepages-").removesuffix("kB"))
        name = f"{size // 1024}Mi" if size < 1024 * 1024 else f"{size // 1024 // 1024}Gi"
        found[name] = size * 1024 * int(_text(str(directory / "nr_hugepages")) or 0)
    return found


def _os_image() -> str:
    for line in _text("/etc/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip('"')
    return platform.system()
