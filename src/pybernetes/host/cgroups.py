"""Control groups by their files, version 1 (one hierarchy per controller) and version 2 (one for all)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from pybernetes.kubelet.host import CgroupLimits, CgroupName

ROOT = Path("/sys/fs/cgroup")
V1_CONTROLLERS = (
    "cpu",
    "memory",
    "pids",
    "cpuset",
    "hugetlb",
    "blkio",
    "devices",
    "freezer",
    "net_cls",
    "perf_event",
)
V2_CONTROLLERS = "+cpu +memory +pids"


class Cgroups:
    """The tree below `parent` ("/" or a node's own part of the machine's tree)."""

    def __init__(self, root: Path = ROOT, parent: str = "/") -> None:
        self._root = root
        self._parent = parent.strip("/")
        self.unified = (root / "cgroup.controllers").exists()

    def path(self, name: CgroupName) -> str:
        """The path below the root, as runtimes take it."""
        return "/" + "/".join(part for part in (self._parent, *name) if part)

    async def ensure(self, name: CgroupName, limits: CgroupLimits) -> None:
        """Makes it with its parents and sets its limits. Raises OSError."""
        for base in self._hierarchies():
            directory = base / self.path(name).lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
        if self.unified:
            self._delegate(name)
            self._set_v2(self._root / self.path(name).lstrip("/"), limits)
        else:
            self._set_v1(name, limits)

    async def remove(self, name: CgroupName) -> None:
        """Kills what is left in it and removes it with its children."""
        for base in self._all_hierarchies():
            top = base / self.path(name).lstrip("/")
            if top.is_dir():
                await _remove(top)

    def children(self, parent: CgroupName) -> Sequence[str]:
        base = next(iter(self._hierarchies()))
        directory = base / self.path(parent).lstrip("/")
        return [entry.name for entry in directory.iterdir() if entry.is_dir()] if directory.is_dir() else []

    def _hierarchies(self) -> list[Path]:
        if self.unified:
            return [self._root]
        return [self._root / name for name in ("cpu", "memory", "pids") if (self._root / name).is_dir()]

    def _all_hierarchies(self) -> Iterator[Path]:
        """Where a runtime may have made directories of ours, the version 2 tree of a hybrid machine among them."""
        seen: set[tuple[int, int]] = set()
        for base in [self._root, *sorted(self._root.iterdir())]:
            if base.is_dir() and not base.is_symlink():
                status = base.stat()
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    yield base

    def _delegate(self, name: CgroupName) -> None:
        """Controllers must be enabled in every ancestor."""
        at = self._root
        for part in self.path(name).strip("/").split("/"):
            (at / "cgroup.subtree_control").write_text(V2_CONTROLLERS)
            at = at / part

    def _set_v1(self, name: CgroupName, limits: CgroupLimits) -> None:
        below = self.path(name).lstrip("/")
        for controller, file, value in (
            ("cpu", "cpu.shares", limits.cpu_shares),
            ("cpu", "cpu.cfs_period_us", limits.cpu_period if limits.cpu_quota else 0),
            ("cpu", "cpu.cfs_quota_us", limits.cpu_quota),
            ("memory", "memory.limit_in_bytes", limits.memory),
            ("pids", "pids.max", limits.pids),
        ):
            target = self._root / controller / below / file
            if value and target.exists():
                target.write_text("max" if controller == "pids" and value < 0 else str(value))

    def _set_v2(self, directory: Path, limits: CgroupLimits) -> None:
        if limits.cpu_shares:
            # The kernel's range of weights (1..10000) for shares (2..262144), as runc converts.
            weight = 1 + (max(limits.cpu_shares, 2) - 2) * 9999 // 262142
            (directory / "cpu.weight").write_text(str(weight))
        if limits.cpu_quota:
            quota = "max" if limits.cpu_quota < 0 else str(limits.cpu_quota)
            (directory / "cpu.max").write_text(f"{quota} {limits.cpu_period}")
        for file, value in (("memory.max", limits.memory), ("pids.max", limits.pids)):
            if value:
                (directory / file).write_text("max" if value < 0 else str(value))


async def _remove(top: Path) -> None:
    """Removes a tree of groups bottom up; a group whose processes were just killed takes a moment to empty."""
    for attempt in range(50):
        directories = [Path(found) for found, _, _ in os.walk(top, topdown=False)]
        for directory in directories:
            _kill_all(directory)
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                if attempt == 49:
                    raise
        if not top.exists():
            return
        await asyncio.sleep(0.02)


def _kill_all(directory: Path) -> None:
    try:
        pids = (directory / "cgroup.procs").read_text().split()
    except OSError:
        return  # gone meanwhile
    for pid in pids:
        if pid != "0":
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
