"""A disk that is watched: what a store asks of the operating system, and what would be left of it at any moment."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Files = Mapping[str, bytes]
STEPS = ("pwrite", "write", "ftruncate", "fsync", "fdatasync", "replace")


@dataclass(frozen=True)
class Moment:
    """One step of the run. `acknowledged`: the newest revision that a writer had heard of."""

    step: str
    acknowledged: int
    read: Files
    """What the next process would read."""
    torn: Files
    """What a power cut may leave of it: half of what was written and not confirmed."""
    inodes: Mapping[str, int]
    names: Mapping[str, int]
    """Those that were confirmed."""
    contents: Mapping[int, bytes]
    """What was confirmed of each file."""

    @property
    def left(self) -> Files:
        """What a power cut leaves at least: nothing that was not confirmed."""
        return {name: self.contents.get(inode, b"") for name, inode in self.names.items()}


@dataclass
class Disk:
    path: Path
    moments: list[Moment] = field(default_factory=list)
    acknowledged: int = 1
    refuse: Callable[[int, str], int] = lambda _number, _step: 0
    """Which step is refused, by its number, with which error."""
    count: int = 0
    _names: dict[str, int] = field(default_factory=dict)
    """The files (by inode) that have a name after a power cut."""
    _contents: dict[int, bytes] = field(default_factory=dict)
    _clean: set[int] = field(default_factory=set)
    """Files (by inode) of which the kernel believes that it has written everything."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def now(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.path.iterdir()} if self.path.exists() else {}

    def torn(self) -> dict[str, bytes]:
        found = {}
        for name, data in self.now().items():
            before = self._contents.get((self.path / name).stat().st_ino, b"")
            differ = [i for i in range(len(data)) if before[i : i + 1] != data[i : i + 1]]
            if differ:
                middle = (differ[0] + differ[-1]) // 2
                data = data[:middle] + before[middle : len(data)].ljust(len(data) - middle, b"\0")
            found[name] = data
        return found

    def note(self, step: str) -> None:
        inodes = {each.name: each.stat().st_ino for each in self.path.iterdir()}
        self.moments.append(
            Moment(
                step,
                self.acknowledged,
                self.now(),
                self.torn(),
                inodes,
                dict(self._names),
                dict(self._contents),
            )
        )

    def confirmed(self, path: Path) -> None:
        if path == self.path:
            self._names = {each.name: each.stat().st_ino for each in path.iterdir()}
        elif (inode := path.stat().st_ino) not in self._clean:
            self._contents[inode] = path.read_bytes()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While every system call of the store goes through it."""
        real = {name: getattr(os, name) for name in STEPS}

        def call(name: str, *args: Any) -> Any:
            where = Path(os.readlink(f"/proc/self/fd/{args[0]}") if isinstance(args[0], int) else args[1])
            if (where != self.path and where.parent != self.path) or where.name == "lock":
                return real[name](*args)
            with self._lock:
                self.note(f"before {name} of {where.name}")
                self.count += 1
                if code := self.refuse(self.count, name):
                    if name in ("pwrite", "write") and len(args[1]) > 1:
                        real[name](args[0], args[1][: len(args[1]) // 2], *args[2:])
                    if name in ("fsync", "fdatasync"):
                        self._clean.add(
                            where.stat().st_ino
                        )  # the error is told once, and the pages are given up
                    raise OSError(code, os.strerror(code))
                answer = real[name](*args)
                if name in ("fsync", "fdatasync"):
                    self.confirmed(where)
                elif name != "replace":
                    self._clean.discard(where.stat().st_ino)
                self.note(f"after {name} of {where.name}")
                return answer

        with pytest.MonkeyPatch.context() as patch:
            for each in STEPS:
                patch.setattr(os, each, lambda *args, name=each: call(name, *args))
            yield

    def go_on(self, moment: Moment) -> None:
        """The directory as the next process finds it after that moment of another one."""
        lay_out(self.path, moment.read)
        fresh = {inode: (self.path / name).stat().st_ino for name, inode in moment.inodes.items()}
        self._names = {name: fresh.get(inode, -inode) for name, inode in moment.names.items()}
        self._contents = {fresh.get(inode, -inode): data for inode, data in moment.contents.items()}


def lay_out(path: Path, files: Files) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
