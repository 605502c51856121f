"""The flows: what is known of the requests of each FlowSchema, and of one request's place among them."""

from __future__ import annotations

from ..histogram import Histogram
from .level import Level
from .schemas import Schema
from .work import PLAIN, Work


class Flow:
    """The requests of one schema that go to one level, for the counters; `headers` go with every answer."""

    __slots__ = (
        "cancelled",
        "dispatched",
        "executions",
        "headers",
        "labels",
        "level",
        "queued",
        "rejected",
        "requests",
        "schema",
        "seats",
        "waiting",
        "wide",
    )

    def __init__(self, schema: Schema, level: Level, executions: Histogram) -> None:
        self.configure(schema, level)
        self.labels = (level.name, schema.name)
        self.executions = tuple(executions.row((*self.labels, kind)) for kind in ("regular", "watch"))
        self.dispatched = 0
        self.wide = 0
        """Of those, the ones that took more than one seat."""
        self.cancelled = 0
        self.rejected: dict[str, int] = {}
        self.requests = self.seats = 0
        """Being served, and what they take."""
        self.waiting = self.queued = 0
        """In queues, and what they wait for."""

    def configure(self, schema: Schema, level: Level) -> None:
        """Takes over what the configuration says now: of this name, and of a level of the same name."""
        self.schema = schema
        self.level = level
        self.headers = (
            ("X-Kubernetes-PF-FlowSchema-UID", schema.uid),
            ("X-Kubernetes-PF-PriorityLevel-UID", level.uid),
        )


class Seat:
    """What a request takes in a flow. It is given back to the level that gave it, whichever is the flow's by then."""

    __slots__ = ("began", "flow", "level", "taken", "width", "work")

    def __init__(self, flow: Flow, work: Work, began: float) -> None:
        self.flow = flow
        self.level = flow.level
        self.work = work
        self.width = 1 if work is PLAIN else work.width
        self.began = began
        self.taken = False
