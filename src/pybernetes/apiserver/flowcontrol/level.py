"""One priority level at work: its seats, and its queues, served fairly by start-time fair queuing."""

from __future__ import annotations

import asyncio
from collections import deque

from .borrowing import Demand
from .limits import Limits, Queuing
from .shuffle import flow_hash, hand


class Waiting:
    """A request that waits for `width` seats."""

    __slots__ = ("flow", "granted", "schema", "width")

    def __init__(self, schema: str, flow: str, width: int) -> None:
        self.schema = schema
        self.flow = flow
        self.width = width
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Queue:
    """`start` is the virtual time at which its first request begins to be served."""

    __slots__ = ("requests", "start")

    def __init__(self) -> None:
        self.requests: deque[Waiting] = deque()
        self.start = 0.0


class Level:
    """A PriorityLevelConfiguration. It has `current` seats to give (without end where exempt): its nominal ones, more
    when it borrows, fewer when it lends."""

    __slots__ = (
        "_served",
        "current",
        "demand",
        "executing",
        "exempt",
        "limits",
        "name",
        "nominal",
        "queued",
        "queues",
        "queuing",
        "requests",
        "target",
        "uid",
        "virtual",
        "waiting",
    )

    def __init__(self, name: str, now: float = 0.0) -> None:
        self.name = name
        self.uid = ""
        self.exempt = False
        self.limits = Limits(0, 0, 0)
        self.nominal: float = 0
        self.current: float = 0
        self.demand = Demand(now)
        self.target = 0.0
        """The seats that it should have by its demand."""
        self.queuing: Queuing | None = None
        self.executing = 0
        """Seats in use."""
        self.requests = 0
        """Requests in them."""
        self.waiting = 0
        """Requests in the queues."""
        self.queued = 0
        """Seats that they wait for."""
        self.virtual = 0.0
        self.queues: dict[int, Queue] = {}
        """Those that have somebody waiting."""
        self._served: dict[int, float] = {}
        """Up to which virtual time each queue has been served since somebody first waited: one that runs empty again and
        again does not go before all others each time."""

    def configure(self, uid: str, *, exempt: bool, limits: Limits, queuing: Queuing | None) -> None:
        """Takes over what the configuration says now; who waits, waits on. Seats are lent and borrowed anew where the
        limits are others."""
        same = self.uid and (self.exempt, self.limits) == (exempt, limits)
        self.uid, self.exempt, self.limits, self.queuing = uid, exempt, limits, queuing
        self.nominal = float("inf") if exempt else limits.nominal
        if not same:
            self.current = self.nominal

    def has_room(self, width: int) -> bool:
        """Whether so many seats are free. Who takes more than there are may sit alone."""
        return self.executing + width <= self.current or not self.executing

    def sit(self, width: int, now: float) -> None:
        """Takes seats (gives them back where negative)."""
        self.executing = executing = self.executing + width
        self.demand.change(executing + self.queued, now)

    def line_up(self, schema: str, flow: str, width: int) -> tuple[Waiting, int] | None:
        """A place in the shortest queue of the flow's hand, and which; None where that is full."""
        queuing = self.queuing
        assert queuing is not None
        dealt = hand(flow_hash(schema, flow), queuing.queues, queuing.hand)
        lengths = {number: len(q.requests) if (q := self.queues.get(number)) else 0 for number in dealt}
        number = min(dealt, key=lengths.__getitem__)
        if lengths[number] >= queuing.length:
            return None
        queue = self.queues.get(number)
        if queue is None:
            queue = self.queues[number] = Queue()
            queue.start = max(self.virtual, self._served.get(number, 0.0))
        waiting = Waiting(schema, flow, width)
        queue.requests.append(waiting)
        self.waiting += 1
        self.queued += width
        return waiting, number

    def leave(self, waiting: Waiting, number: int) -> None:
        """Gives up a place in a queue."""
        queue = self.queues.get(number)
        if queue is not None and waiting in queue.requests:
            queue.requests.remove(waiting)
            self._left(number, queue, waiting)

    def next_width(self) -> int:
        """The seats that the next request wants; 0 where nobody waits."""
        return self.queues[self._next()].requests[0].width if self.queues else 0

    def serve_next(self) -> None:
        """Lets the next request in."""
        number = self._next()
        queue = self.queues[number]
        waiting = queue.requests.popleft()
        self.virtual = queue.start
        queue.start += waiting.width
        self._left(number, queue, waiting)
        self.executing += waiting.width
        waiting.granted.set_result(None)

    def _left(self, number: int, queue: Queue, waiting: Waiting) -> None:
        """A request is in its queue no more."""
        self.waiting -= 1
        self.queued -= waiting.width
        if not queue.requests:
            self._served[number] = queue.start
            del self.queues[number]
            if not self.queues:
                self._served.clear()

    def _next(self) -> int:
        return min(self.queues, key=lambda number: (self.queues[number].start, number))
