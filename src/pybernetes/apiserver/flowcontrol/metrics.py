"""`apiserver_flowcontrol_…` of `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..histogram import heading
from .control import PREFIX, FlowControl
from .flow import Flow
from .level import Level

GAUGES: tuple[tuple[str, str, Callable[[Level], float]], ...] = (
    (
        "nominal_limit_seats",
        "Nominal number of execution seats configured for each priority level",
        lambda level: level.limits.nominal,
    ),
    (
        "lower_limit_seats",
        "Configured lower bound on number of execution seats available to each priority level",
        lambda level: level.limits.lower,
    ),
    (
        "upper_limit_seats",
        "Configured upper bound on number of execution seats available to each priority level",
        lambda level: level.limits.upper,
    ),
    (
        "current_limit_seats",
        "current derived number of execution seats available to each priority level",
        lambda level: level.limits.nominal if level.exempt else level.current,
    ),
    (
        "demand_seats_high_watermark",
        "High watermark, over last adjustment period, of demand_seats",
        lambda level: level.demand.watermark,
    ),
    (
        "demand_seats_average",
        "Time-weighted average, over last adjustment period, of demand_seats",
        lambda level: level.demand.average,
    ),
    (
        "demand_seats_stdev",
        "Time-weighted standard deviation, over last adjustment period, of demand_seats",
        lambda level: level.demand.deviation,
    ),
    ("demand_seats_smoothed", "Smoothed seat demands", lambda level: level.demand.smoothed),
    ("target_seats", "Seat allocation targets", lambda level: level.target),
)
FLOWS: tuple[tuple[str, str, Callable[[Flow], int]], ...] = (
    (
        "current_inqueue_requests",
        "Number of requests currently pending in queues of the API Priority and Fairness subsystem",
        lambda flow: flow.waiting,
    ),
    (
        "current_inqueue_seats",
        "Number of seats currently pending in queues of the API Priority and Fairness subsystem",
        lambda flow: flow.queued,
    ),
    (
        "current_executing_requests",
        "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem",
        lambda flow: flow.requests,
    ),
    (
        "current_executing_seats",
        "Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem",
        lambda flow: flow.seats,
    ),
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
            yield f'{name}{{priority_level="{level.name}"}} {value(level):.9g}'
    for suffix, text, of_flow in FLOWS:
        name = f"{PREFIX}_{suffix}"
        yield from heading(name, "gauge", text)
        for flow in control.flows.values():
            yield f"{name}{{{_labels(flow.schema.name, flow.level.name)}}} {of_flow(flow)}"
    name = f"{PREFIX}_seat_fair_frac"
    yield from heading(
        name,
        "gauge",
        "Fair fraction of server's concurrency to allocate to each priority level that can use it",
    )
    yield f"{name} {control.fair_part:.9g}"
    control.count_seats()
    for histogram in (control.waits, control.executions, control.widths, control.watch_counts):
        yield from histogram.lines()


def _labels(schema: str, level: str) -> str:
    return f'flow_schema="{schema}",priority_level="{level}"'
