"""`FlowControl`: the priority levels and flow schemas of one API server at work. The pipeline asks it for seats."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Mapping
from time import perf_counter

from pybernetes.api.flowcontrol.mandatory import MANDATORY_LEVELS, MANDATORY_SCHEMAS
from pybernetes.api.kinds import FLOWSCHEMA, PRIORITYLEVELCONFIGURATION
from pybernetes.api.meta import Obj

from ..config import ApiServerConfig
from ..histogram import Histogram
from ..kindcache import KindCache
from ..registry import Registry
from ..requestinfo import RequestInfo
from ..user import User
from .borrowing import PERIOD, allocate, wish_of
from .flow import Flow, Seat
from .level import Level
from .limits import limits_of, queuing_of, rounded
from .schemas import Schema, in_order, schema_of
from .work import PLAIN, WRITES, Stored, Work, work_of

REMEMBERED = 16_384
"""Classifications that are remembered."""
SECONDS = (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
SEATS = (1, 2, 4, 10)
WATCHES = (0, 1, 10, 100, 1000, 10000)
PREFIX = "apiserver_flowcontrol"


class FlowControl:
    """Made before the caches are filled: it reads them at the first request, and after each change."""

    def __init__(self, registry: Registry, config: ApiServerConfig) -> None:
        self.total = config.max_requests_inflight + config.max_mutating_requests_inflight
        self.total_nominal = self.total
        self.patience = config.request_timeout / 4
        """Seconds that a request waits in a queue."""
        self.levels: dict[str, Level] = {}
        self.flows: dict[str, Flow] = {}
        """By the name of the FlowSchema, in the order in which they are tried."""
        self._counted: dict[tuple[str, str], Flow] = {}
        """Every flow that there ever was, by its labels: its counters go on where it comes back."""
        self.waiting: dict[Level, None] = {}
        """Levels with somebody in a queue."""
        labels = ("priority_level", "flow_schema")
        self.waits = Histogram(
            f"{PREFIX}_request_wait_duration_seconds",
            "Length of time a request spent waiting in its queue",
            (*labels, "execute"),
            SECONDS,
        )
        self.executions = Histogram(
            f"{PREFIX}_request_execution_seconds",
            "Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API "
            "Priority and Fairness subsystem",
            (*labels, "type"),
            SECONDS,
        )
        self.widths = Histogram(
            f"{PREFIX}_work_estimated_seats",
            "Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority "
            "and Fairness",
            labels,
            SEATS,
        )
        self.watch_counts = Histogram(
            f"{PREFIX}_watch_count_samples",
            "count of watchers for mutating requests in API Priority and Fairness",
            labels,
            WATCHES,
        )
        self.fair_part = 0.0
        self._adjusted = perf_counter()
        self._known: dict[object, Flow] = {}
        self._changed = True
        self._caches: tuple[KindCache, KindCache] | None = None
        if FLOWSCHEMA in registry.kinds and PRIORITYLEVELCONFIGURATION in registry.kinds:
            self._caches = registry.cache(FLOWSCHEMA), registry.cache(PRIORITYLEVELCONFIGURATION)
            for cache in self._caches:
                cache.observers.append(self._note)

    def _note(self, _change: object) -> None:
        self._changed = True

    # ---- which flow

    def flow_of(self, user: User, info: RequestInfo) -> Flow:
        """The schema that a request matches, and its level. Remembered by all that rules look at."""
        if self._changed:
            self._read()
        if info.is_resource:
            key: object = (
                user.name,
                user.groups,
                info.verb,
                info.group,
                info.resource,
                info.subresource,
                info.namespace,
            )
        else:
            key = (user.name, user.groups, info.verb, info.path)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._match(user, info)
        return known

    def _match(self, user: User, info: RequestInfo) -> Flow:
        for flow in self.flows.values():
            if flow.schema.matches(user, info):
                return flow
        return self.flows["catch-all"]

    # ---- seats

    def begin(self, flow: Flow, info: RequestInfo, query: Mapping[str, str], cache: KindCache | None) -> Seat:
        """How much a request takes; `taken` says whether it could at once."""
        now, level = perf_counter(), flow.level
        if now - self._adjusted >= PERIOD:
            self._adjust(now)
        work = PLAIN
        if cache is not None and info.verb != "get":
            work = self._estimate(flow, info, query, cache)
        seat = Seat(flow, work, now)
        if not level.waiting and level.has_room(seat.width):
            self._sit(seat, now)
        return seat

    def _estimate(self, flow: Flow, info: RequestInfo, query: Mapping[str, str], cache: KindCache) -> Work:
        watches = len(cache.watchers)
        work = work_of(info, query, Stored(len(cache.entries), cache.size), watches, flow.level.nominal)
        if info.verb in WRITES:
            self.watch_counts.observe(flow.labels, watches)
        return work

    def _sit(self, seat: Seat, now: float) -> None:
        flow, width = seat.flow, seat.width
        seat.taken, seat.began = True, now
        level = seat.level
        level.sit(width, now)
        level.requests += 1
        flow.dispatched += 1
        flow.requests += 1
        flow.seats += width
        if width > 1:
            flow.wide += 1
            self.widths.observe(flow.labels, width)

    def end(self, seat: Seat, info: RequestInfo) -> None:
        """The request is answered; the seats of its last part are given back later."""
        flow, width, now = seat.flow, seat.width, perf_counter()
        level, final = seat.level, seat.work.final
        level.requests -= 1
        flow.requests -= 1
        flow.seats -= width
        level.sit(final - width, now)
        if final:
            asyncio.get_running_loop().call_later(seat.work.seconds, self._release, level, final)
        row, seconds = flow.executions[info.verb == "watch"], now - seat.began
        row[1 if 0 < seconds <= SECONDS[1] else bisect_left(SECONDS, seconds)] += 1
        row[-1] += seconds
        if self.waiting:
            self.dispatch()

    def _release(self, level: Level, seats: int) -> None:
        level.sit(-seats, perf_counter())
        if self.waiting:
            self.dispatch()

    async def wait(self, seat: Seat, user: User, info: RequestInfo) -> str:
        """Waits for seats and takes them; "" once they are taken, else why the request is sent away."""
        flow, level, width = seat.flow, seat.level, seat.width
        if level.queuing is None:
            return self._reject(flow, "concurrency-limit")
        place = level.line_up(flow.schema.name, flow.schema.flow_of(user, info), width)
        if place is None:
            return self._reject(flow, "queue-full")
        waiting, number = place
        self.waiting[level] = None
        self._queue(seat, 1)
        began = perf_counter()
        try:
            async with asyncio.timeout(self.patience):
                await asyncio.shield(waiting.granted)
        except TimeoutError:
            if not waiting.granted.done():
                level.leave(waiting, number)
                self._observe(flow, began, "false")
                return self._reject(flow, "time-out")
        except BaseException:
            if waiting.granted.done():
                level.sit(-width, perf_counter())
            else:
                level.leave(waiting, number)
            flow.cancelled += 1
            raise
        finally:
            waiting.granted.cancel()
            self._queue(seat, -1)
            self.dispatch()  # who waited behind one that gave up may have room
        self._observe(flow, began, "true")
        now = perf_counter()
        level.sit(-width, now)  # what the level took for it is now taken in its name
        self._sit(seat, now)
        return ""

    def _queue(self, seat: Seat, requests: int) -> None:
        """One more that waits (1), or one less (-1)."""
        seat.flow.waiting += requests
        seat.flow.queued += requests * seat.width
        seat.level.sit(0, perf_counter())

    def dispatch(self) -> None:
        """Gives free seats to those who wait."""
        for level in tuple(self.waiting):
            while (width := level.next_width()) and level.has_room(width):
                level.serve_next()
            if not level.waiting:
                self.waiting.pop(level, None)

    def _adjust(self, now: float) -> None:
        """Seats are lent and borrowed by what the levels have asked for since the last time."""
        self._adjusted = now
        levels = tuple(self.levels.values())
        wishes = [
            wish_of(level.limits, level.demand.close(now), level.demand.smoothed, exempt=level.exempt)
            for level in levels
        ]
        seats, self.fair_part = allocate(self.total_nominal, wishes)
        for level, given, wish in zip(levels, seats, wishes, strict=True):
            level.target = wish.target
            if not level.exempt:
                level.current = rounded(given)
        self.dispatch()

    def _reject(self, flow: Flow, reason: str) -> str:
        flow.rejected[reason] = flow.rejected.get(reason, 0) + 1
        return reason

    def _observe(self, flow: Flow, began: float, executed: str) -> None:
        self.waits.observe((*flow.labels, executed), perf_counter() - began)

    # ---- configuration

    def count_seats(self) -> None:
        """Requests of one seat are only counted in the histogram when somebody looks at it."""
        for flow in self.flows.values():
            row = self.widths.row(flow.labels)
            row[-1] += flow.dispatched - flow.wide - row[0]
            row[0] = flow.dispatched - flow.wide

    def _read(self) -> None:
        self._changed = False
        self._known.clear()
        specs, schemas = self._objects()
        limits = limits_of({name: tree["spec"] for name, tree in specs.items()}, self.total)
        self.total_nominal = sum(limit.nominal for limit in limits.values())
        before, self.levels = self.levels, {}
        for name, tree in specs.items():
            level = self.levels[name] = before.get(name) or Level(name, perf_counter())
            spec = tree["spec"]
            level.configure(
                tree["metadata"].get("uid", ""),
                exempt=spec.get("type") == "Exempt",
                limits=limits[name],
                queuing=queuing_of(spec),
            )
        self.flows = {}
        for schema in in_order(schemas):
            level_of = self.levels.get(schema.level)
            if level_of is None:
                continue  # it dangles, and matches nothing until its level is there
            labels = (level_of.name, schema.name)
            flow = self._counted.get(labels)
            if flow is None:
                flow = self._counted[labels] = Flow(schema, level_of, self.executions)
            else:
                flow.configure(schema, level_of)
            self.flows[schema.name] = flow
        self.dispatch()

    def _objects(self) -> tuple[dict[str, Obj], list[Schema]]:
        """Levels by name, and schemas; the mandatory ones are at work even where they are not (yet) written."""
        levels: dict[str, Obj] = {name: _object(name, spec) for name, spec in MANDATORY_LEVELS.items()}
        schemas = {name: schema_of(_object(name, spec)) for name, spec in MANDATORY_SCHEMAS.items()}
        if self._caches is not None:
            for version in self._caches[1].in_namespace(""):
                levels[version.name] = version.decoded()
            for version in self._caches[0].in_namespace(""):
                schemas[version.name] = schema_of(version.decoded())
        return levels, list(schemas.values())


def _object(name: str, spec: Obj) -> Obj:
    return {"metadata": {"name": name}, "spec": spec}
