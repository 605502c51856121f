"""Processes that outlive this one: starting them, and finding them again in /proc by what they were started as."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

PROC = Path("/proc")


def processes(program: str, chosen: Callable[[list[str]], bool], proc: Path = PROC) -> list[int]:
    """Process ids whose program's file name is `program` and whose arguments satisfy `chosen`."""
    return [
        pid
        for pid, words in _command_lines(proc)
        if os.path.basename(words[0]) == program and chosen(words[1:])
    ]


def spawn_daemon(command: list[str], log: Path, environment: Mapping[str, str]) -> int:
    """Starts a program (an absolute path) in a session of its own with its output in `log`; its process id. The caller is
    its parent and reaps it with `ended`, but need not outlive it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
    )


def ended(pid: int) -> bool:
    """Whether a child has ended (and was reaped, now or before)."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


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
