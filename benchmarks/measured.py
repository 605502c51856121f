"""`python measured.py FILE kube-apiserver …`: `pyber kube-apiserver …` that can tell how long its loop was held.

SIGUSR1 starts a measurement, SIGUSR2 ends it: the file then says, as JSON, how much processor time the loop's thread
spent at most in one turn, before anything else could run (`hold_ms`; time of other threads and of other programs of
the machine does not count), and how many turns there were. While it is measured, the loop never sleeps.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import uvloop


class Beat:
    def __init__(self, loop: asyncio.AbstractEventLoop, file: Path) -> None:
        self._loop, self._file = loop, file
        self._running = False
        loop.add_signal_handler(signal.SIGUSR1, self.start)
        loop.add_signal_handler(signal.SIGUSR2, self.stop)

    def start(self) -> None:
        self._running, self._longest, self._count = True, 0.0, 0
        self._last = time.thread_time()
        self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self._count += 1
        if self._running:
            self._loop.call_soon(self._beat)

    def stop(self) -> None:
        self._running = False
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps({"hold_ms": self._longest * 1000, "beats": self._count}))
        partial.rename(self._file)


def main() -> int:
    from pybernetes.cli.main import main as pyber

    file = Path(sys.argv.pop(1))
    make = uvloop.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        loop = make()
        Beat(loop, file)
        return loop

    uvloop.new_event_loop = new_event_loop
    return pyber(sys.argv[1:])


if __name__ == "__main__" and len(sys.argv) > 1:
    sys.exit(main())
