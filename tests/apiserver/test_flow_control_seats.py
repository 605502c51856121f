"""How many seats requests take, and how levels lend them to each other."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api import kinds
from pybernetes.apiserver.flowcontrol import control
from pybernetes.apiserver.flowcontrol.borrowing import Demand, Wish, allocate, wish_of
from pybernetes.apiserver.flowcontrol.limits import Limits
from pybernetes.apiserver.flowcontrol.work import PLAIN, Stored, Work, most_seats, work_of
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .transports import ADMIN, User, body_of, serving

PODS = "/api/v1/namespaces/a/pods"
BOB = User("bob", groups=("system:authenticated",))


def work(method: str, target: str, stored: int = 0, watches: int = 0, nominal: float = 245) -> Work:
    """`stored`: objects of a kilobyte."""
    path, _, query = target.partition("?")
    parameters = dict(pair.split("=", 1) for pair in unquote(query).split("&") if pair)
    return work_of(
        request_info(method, path, parameters), parameters, Stored(stored, stored * 1000), watches, nominal
    )


@pytest.mark.parametrize(
    ("method", "target", "stored", "watches", "expected"),
    [
        ("GET", f"{PODS}/x", 10_000, 0, PLAIN),
        ("GET", PODS, 0, 0, PLAIN),
        ("GET", PODS, 100, 0, PLAIN),
        ("GET", PODS, 101, 0, Work(2)),
        ("GET", PODS, 10_000, 0, Work(10)),
        ("GET", f"{PODS}?limit=1", 10_000, 0, PLAIN),
        ("GET", f"{PODS}?limit=250", 10_000, 0, Work(3)),
        ("GET", f"{PODS}?limit=20000", 10_000, 0, Work(10)),
        ("GET", f"{PODS}?limit=many", 10_000, 0, Work(10)),
        ("GET", f"{PODS}?fieldSelector=metadata.name%3Dx", 10_000, 0, PLAIN),
        ("GET", f"{PODS}?watch=true", 10_000, 0, Work(10)),
        ("GET", f"{PODS}?watch=true&resourceVersion=0", 10_000, 0, Work(10)),
        ("GET", f"{PODS}?watch=true&resourceVersion=7", 10_000, 0, PLAIN),
        ("GET", f"{PODS}?watch=true&resourceVersion=7&sendInitialEvents=true", 10_000, 0, Work(10)),
        ("GET", f"{PODS}?watch=true&resourceVersion=7&sendInitialEvents=false", 10_000, 0, PLAIN),
        ("POST", PODS, 10_000, 9, PLAIN),
        ("POST", PODS, 0, 10, Work(1, 1, 0.005)),
        ("PATCH", f"{PODS}/x", 0, 25, Work(1, 3, 0.005)),
        ("DELETE", f"{PODS}/x", 0, 1000, Work(1, 10, 0.05)),
        ("DELETE", PODS, 0, 1000, PLAIN),
        ("POST", "/api/v1/namespaces/a/serviceaccounts/x/token", 0, 1000, PLAIN),
    ],
)
def test_how_much_a_request_takes(
    method: str, target: str, stored: int, watches: int, expected: Work
) -> None:
    found = work(method, target, stored, watches)
    assert found[:2] == expected[:2]
    assert found.seconds == pytest.approx(expected.seconds)


def test_a_request_takes_but_a_part_of_a_small_level() -> None:
    assert [most_seats(nominal) for nominal in (0, 1, 13, 40, 245, float("inf"))] == [1, 1, 2, 6, 10, 10]
    assert work("GET", PODS, 10_000, nominal=13) == Work(2)
    held = work("POST", PODS, watches=1000, nominal=13)
    assert (held.final, held.width) == (2, 2)
    assert held.seconds == pytest.approx(100 * 0.005 / 2), "the same work, in a longer time"


def test_demand_over_a_period() -> None:
    demand = Demand(0.0)
    demand.change(10, 2.0)
    demand.change(4, 4.0)
    assert demand.close(10.0) == 10
    assert demand.watermark == 10
    assert demand.average == pytest.approx((10 * 2 + 4 * 6) / 10)
    assert demand.smoothed == pytest.approx(demand.average + demand.deviation)
    before = demand.smoothed
    assert demand.close(20.0) == 4, "what is still wanted"
    assert 4 < demand.smoothed < before, "it forgets slowly"
    demand.change(0, 20.0)
    for period in range(3, 400):
        demand.close(period * 10.0)
    assert demand.smoothed < 0.1


def test_who_wants_more_gets_what_others_lend() -> None:
    busy = wish_of(Limits(10, 10, 100), 60, 60.0, exempt=False)
    idle = wish_of(Limits(90, 20, 100), 0, 0.0, exempt=False)
    seats, _ = allocate(100, [busy, idle])
    assert [round(each) for each in seats] == [75, 25], (
        "by what they want; the idle wants what it does not lend"
    )
    bounded = wish_of(Limits(10, 10, 15), 60, 60.0, exempt=False)
    assert [round(each) for each in allocate(100, [bounded, idle])[0]] == [15, 85]
    woken = wish_of(Limits(90, 20, 100), 50, 30.0, exempt=False)
    assert woken.lower == 50, "what it asked for lately, up to what is its own"
    assert [round(each) for each in allocate(100, [busy, woken])[0]] == [50, 50]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 100), st.integers(0, 200)), min_size=1, max_size=8)
)
def test_allocations_keep_their_bounds_and_share_evenly(levels: list[tuple[int, int, int]]) -> None:
    total = sum(nominal for nominal, _, _ in levels)
    wishes = []
    for nominal, lent, wanted in levels:
        lower = nominal - round(nominal * lent / 100)
        wishes.append(wish_of(Limits(nominal, lower, total), wanted, float(wanted), exempt=False))
    seats, part = allocate(total, wishes)
    for given_seats, wish in zip(seats, wishes, strict=True):
        assert wish.lower - 1e-6 <= given_seats <= wish.upper + 1e-6
        if wish.lower + 1e-3 < given_seats < wish.upper - 1e-3:
            assert given_seats == pytest.approx(part * max(wish.target, 0.001), rel=1e-3)
    assert sum(seats) == pytest.approx(total, abs=1e-3)


def test_too_little_for_all_wishes() -> None:
    wishes = [Wish(0, 100, 30.0), Wish(0, 100, 90.0)]
    seats, part = allocate(60, wishes)
    assert [round(each) for each in seats] == [15, 45]
    assert part == pytest.approx(0.5)


async def ask(server: Any, method: str, target: str, body: bytes = b"", user: str = "bob") -> Response:
    headers = Headers([("x-test-user", user), ("content-type", "application/json")])
    response = await server.handler(Request(method, target, headers, body))
    assert isinstance(response, Response)
    return response


def test_seats_of_a_write_stay_taken_while_its_watchers_are_served() -> None:
    async def main() -> None:
        async with serving(Env.real(), users=(BOB,)) as server:
            t = server.transport(ADMIN)
            binding = {
                "metadata": {"name": "bob"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
                "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}],
            }
            await t.call(Call("create", kinds.CLUSTERROLEBINDING, body=binding))
            watches = [t.watch(Call("watch", kinds.CONFIGMAP, "default")) for _ in range(30)]
            for watch in watches:
                await watch.__aenter__()
            made = await ask(
                server, "POST", "/api/v1/namespaces/default/configmaps", b'{"metadata":{"name":"a"}}'
            )
            assert made.status == 201
            flows = server.services.flows
            level = flows.flow_of(
                BOB, request_info("POST", "/api/v1/namespaces/default/configmaps", {})
            ).level
            assert level.name == "global-default"
            assert (level.executing, level.requests) == (3, 0)
            await asyncio.sleep(0.03)
            assert level.executing == 0
            for watch in watches:
                await watch.__aexit__(None, None, None)
            text = (await body_of(await ask(server, "GET", "/metrics", user="admin"))).decode()
            labels = 'priority_level="global-default",flow_schema="global-default"'
            assert f'apiserver_flowcontrol_work_estimated_seats_bucket{{{labels},le="4"}} 1' in text
            assert f'apiserver_flowcontrol_watch_count_samples_bucket{{{labels},le="100"}} 1' in text
            executed = f'apiserver_flowcontrol_request_execution_seconds_count{{{labels},type="regular"}} 1'
            assert executed in text
            for name in ("demand_seats_smoothed", "target_seats", "current_limit_seats"):
                assert f'apiserver_flowcontrol_{name}{{priority_level="global-default"}} ' in text
            assert "apiserver_flowcontrol_seat_fair_frac 0" in text

    asyncio.run(main())


def test_a_cache_knows_how_many_bytes_it_holds() -> None:
    async def main() -> None:
        async with serving(Env.real()) as server:
            t, cache = server.transport(ADMIN), server.services.registry.cache(kinds.CONFIGMAP)
            for name in ("a", "b"):
                made = {"metadata": {"name": name, "namespace": "default"}, "data": {"k": "v" * 100}}
                await t.call(Call("create", kinds.CONFIGMAP, "default", body=made))
                assert cache.size == sum(len(each.value) for each in cache.entries.values()) > 100
            await t.call(
                Call("update", kinds.CONFIGMAP, "default", "a", body={**made, "metadata": {"name": "a"}})
            )
            patch = {"data": {"more": "x" * 5000}}
            await t.call(Call("patch", kinds.CONFIGMAP, "default", "a", body=patch, patch_type="merge"))
            await t.call(Call("delete", kinds.CONFIGMAP, "default", "b"))
            assert cache.size == sum(len(each.value) for each in cache.entries.values()) > 5000

    asyncio.run(main())


def test_levels_borrow_after_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(control, "perf_counter", lambda: now)

    async def main() -> None:
        nonlocal now
        async with serving(Env.real(), users=(BOB,)) as server:
            flows = server.services.flows
            info = request_info("GET", "/api/v1/namespaces/default/pods/x", {})
            flow = flows.flow_of(BOB, info)
            level = flow.level
            nominal = int(level.nominal)
            seats = [flows.begin(flow, info, {}, None) for _ in range(nominal)]
            assert all(seat.taken for seat in seats)
            assert not flows.begin(flow, info, {}, None).taken, "all are taken, and none is borrowed yet"
            waiting = [asyncio.ensure_future(ask(server, "GET", "/api/v1/namespaces/default/pods/x"))]
            await asyncio.sleep(0)
            assert level.waiting == 1
            now += 11
            exempt = flows.begin(flows.flow_of(ADMIN, info), info, {}, None)
            assert level.current > nominal
            flows.end(exempt, info)
            assert (await waiting[0]).status == 403, "who waited has its seat"
            for seat in seats:
                flows.end(seat, info)
            assert level.executing == 0

    asyncio.run(main())
