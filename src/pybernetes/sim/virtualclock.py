"""A virtual clock on a loop that is running already: while it is installed, time stands still as long as there is work,
and jumps to the next timer when there is none.

It takes the place of the loop's selector and of its `time`, and gives both back; timers that others had waiting keep
their distance in both directions. So a test runner's own loop will do, and nothing has to be started in a special way.

Three things hold or pace the clock: `hold()` stops it (the synchronous facade, while nobody waits for the cluster);
descriptors and threads outside the loop's control slow it to a jump per few milliseconds of real time, so that a client
over HTTP keeps up; and upkeep (`aio/upkeep.py`) is done once per jump instead of once per period while all is `steady`
and nothing else has happened for a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import selectors
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pybernetes.aio.upkeep import PULSE, rank_of

from .loop import Deadlock

PACE = 0.004
"""Real seconds that the world outside is given before each jump."""
PATIENCE = 10.0
"""Real seconds to wait for the world outside when no timer is due any more."""
CALM = 60.0
"""Virtual seconds after a timer that is not upkeep during which upkeep keeps its own times."""
LONGEST = 32 * 86400.0
"""Virtual seconds that may pass while the code under test waits without a timer of its own."""
STEP = 1e-3
"""Seconds before the instant jumped to at which upkeep is done: pulses two steps before, rounds one."""
OURS = (str(Path(__file__).parent.parent), str(Path(asyncio.__file__).parent))
"""Files whose code is not the code under test."""


class NoVirtualTime(RuntimeError):
    """The running loop cannot be given a virtual clock."""


class VirtualClock:
    """One per loop, shared by the clusters on it. `now` is seconds since it was installed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Raises NoVirtualTime for a loop that is not asyncio's own."""
        if not isinstance(loop, asyncio.SelectorEventLoop):
            raise NoVirtualTime(
                f"virtual time needs asyncio's own event loop, and this is {type(loop).__module__}."
                f"{type(loop).__name__}: use asyncio.run(…) or Cluster.run(main, time='virtual')"
            )
        self._loop: Any = loop
        self.now = 0.0
        self.steady: list[Callable[[], bool]] = []
        """Upkeep is put together while all of these say so."""
        self.owned: Callable[[Any], bool] = lambda _context: False
        """Whether a timer with this context belongs to a cluster, not to the code under test."""
        self.on_deadlock: list[Callable[[Deadlock], bool]] = []
        """Asked in turn, the latest first, whether they end what waits."""
        self.shuffler: random.Random | None = None
        """Draws the order in which tasks that are due at once take their steps; None: as they became due."""
        self._idle: list[asyncio.Future[None]] = []
        self._holds = 0
        self._outside = 0
        self._heard = 0.0
        self._calm_at = CALM
        self._inner: Any = None
        self._users = 0

    # ---- on and off

    def install(self) -> None:
        """Begins virtual time, at the first call; every call wants one of `uninstall`."""
        self._users += 1
        if self._users > 1:
            return
        loop = self._loop
        self._shift(self.now - loop.time())
        self._inner = loop._selector
        loop._selector = _Selector(self._inner, self._select)
        loop.time = lambda: self.now
        loop.run_in_executor = self._run_in_executor
        setattr(loop, _CLOCK, self)

    def uninstall(self) -> None:
        """Gives the loop its own time back."""
        self._users -= 1
        if self._users:
            return
        loop = self._loop
        del loop.time
        del loop.run_in_executor
        delattr(loop, _CLOCK)
        loop._selector = self._inner
        self._shift(loop.time() - self.now)

    def _shift(self, seconds: float) -> None:
        for handle in self._loop._scheduled:
            handle._when += seconds

    async def idle(self) -> None:
        """Until nothing more is to be done at this instant."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._idle.append(future)
        await future

    # ---- who holds it

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Within the block time does not pass; the loop waits for what comes from outside."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Within the block (one inside of `hold`) time passes all the same."""
        self._holds -= 1
        try:
            yield
        finally:
            self._holds += 1

    def _run_in_executor(self, *arguments: Any) -> Any:
        future = type(self._loop).run_in_executor(self._loop, *arguments)
        self._outside += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _future: Any) -> None:
        self._outside -= 1

    # ---- the loop's wait

    def _select(self, timeout: float | None) -> list[Any]:
        inner: selectors.BaseSelector = self._inner
        if self.shuffler is not None:
            self._shuffle(self.shuffler)
        ready: list[Any] = inner.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._idle:
            self._tell_idle()
            return ready
        if self._holds > 0:
            return inner.select(None)
        outside = self._outside > 0 or len(inner.get_map()) > 1  # one is the loop's own
        if outside and (ready := inner.select(PACE)):
            return ready
        target = self._next()
        if target is None or self._waits_too_long():
            if outside and (ready := inner.select(PATIENCE)):
                return ready
            self._deadlock()
        else:
            self._jump(target)
        return []

    def _shuffle(self, rng: random.Random) -> None:
        """Lets ready tasks change places; callbacks of transports and futures keep theirs."""
        ready = self._loop._ready
        places = [
            i for i, h in enumerate(ready) if isinstance(getattr(h._callback, "__self__", None), asyncio.Task)
        ]
        handles = [ready[i] for i in places]
        rng.shuffle(handles)
        for i, handle in zip(places, handles, strict=True):
            ready[i] = handle

    def _tell_idle(self) -> None:
        waiting, self._idle = self._idle, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def stir(self) -> None:
        """Something has changed by itself: upkeep is done in its own time for a while, so that it is noticed."""
        self._calm_at = self.now + CALM

    def _next(self) -> float | None:
        """When to go on: at the next timer, or at the next one that is more than upkeep."""
        scheduled = self._loop._scheduled
        if not scheduled:
            return None
        first = scheduled[0]
        if not rank_of(first._context):
            self._calm_at = first._when + CALM
            if not self.owned(first._context):
                self._heard = first._when
            return float(first._when)
        if first._when < self._calm_at or not all(steady() for steady in self.steady):
            return float(first._when)
        rigid = (h._when for h in scheduled if not h._cancelled and not rank_of(h._context))
        return min(rigid, default=None)

    def _jump(self, target: float) -> None:
        """Moves on to `target`; upkeep that was due on the way is done once, just before."""
        early = [h for h in self._loop._scheduled if h._when < target and not h._cancelled]
        if early and target - self.now > 3 * STEP:
            for handle in early:
                handle._when = target - (2 * STEP if rank_of(handle._context) == PULSE else STEP)
            heapq.heapify(self._loop._scheduled)
            target = self._loop._scheduled[0]._when
        self.now = max(self.now, target)

    # ---- deadlock

    def _waits_too_long(self) -> bool:
        """Whether the code under test has had no timer for very long: only the cluster goes on by itself."""
        if self.now - self._heard < LONGEST:
            return False
        theirs = (h for h in self._loop._scheduled if not h._cancelled and not rank_of(h._context))
        if any(not self.owned(h._context) for h in theirs):
            self._heard = self.now
            return False
        return True

    def _deadlock(self) -> None:
        self._heard = self.now
        error = Deadlock(f"nothing is due any more; waiting: {waiters(self._loop)}")
        if not any(end(error) for end in reversed(self.on_deadlock)):
            raise error


class _Selector:
    """The loop's own selector, but for how it waits."""

    def __init__(self, inner: Any, select: Callable[[float | None], list[Any]]) -> None:
        self._inner = inner
        self.select = select

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def waiters(loop: asyncio.AbstractEventLoop) -> str:
    """Which tasks of the code under test wait, and where."""
    lines = []
    for task in sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name()):
        theirs = [frame for frame in _frames(task.get_coro()) if not frame.startswith(OURS)]
        if theirs:
            lines.append(f"{task.get_name()} at {' > '.join(theirs)}")
    return "; ".join(lines) or "the caller alone"


def _frames(coroutine: Any) -> Iterator[str]:
    """Where a suspended coroutine and those it awaits stand, outermost first."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is None:
            return
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)


@contextlib.contextmanager
def virtual_time(loop: asyncio.AbstractEventLoop) -> Iterator[VirtualClock]:
    """The loop's virtual clock, installed while somebody is in this block. Raises NoVirtualTime."""
    clock: VirtualClock = getattr(loop, _CLOCK, None) or VirtualClock(loop)
    clock.install()
    try:
        yield clock
    finally:
        clock.uninstall()


_CLOCK = "_pybernetes_clock"
"""The loop's attribute under which its clock is found while it is installed."""
