"""`apiserver_flowcontrol_…` of `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..histogram import heading
from .control import FlowControl
from .level import Level

PREFIX = "apiserver_flowcontrol"
GAUGES: tuple[tuple[str, str, Callable[[Level], int]], ...] = (
    ("nominal_limit_seats", "Nominal number of execution seats", lambda level: level.limits.nominal),
    ("lower_limit_seats", "Lower bound on number of execution seats", lambda level: level.limits.lower),
    ("upper_limit_seats", "Upper bound on number of execution seats", lambda level: level.limits.upper),
    (
        "current_limit_seats",
        "Current number of execution seats available to each priority level",
        lambda level: max(level.limits.nominal, level.executing),
    ),
    ("current_executing_seats", "Seats occupied by requests being served", lambda level: level.executing),
    ("current_executing_requests", "Requests being served", lambda level: level.requests),
    ("current_inqueue_requests", "Requests waiting in queues", lambda level: level.waiting),
)


def lines(control: FlowControl) -> Iterator[str]:
    """The exposition."""
    name = f"{PREFIX}_dispatched_requests_total"
    yield from heading(name, "counter", "Number of requests executed by API Priority and Fairness subsystem")
    for flow in control.flows.values():
        yield f"{name}{{{_labels(flow.schema.name, flow.level.name)}}} {flow.dispatched}"
    name = f"{PREFIX}_rejected_requests_total"
    yield from heading(name, "counter", "Number of requests rejected by API Priority and Fairness subsystem")
    for flow in control.flows.values():
        for reason, count in flow.rejected.items():
            yield f'{name}{{{_labels(flow.schema.name, flow.level.name)},reason="{reason}"}} {count}'
    for suffix, text, value in GAUGES:
        name = f"{PREFIX}_{suffix}"
        yield from heading(name, "gauge", text)
        for level in control.levels.values():
            yield f'{name}{{priority_level="{level.name}"}} {value(level)}'
    yield from control.waits.lines()


def _labels(schema: str, level: str) -> str:
    return f'flow_schema="{schema}",priority_level="{level}"'
