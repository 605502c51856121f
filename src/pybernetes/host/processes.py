"""Finding processes by what they were started as, in /proc."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")


def processes(program: str, chosen: Callable[[list[str]], bool], proc: Path = PROC) -> list[int]:
    """Process ids whose program's file name is `program` and whose arguments satisfy `chosen`."""
    return [
        pid
        for pid, words in _command_lines(proc)
        if os.path.basename(words[0]) == program and chosen(words[1:])
    ]


def inside(directory: Path, word: str) -> bool:
    """Whether a word of a command line is a path at or below `directory`."""
    return word == str(directory) or word.startswith(f"{directory}/")


def _command_lines(proc: Path) -> Iterator[tuple[int, list[str]]]:
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if words[0]:
            yield int(entry.name), words
