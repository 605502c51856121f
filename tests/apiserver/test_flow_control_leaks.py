"""No seat is ever lost or given twice, whatever becomes of requests and of the configuration; and nobody starves."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.flowcontrol.mandatory import limited, resources, schema, users
from pybernetes.apiserver import pipeline
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.flowcontrol import metrics
from pybernetes.apiserver.flowcontrol.control import FlowControl
from pybernetes.apiserver.flowcontrol.flow import Flow
from pybernetes.apiserver.flowcontrol.level import Level, Waiting
from pybernetes.apiserver.flowcontrol.limits import Limits, Queuing, limits_of
from pybernetes.apiserver.flowcontrol.schemas import schema_of
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.apiserver.user import User
from pybernetes.clock import Env
from tests.virtualtime import run_virtual

from .test_flow_control import ALICE, ask, info, narrow
from .transports import serving
from .waiting import until

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


def waits(level: Level, flow: str) -> Waiting:
    place = level.line_up("s", flow, 1)
    assert place is not None
    return place[0]


def test_a_flow_that_runs_empty_again_and_again_does_not_starve_another() -> None:
    async def main() -> None:
        for greedy, patient in (("a", "b"), ("b", "a")):
            level = Level("l")
            level.configure("u", exempt=False, limits=Limits(1, 1, 1), queuing=Queuing(64, 1, 10))
            calm = [waits(level, patient) for _ in range(3)]
            for turn in range(1, 7):
                waits(level, greedy)  # one at a time, but always there when a seat is free
                level.serve_next()
                assert sum(each.granted.done() for each in calm) >= turn // 2
                if not any(queue.requests[0].flow == greedy for queue in level.queues.values()):
                    continue
                level.serve_next()

    asyncio.run(main())


def test_halves_are_rounded_up_and_what_may_be_borrowed_comes_on_top() -> None:
    spec = limited(5, 50, None)
    spec["limited"]["borrowingLimitPercent"] = 50
    other = limited(95, 0, None)
    assert limits_of({"a": spec, "b": other}, 100) == {"a": Limits(5, 2, 8), "b": Limits(95, 95, 195)}


@pytest.mark.parametrize(
    ("url", "path", "matched"),
    [
        ("/healthz", "/healthz/etcd", True),
        ("/healthz/*", "/healthz/etcd", True),
        ("/healthz", "/healthzz", False),
        ("/healthz/*", "/healthz", False),
        ("/hea/*", "/healthz", False),
        ("/", "/version", True),
    ],
)
def test_paths_match_as_upstreams(url: str, path: str, matched: bool) -> None:
    rule = {"verbs": ["get"], "nonResourceURLs": [url]}
    spec = {"rules": [{"subjects": users("alice"), "nonResourceRules": [rule]}]}
    found = schema_of({"metadata": {"name": "n"}, "spec": spec})
    assert found.matches(ALICE, request_info("GET", path, {})) == matched


class Configured(FlowControl):
    """With levels and schemas that are set here."""

    def __init__(self) -> None:
        self.specs: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}
        registry: Any = SimpleNamespace(kinds={})
        super().__init__(
            registry, ApiServerConfig(max_requests_inflight=30, max_mutating_requests_inflight=10)
        )
        self.every_level: set[Level] = set()
        self.every_flow: set[Flow] = set()

    def _objects(self) -> Any:
        levels, schemas = super()._objects()
        for name, spec in self.specs.items():
            levels[name] = {"metadata": {"name": name, "uid": f"uid-{name}"}, "spec": spec}
        made = [schema_of({"metadata": {"name": n, "uid": n}, "spec": s}) for n, s in self.schemas.items()]
        return levels, [*schemas, *made]

    def read(self) -> None:
        self._note(None)
        self.flow_of(ALICE, info(CONFIGMAPS))
        self.every_level |= set(self.levels.values())
        self.every_flow |= set(self.flows.values())

    def check(self) -> None:
        for level in self.every_level:
            assert level.executing >= level.requests >= 0 or level.exempt
            assert (level.waiting == 0) == (not level.queues)
            if level.waiting:
                assert level in self.waiting
                assert not level.has_room(level.next_width()), "a seat is free, and somebody waits"


QUEUINGS = (None, (1, 1, 2), (4, 2, 3), (64, 8, 50))
REQUESTS = (
    ("GET", f"{CONFIGMAPS}/x"),
    ("GET", CONFIGMAPS),
    ("GET", f"{CONFIGMAPS}?watch=true&sendInitialEvents=true"),
    ("GET", f"{CONFIGMAPS}?watch=true"),
    ("POST", CONFIGMAPS),
)
ASK = st.tuples(st.just("ask"), st.integers(0, 4), st.integers(0, 3))
STEPS = st.one_of(
    ASK,
    ASK,
    ASK,
    ASK,
    st.tuples(st.just("finish"), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("fail"), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from((0.001, 0.02, 3.0, 20.0)), st.just(0)),
    st.tuples(st.just("level"), st.integers(0, 3), st.integers(0, 20)),
    st.tuples(st.just("move"), st.booleans(), st.just(0)),
    st.tuples(st.just("forget"), st.booleans(), st.booleans()),
    st.tuples(st.just("adjust"), st.just(0), st.just(0)),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_no_seat_is_lost(steps: list[tuple[str, Any, Any]]) -> None:
    async def main() -> None:
        flows = Configured()
        rule = {"subjects": users("*"), "resourceRules": [resources(("*",), ("",), ("configmaps",))]}
        specs = {name: limited(10, 50, (4, 2, 3)) for name in ("one", "two")}
        flows.specs.update(specs)
        flows.schemas["mine"] = schema("one", 10, "ByUser", rule)
        flows.read()
        services = SimpleNamespace(flows=flows, in_flight=0, mutating_in_flight=0)
        cache = SimpleNamespace(watchers=range(25), entries=range(1000), size=300_000)
        running: list[tuple[asyncio.Task[Any], asyncio.Future[None]]] = []

        def start(number: int, who: int) -> None:
            method, target = REQUESTS[number]
            path, _, query = target.partition("?")
            parameters = dict(pair.split("=") for pair in query.split("&") if pair)
            answer = asyncio.get_running_loop().create_future()

            async def following(_ctx: Any) -> Any:
                await asyncio.shield(answer)

            ctx: Any = SimpleNamespace(
                request=True,
                info=request_info(method, path, parameters),
                query=parameters,
                services=services,
                user=User(f"user-{who}"),
                mutating=method == "POST",
                resource=SimpleNamespace(cache=cache),
                flow=None,
            )
            running.append((asyncio.create_task(pipeline.flow_control(ctx, following)), answer))

        for step, one, two in steps:
            match step:
                case "ask":
                    start(one, two)
                case "finish" | "fail" if running:
                    answer = running[one % len(running)][1]
                    if not answer.done() and step == "finish":
                        answer.set_result(None)
                    elif not answer.done():
                        answer.set_exception(ValueError("a bug"))
                case "cancel" if running:
                    task, answer = running[one % len(running)]
                    if two and not answer.done():
                        answer.set_result(None)  # both at once
                    task.cancel()
                    continue  # before it is seen anything else may come
                case "wait":
                    await asyncio.sleep(one)
                case "level":
                    flows.specs["one"] = limited(two, 50, QUEUINGS[one])
                    flows.read()
                case "move":
                    flows.schemas["mine"] = schema("two" if one else "one", 10, "ByUser", rule)
                    flows.read()
                case "forget":
                    flows.specs.pop("one", None) if one else flows.specs.update(specs)
                    if two:
                        flows.read()
                case "adjust":
                    flows._adjusted -= 11
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            flows.check()
        for _, answer in running:
            if not answer.done():
                answer.set_result(None)
        await asyncio.gather(*(task for task, _ in running), return_exceptions=True)
        for _, answer in running:
            answer.exception()
        await asyncio.sleep(60)
        flows.read()
        for level in flows.every_level:
            assert (level.executing, level.requests, level.waiting, level.queued) == (0, 0, 0, 0)
            assert not level.queues
            assert level.demand.now == 0
        for flow in flows.every_flow:
            assert (flow.requests, flow.seats, flow.waiting, flow.queued) == (0, 0, 0, 0)
        assert flows.waiting == {}
        assert (services.in_flight, services.mutating_in_flight) == (0, 0)
        assert [*metrics.lines(flows)]

    run_virtual(main())


def test_a_wide_request_that_gives_up_lets_those_behind_it_in() -> None:
    async def main() -> None:
        flows = Configured()
        flows.specs["one"] = limited(100, 0, (1, 1, 10))
        rule = {"subjects": users("*"), "resourceRules": [resources(("*",), ("",), ("configmaps",))]}
        flows.schemas["mine"] = schema("one", 10, "", rule)
        flows.read()
        level, cache = flows.levels["one"], SimpleNamespace(watchers=(), entries=range(9), size=1_000_000)
        listing, reading = info(CONFIGMAPS), info(f"{CONFIGMAPS}/x")
        flow = flows.flow_of(ALICE, listing)
        taken = []
        while level.has_room(1):
            taken.append(flows.begin(flow, reading, {}, None))
        wide = flows.begin(flow, listing, {}, cache)  # type: ignore[arg-type]
        assert wide.width > 1
        narrow = flows.begin(flow, reading, {}, None)
        for give_up in ("cancel", "patience"):
            flows.patience = 5 if give_up == "cancel" else 1
            first = asyncio.create_task(flows.wait(wide, ALICE, listing))
            await asyncio.sleep(0)
            flows.patience = 100
            second = asyncio.create_task(flows.wait(narrow, ALICE, reading))
            await asyncio.sleep(0)
            flows.end(taken.pop(), reading)
            assert level.waiting == 2, "there is no room for the wide one, whose turn it is"
            if give_up == "cancel":
                first.cancel()
            await asyncio.sleep(2)
            assert second.done()
            assert second.result() == ""
            flows.end(narrow, reading)
            taken.append(flows.begin(flow, reading, {}, None))
            narrow = flows.begin(flow, reading, {}, None)

    run_virtual(main())


def test_a_client_that_goes_away_gives_its_place_and_its_seat_back() -> None:
    async def main() -> None:
        async with serving(Env.real(), users=(ALICE,)) as server:
            await narrow(server, (1, 1, 2))
            level = server.services.flows.flow_of(ALICE, info(CONFIGMAPS)).level
            level.sit(int(level.nominal), 0.0)
            gone = asyncio.ensure_future(ask(server, CONFIGMAPS))
            stays = asyncio.ensure_future(ask(server, CONFIGMAPS))
            await until(lambda: level.waiting == 2)
            gone.cancel()
            await until(lambda: level.waiting == 1)
            level.sit(-int(level.nominal), 0.0)
            server.services.flows.dispatch()
            assert (await stays).status == 403
            assert (level.executing, level.requests, level.waiting) == (0, 0, 0)

    asyncio.run(main())
