"""Mounting, by the system calls."""

from __future__ import annotations

import ctypes
import os
import re
from functools import cache
from pathlib import Path

MS_NOSUID, MS_NODEV, MS_BIND, MS_REC = 2, 4, 4096, 16384
MNT_DETACH = 2


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError."""
    arguments = (source.encode(), target.encode(), kind.encode() or None)
    if _libc().mount(*arguments, ctypes.c_ulong(flags), data.encode() or None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} at {target}: {os.strerror(number)}")


def unmount(target: str) -> None:
    """Unmounts, at once out of sight even where it is still in use. Raises OSError."""
    if _libc().umount2(target.encode(), MNT_DETACH):
        number = ctypes.get_errno()
        raise OSError(number, f"unmount {target}: {os.strerror(number)}")


def mount_points(below: str) -> list[str]:
    """Mount points at or below a path, the deepest first; several mounts on one point are named several times."""
    inside = below.rstrip("/") + "/"
    found = [
        point
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if (point := _unescape(line.split(" ")[4])) == below or point.startswith(inside)
    ]
    return sorted(found, key=lambda point: point.count("/"), reverse=True)


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
