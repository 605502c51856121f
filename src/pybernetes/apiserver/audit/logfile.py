"""The file of the audit log, with upstream's rotation: by size, and kept by age and number."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

MEGABYTE = 1 << 20
DEFAULT_SIZE = 100
"""Megabytes at which a file is put aside where nothing is said."""
DAY = 86_400.0
STAMP = "%Y-%m-%dT%H-%M-%S"


@dataclass(frozen=True, slots=True)
class LogPlace:
    """`path` "-" is standard output. Sizes in megabytes, ages in days; 0: the default size, no limit."""

    path: str
    max_age: int = 0
    max_backups: int = 0
    max_size: int = 0


class LogFile:
    """Appends lines. `now` gives Unix seconds. Close it."""

    def __init__(self, place: LogPlace, now: Callable[[], float]) -> None:
        """Raises OSError where the file cannot be opened."""
        self._place = place
        self._now = now
        self._limit = (place.max_size or DEFAULT_SIZE) * MEGABYTE
        self._path = Path(place.path)
        self._fd = -1
        self._size = 0
        if place.path != "-":
            self._open()

    def write(self, line: bytes) -> None:
        """One line, its end included. What cannot be written is logged: the request goes on."""
        if self._place.path == "-":
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return
        try:
            if self._size and self._size + len(line) > self._limit:
                self._rotate()
            os.write(self._fd, line)
            self._size += len(line)
        except OSError as error:
            log.error("audit log %s: %s", self._path, error)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._fd).st_size

    def _rotate(self) -> None:
        now = self._now()
        self.close()
        moment = datetime.fromtimestamp(now, UTC)
        stamp = f"{moment.strftime(STAMP)}.{moment.microsecond // 1000:03d}"
        self._path.rename(self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}"))
        self._open()
        for old in expired(self._backups(), now, self._place):
            with contextlib.suppress(FileNotFoundError):
                (self._path.parent / old).unlink()

    def _backups(self) -> dict[str, float]:
        """Names of files that were put aside, and when."""
        found: dict[str, float] = {}
        start, end = f"{self._path.stem}-", self._path.suffix
        for path in self._path.parent.glob(f"{start}*{end}"):
            stamp = path.name[len(start) : len(path.name) - len(end)]
            with contextlib.suppress(ValueError):
                at = datetime.strptime(f"{stamp}000", f"{STAMP}.%f").replace(tzinfo=UTC)
                found[path.name] = at.timestamp()
        return found


def expired(backups: dict[str, float], now: float, place: LogPlace) -> list[str]:
    """Which of the files that were put aside have to go. Pure."""
    newest = sorted(backups, key=lambda name: backups[name], reverse=True)
    gone = newest[place.max_backups :] if place.max_backups else []
    if place.max_age:
        gone += [n for n in newest if n not in gone and backups[n] < now - place.max_age * DAY]
    return gone
