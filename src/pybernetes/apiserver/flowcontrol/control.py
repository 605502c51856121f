"""`FlowControl`: the priority levels and flow schemas of one API server at work. The pipeline asks it for seats."""

from __future__ import annotations

import asyncio
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
from .level import Level, others_of
from .limits import limits_of, may_borrow, queuing_of
from .schemas import Schema, in_order, schema_of

REMEMBERED = 16_384
"""Classifications that are remembered."""
OBJECTS_PER_SEAT, MOST_SEATS = 100, 10
"""A list takes a seat for every so many objects, up to so many seats."""
WAIT_BUCKETS = (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)


class Flow:
    """The requests of one schema, for the counters; `headers` go with every answer."""

    __slots__ = ("cancelled", "dispatched", "headers", "level", "rejected", "schema")

    def __init__(self, schema: Schema, level: Level) -> None:
        self.schema = schema
        self.level = level
        self.headers = (
            ("X-Kubernetes-PF-FlowSchema-UID", schema.uid),
            ("X-Kubernetes-PF-PriorityLevel-UID", level.uid),
        )
        self.dispatched = 0
        self.cancelled = 0
        self.rejected: dict[str, int] = {}


class FlowControl:
    """Made before the caches are filled: it reads them at the first request, and after each change."""

    def __init__(self, registry: Registry, config: ApiServerConfig) -> None:
        self.total = config.max_requests_inflight + config.max_mutating_requests_inflight
        self.patience = config.request_timeout / 4
        """Seconds that a request waits in a queue."""
        self.levels: dict[str, Level] = {}
        self.flows: dict[str, Flow] = {}
        """By the name of the FlowSchema, in the order in which they are tried."""
        self.waiting: dict[Level, None] = {}
        """Levels with somebody in a queue."""
        self.waits = Histogram(
            "apiserver_flowcontrol_request_wait_duration_seconds",
            "Length of time a request spent waiting in its queue",
            ("priority_level", "flow_schema", "execute"),
            WAIT_BUCKETS,
        )
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

    def has_seat(self, level: Level, width: int) -> bool:
        """Whether a request may begin at once: a seat of the level's own, or one that others lend."""
        if level.waiting:
            return False
        if level.executing + width <= level.nominal or not level.executing:
            return True
        others = others_of(self.levels.values(), level)
        return may_borrow(level.executing, width, level.limits, others, self.total)

    async def wait(self, flow: Flow, user: User, info: RequestInfo, width: int) -> str:
        """Waits for seats and takes them; "" once they are taken, else why the request is sent away."""
        level = flow.level
        if level.queuing is None:
            return self._reject(flow, "concurrency-limit")
        place = level.line_up(flow.schema.name, flow.schema.flow_of(user, info), width)
        if place is None:
            return self._reject(flow, "queue-full")
        waiting, number = place
        self.waiting[level] = None
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
                level.executing -= width
                self.dispatch()
            else:
                level.leave(waiting, number)
            flow.cancelled += 1
            raise
        finally:
            waiting.granted.cancel()
            if not level.waiting:
                self.waiting.pop(level, None)
        self._observe(flow, began, "true")
        return ""

    def dispatch(self) -> None:
        """Gives free seats to those who wait."""
        for level in tuple(self.waiting):
            while width := level.next_width():
                others = others_of(self.levels.values(), level)
                own = level.executing + width <= level.nominal or not level.executing
                if not own and not may_borrow(level.executing, width, level.limits, others, self.total):
                    break
                level.serve_next()
            if not level.waiting:
                self.waiting.pop(level, None)

    def _reject(self, flow: Flow, reason: str) -> str:
        flow.rejected[reason] = flow.rejected.get(reason, 0) + 1
        return reason

    def _observe(self, flow: Flow, began: float, executed: str) -> None:
        self.waits.observe((flow.level.name, flow.schema.name, executed), perf_counter() - began)

    # ---- configuration

    def _read(self) -> None:
        self._changed = False
        self._known.clear()
        specs, schemas = self._objects()
        limits = limits_of({name: tree["spec"] for name, tree in specs.items()}, self.total)
        before, self.levels = self.levels, {}
        for name, tree in specs.items():
            level = self.levels[name] = before.get(name) or Level(name)
            spec = tree["spec"]
            level.configure(
                tree["metadata"].get("uid", ""),
                exempt=spec.get("type") == "Exempt",
                limits=limits[name],
                queuing=queuing_of(spec),
            )
        counted, self.flows = self.flows, {}
        for schema in in_order(schemas):
            level_of = self.levels.get(schema.level)
            if level_of is None:
                continue  # it dangles, and matches nothing until its level is there
            flow = self.flows[schema.name] = Flow(schema, level_of)
            if (old := counted.get(schema.name)) is not None:
                flow.dispatched, flow.rejected = old.dispatched, old.rejected
                flow.cancelled = old.cancelled
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


def width_of(info: RequestInfo, cache: KindCache | None) -> int:
    """The seats that a request takes: more than one only for long lists."""
    if info.verb != "list" or cache is None:
        return 1
    return min(max(1, -(-len(cache.entries) // OBJECTS_PER_SEAT)), MOST_SEATS)


def _object(name: str, spec: Obj) -> Obj:
    return {"metadata": {"name": name}, "spec": spec}
