"""Reading a container's log file: from the tail on, and following it through rotation until the container ends."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from pybernetes.kubelet.server.crilog import LogOptions, MalformedLine, Selector, parse_line, tail_start

log = logging.getLogger(__name__)

BLOCK = 64 * 1024
# How often a followed file is looked at for new lines, in seconds.
POLL = 0.1
# How many polls without a line pass between two questions to the runtime whether the container still runs.
POLLS_PER_CHECK = 5


async def read_log(
    path: Path, options: LogOptions, running: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """The log as asked for. `running` is asked while following; the stream ends when the container has ended and all
    it wrote was read. Raises OSError where the file cannot be opened.
    """
    selector = Selector(options)
    file = path.open("rb", buffering=0)
    try:
        if options.tail_lines is not None:
            file.seek(_tail_offset(file, options.tail_lines))
        rest = b""
        quiet, ended, switching = 0, False, False
        while not selector.done:
            block = file.read(BLOCK)
            if block:
                quiet = 0
                *lines, rest = (rest + block).split(b"\n")
                if out := _select(selector, lines):
                    yield out
                await asyncio.sleep(0)
                continue
            if not options.follow:
                break
            if _rotated(path, file):
                # Between our last read and the rename more may have been written to the old file: read it once more.
                if switching:
                    fresh = path.open("rb", buffering=0)
                    file.close()
                    file, rest = fresh, b""
                switching = not switching
                continue
            if ended:
                break
            quiet += 1
            if quiet % POLLS_PER_CHECK == 0:
                # What was written before it ended may not have been read yet: look at the file once more.
                ended = not await running()
                continue
            await asyncio.sleep(POLL)
    finally:
        file.close()


def _select(selector: Selector, lines: list[bytes]) -> bytes:
    out = []
    for line in lines:
        try:
            out.append(selector.select(parse_line(line)))
        except MalformedLine as error:
            log.warning("%s", error)
    return b"".join(out)


def _tail_offset(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines begin, reading backwards."""
    size = file.seek(0, os.SEEK_END)
    start = size
    tail = b""
    while start > 0:
        step = min(BLOCK, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
        at = tail_start(tail, lines)
        if at is not None:
            return start + at
    return 0


def _rotated(path: Path, file: BinaryIO) -> bool:
    """Whether the path names another file now. A path that is gone for a moment is being rotated."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    return now.st_ino != os.fstat(file.fileno()).st_ino
