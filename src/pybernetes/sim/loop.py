"""Virtual time: an event loop whose clock stands still while there is work, and jumps to the next timer when idle.

Everything that waits through asyncio (`sleep`, `timeout`, `call_later`) runs on it unchanged, in the same order for the
same program and seed. Real file descriptors may be registered: while `real_io` is on, the loop gives them a chance
before it jumps; a program that depends on them is not deterministic.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pybernetes.clock import Env

T = TypeVar("T")

# Where virtual time begins, in Unix seconds: 2026-01-01T00:00:00Z.
EPOCH = 1_767_225_600.0
# How long a loop with real descriptors waits for them when no timer is due (seconds of real time).
REAL_WAIT = 5.0


class Deadlock(RuntimeError):
    """Every task waits and nothing will ever happen."""


class _JumpingSelector(selectors.BaseSelector):
    """Never waits for time to pass: what the loop would have waited becomes the distance of the jump."""

    def __init__(self, real_io: bool) -> None:
        self._inner = selectors.DefaultSelector()
        self._real_io = real_io
        self._own = 0
        self.now = 0.0
        self.describe: Callable[[], str] = lambda: ""

    def own_descriptors(self) -> None:
        """Those registered so far are the loop's own (its self-pipe): they bring nothing from outside."""
        self._own = len(self._inner.get_map())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if ready or timeout == 0:
            return ready
        outside = self._real_io and len(self._inner.get_map()) > self._own
        if timeout is None:
            ready = self._inner.select(REAL_WAIT) if outside else []
            if not ready:
                raise Deadlock(f"nothing is due any more; waiting: {self.describe()}")
            return ready
        self.now += max(timeout, 0.0)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def close(self) -> None:
        self._inner.close()

    def get_map(self) -> Any:
        return self._inner.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0. A deadlock raises `Deadlock` out of the run, naming the tasks that wait."""

    def __init__(self, *, real_io: bool = False) -> None:
        self._jumping = _JumpingSelector(real_io)
        super().__init__(self._jumping)
        self._jumping.describe = self._waiters
        self._jumping.own_descriptors()
        # Timers are exact: two at the same instant run in the order they were made.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now

    def _waiters(self) -> str:
        lines = []
        for task in sorted(asyncio.all_tasks(self), key=lambda task: task.get_name()):
            stack = task.get_stack(limit=1)
            where = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "?"
            lines.append(f"{task.get_name()} at {where}")
        return "; ".join(lines) or "nobody"

    def env(self, seed: int = 0) -> Env:
        """The world's clock and randomness on this loop's time."""
        return Env(now=lambda: EPOCH + self._jumping.now, rng=random.Random(seed))


def run_virtual(main: Callable[[Env], Coroutine[Any, Any, T]], seed: int = 0, *, real_io: bool = False) -> T:
    """Runs `main(env)` to its end in virtual time and gives its result. Raises `Deadlock`."""

    def make() -> VirtualLoop:
        return VirtualLoop(real_io=real_io)

    with asyncio.Runner(loop_factory=make) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop.env(seed)))
