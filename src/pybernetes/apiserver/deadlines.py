"""How long a request may take: `asyncio.timeout` for all of them at the price of one timer.

All requests are given the same time, so the one that came first is the first that runs out of it; nearly all are answered
long before.
"""

from __future__ import annotations

import asyncio

from pybernetes.aio import upkeep


class Turn:
    """One request that is being answered."""

    __slots__ = ("cancelling", "ends", "over", "task")

    def __init__(self, task: asyncio.Task[object], ends: float) -> None:
        self.task = task
        self.ends = ends
        self.cancelling = task.cancelling()
        self.over = False


class Deadlines:
    """The requests under way, each of which may take `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._turns: dict[Turn, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Turn:
        """To be called by the task of the request; `end` must follow."""
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        turn = Turn(task, loop.time() + self._seconds)
        self._turns[turn] = None
        if self._timer is None:
            self._watch(loop, self._seconds)
        return turn

    def end(self, turn: Turn) -> None:
        self._turns.pop(turn, None)

    def ran_out(self, turn: Turn) -> bool:
        """Whether the cancellation that the request's task has met is due to its time, and nobody else's wish. It is
        then taken back."""
        return turn.over and turn.task.uncancel() <= turn.cancelling

    def _watch(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._timer = upkeep.call_later(loop, seconds, upkeep.ROUND, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self._turns:
            turn = next(iter(self._turns))
            if turn.ends > now:
                self._watch(loop, turn.ends - now)
                return
            del self._turns[turn]
            turn.over = True
            turn.task.cancel()

    def close(self) -> None:
        """Watches no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
