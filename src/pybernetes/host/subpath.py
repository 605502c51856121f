"""Mounting a part of a volume, when the volume's content is in the hands of the pod.

A container that shares the volume may swap a directory for a link at any moment (CVE-2017-1002101 was that). So the path
is resolved once, then walked by file descriptors that follow no link, and what is mounted is the descriptor at its end.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from . import mounts


def bind(volume: str, sub_path: str, target: str) -> None:
    """Mounts `sub_path` of `volume` at `target`; where it does not exist it is made as a directory with the volume's own
    mode. Raises OSError where it leads out of the volume."""
    found = open_inside(volume, sub_path)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if stat.S_ISDIR(os.fstat(found).st_mode):
            os.makedirs(target, exist_ok=True)
        else:
            Path(target).touch()
        mounts.mount(f"/proc/self/fd/{found}", target, flags=mounts.MS_BIND | mounts.MS_REC)
    finally:
        os.close(found)


def open_inside(volume: str, sub_path: str) -> int:
    """A descriptor (O_PATH, the caller's to close) of what `sub_path` names in `volume`, made where absent."""
    base = os.path.realpath(volume)
    wanted = os.path.realpath(os.path.join(base, sub_path))
    if wanted != base and not wanted.startswith(base + "/"):
        raise OSError(errno.EINVAL, f"subPath {sub_path!r} leaves the volume")
    at = os.open(base, os.O_PATH | os.O_DIRECTORY)
    try:
        mode = stat.S_IMODE(os.fstat(at).st_mode)
        for part in os.path.relpath(wanted, base).split("/"):
            if part != ".":
                below = _step(at, part, mode)
                os.close(at)
                at = below
    except OSError:
        os.close(at)
        raise
    return at


def _step(parent: int, name: str, mode: int) -> int:
    """One component further; a link here was put in after the path was resolved."""
    try:
        below = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        os.mkdir(name, dir_fd=parent)
        below = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
        os.chmod(f"/proc/self/fd/{below}", mode)  # mkdir's mode would pass the umask
    if stat.S_ISLNK(os.fstat(below).st_mode):
        os.close(below)
        raise OSError(errno.ELOOP, f"{name!r} in a subPath became a link")
    return below
