"""`/debug/api_priority_and_fairness/…`: what priority and fairness is doing now, as upstream's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .control import FlowControl
from .level import Level

ROOT = "/debug/api_priority_and_fairness/"
NARROWEST = 8


def dump(control: FlowControl, path: str) -> str | None:
    """The text of one of the pages; None where there is none such."""
    match path.removeprefix(ROOT):
        case "dump_priority_levels":
            return _priority_levels(control)
        case "dump_queues":
            return _queues(control)
        case "dump_requests":
            return _requests(control)
    return None


def _priority_levels(control: FlowControl) -> str:
    head = (
        "PriorityLevelName",
        "ActiveQueues",
        "IsIdle",
        "IsQuiescing",
        "WaitingRequests",
        "ExecutingRequests",
        "DispatchedRequests",
        "RejectedRequests",
        "TimedoutRequests",
        "CancelledRequests",
    )
    return _table(head, (_level_row(control, level) for level in _in_order(control)))


def _level_row(control: FlowControl, level: Level) -> tuple[object, ...]:
    flows = [flow for flow in control.flows.values() if flow.level is level]
    timed_out = sum(flow.rejected.get("time-out", 0) for flow in flows)
    rejected = sum(sum(flow.rejected.values()) for flow in flows) - timed_out
    idle = not level.waiting and not level.executing
    return (
        level.name,
        len(level.queues),
        idle,
        False,
        level.waiting,
        level.requests,
        sum(flow.dispatched for flow in flows),
        rejected,
        timed_out,
        sum(flow.cancelled for flow in flows),
    )


def _queues(control: FlowControl) -> str:
    head = ("PriorityLevelName", "Index", "PendingRequests", "SeatsInUse", "NextDispatchR")
    rows = []
    for level in _in_order(control):
        for index, queue in sorted(level.queues.items()):
            rows.append((level.name, index, len(queue.requests), level.executing, f"{queue.start:.8f}ss"))
    return _table(head, rows)


def _requests(control: FlowControl) -> str:
    head = ("PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher")
    rows = []
    for level in _in_order(control):
        for index, queue in sorted(level.queues.items()):
            for position, waiting in enumerate(queue.requests):
                rows.append((level.name, waiting.schema, index, position, waiting.flow))
    return _table(head, rows)


def _in_order(control: FlowControl) -> list[Level]:
    return sorted(control.levels.values(), key=lambda level: level.name)


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Columns with a comma behind each but the last, aligned."""
    lines = [[_cell(value) for value in row] for row in (head, *rows)]
    widths = [max(NARROWEST, *(len(line[i]) + 2 for line in lines)) for i in range(len(head))]
    return "".join(
        "".join(f"{cell},".ljust(width) for cell, width in zip(line[:-1], widths, strict=False))
        + line[-1]
        + "\n"
        for line in lines
    )


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
