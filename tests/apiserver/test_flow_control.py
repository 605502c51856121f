"""Priority and fairness: what matches, how many seats, who waits, who is sent away, and what clients are told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api import kinds
from pybernetes.api.flowcontrol.mandatory import groups, limited, resources, schema, service_accounts, users
from pybernetes.apiserver.flowcontrol.level import Level
from pybernetes.apiserver.flowcontrol.limits import Limits, Queuing, limits_of
from pybernetes.apiserver.flowcontrol.schemas import in_order, schema_of
from pybernetes.apiserver.flowcontrol.shuffle import flow_hash, hand
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.startup.flowcontrol import SUGGESTED_LEVELS
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .transports import ADMIN, body_of, serving
from .waiting import until

ALICE = User("alice", groups=("dev", "system:authenticated"))
ACCOUNT = User(
    "system:serviceaccount:kube-system:gc", groups=("system:serviceaccounts", "system:authenticated")
)


def info(target: str, method: str = "GET") -> Any:
    path, _, query = target.partition("?")
    return request_info(method, path, dict(pair.split("=") for pair in query.split("&") if pair))


def made(name: str, spec: Any) -> Any:
    return schema_of({"metadata": {"name": name, "uid": f"uid-{name}"}, "spec": spec})


@pytest.mark.parametrize(
    ("rule", "user", "target", "matched"),
    [
        ({"subjects": users("alice")}, ALICE, "/api/v1/namespaces/a/pods", True),
        ({"subjects": users("*")}, ALICE, "/api/v1/namespaces/a/pods", True),
        ({"subjects": users("bob")}, ALICE, "/api/v1/namespaces/a/pods", False),
        ({"subjects": groups("dev")}, ALICE, "/api/v1/namespaces/a/pods", True),
        ({"subjects": service_accounts("kube-system", "*")}, ACCOUNT, "/api/v1/namespaces/a/pods", True),
        ({"subjects": service_accounts("kube-system", "gc")}, ACCOUNT, "/api/v1/namespaces/a/pods", True),
        ({"subjects": service_accounts("kube", "gc")}, ACCOUNT, "/api/v1/namespaces/a/pods", False),
        ({"subjects": service_accounts("kube-system", "*")}, ALICE, "/api/v1/namespaces/a/pods", False),
        ({"subjects": users("alice")}, ALICE, "/api/v1/nodes", False),
        ({"subjects": users("alice")}, ALICE, "/api/v1/namespaces/a/pods/b/status", False),
        ({"subjects": users("alice")}, ALICE, "/healthz", False),
    ],
)
def test_a_rule_needs_a_subject_and_a_resource(rule: Any, user: User, target: str, matched: bool) -> None:
    rule = {**rule, "resourceRules": [resources(("*",), ("",), ("pods", "nodes"))]}
    assert made("s", schema("l", 100, "", rule)).matches(user, info(target)) is matched


def test_scopes_namespaces_and_paths() -> None:
    everybody = users("*")

    def matches(rule: Any, target: str, method: str = "GET") -> bool:
        return bool(
            made("s", schema("l", 1, "", {"subjects": everybody, **rule})).matches(
                ALICE, info(target, method)
            )
        )

    cluster = {"resourceRules": [resources(("get",), ("",), ("nodes",), cluster=True, namespaces=())]}
    assert matches(cluster, "/api/v1/nodes/n")
    assert not matches(cluster, "/api/v1/nodes")
    one = {"resourceRules": [resources(("*",), ("apps",), ("*",), namespaces=("a",))]}
    assert matches(one, "/apis/apps/v1/namespaces/a/deployments/x/scale")
    assert not matches(one, "/apis/apps/v1/namespaces/b/deployments/x")
    paths = {"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez/*"]}]}
    assert matches(paths, "/healthz")
    assert matches(paths, "/livez/ping")
    assert not matches(paths, "/livez")
    assert not matches(paths, "/healthz", "POST")


def test_schemas_are_tried_by_precedence_then_name() -> None:
    found = in_order(
        made(name, schema("l", precedence, "")) for name, precedence in (("b", 2), ("a", 2), ("c", 1))
    )
    assert [each.name for each in found] == ["c", "a", "b"]


def test_limits_are_upstreams() -> None:
    specs = {**SUGGESTED_LEVELS, "catch-all": limited(5, 0, None), "exempt": {"type": "Exempt", "exempt": {}}}
    found = limits_of(specs, 600)
    assert found["workload-low"] == Limits(245, 24, 845)
    assert found["catch-all"] == Limits(13, 13, 613)
    assert found["exempt"].nominal == 0
    bounded = {"a": limited(30, 0, None), "b": limited(30, 0, None)}
    bounded["a"]["limited"]["borrowingLimitPercent"] = 50
    assert limits_of(bounded, 100)["a"] == Limits(50, 50, 75)


@settings(max_examples=50)
@given(st.text(max_size=20), st.text(max_size=20), st.integers(1, 128), st.integers(1, 12))
def test_a_hand_is_some_different_queues(name: str, flow: str, deck: int, size: int) -> None:
    dealt = hand(flow_hash(name, flow), deck, size)
    assert len(dealt) == len(set(dealt)) == min(deck, size)
    assert all(0 <= card < deck for card in dealt)


def test_queues_are_served_in_turns() -> None:
    async def main() -> None:
        level = Level("l")
        level.configure("u", exempt=False, limits=Limits(1, 1, 1), queuing=Queuing(64, 1, 10))
        placed = {}
        for flow in ("busy", "busy", "busy", "calm"):
            place = level.line_up("s", flow, 1)
            assert place is not None
            placed.setdefault(flow, []).append(place[0])
        assert level.waiting == 4
        order = []
        for _ in range(4):
            level.serve_next()
            order.append(
                next(
                    name
                    for name, waits in placed.items()
                    for w in waits
                    if w.granted.done() and not w.granted.cancelled()
                )
            )
            for waits in placed.values():
                waits[:] = [w for w in waits if not w.granted.done()]
        assert order.count("busy") == 3
        assert order.index("calm") < 2
        assert level.waiting == 0
        assert not level.queues

    asyncio.run(main())


async def ask(server: ApiServer, target: str, user: str = "alice") -> Response:
    headers = Headers([("accept", "application/json"), ("x-test-user", user)])
    response = await server.handler(Request("GET", target, headers))
    assert isinstance(response, Response)
    return response


async def narrow(server: ApiServer, queuing: tuple[int, int, int] | None, seats: int = 1) -> None:
    """Alice's requests for ConfigMaps go to a level with a seat or two that borrows nothing."""
    own = server.transport(ADMIN)
    spec: Any = limited(0, 0, queuing)
    spec["limited"].update(nominalConcurrencyShares=seats, borrowingLimitPercent=0)
    level = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration"}
    await own.call(
        Call(
            "create",
            kinds.PRIORITYLEVELCONFIGURATION,
            body={**level, "metadata": {"name": "narrow"}, "spec": spec},
        )
    )
    rule = {"subjects": users("alice", "bob"), "resourceRules": [resources(("*",), ("",), ("configmaps",))]}
    flow = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema"}
    body = {**flow, "metadata": {"name": "narrow"}, "spec": schema("narrow", 10, "ByUser", rule)}
    await own.call(Call("create", kinds.FLOWSCHEMA, body=body))


CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


def test_every_answer_names_its_flow() -> None:
    async def main() -> None:
        async with serving(Env.real(), users=(ALICE,)) as server:
            await narrow(server, (1, 1, 1))
            registry = server.services.registry
            schema_uid = registry.cache(kinds.FLOWSCHEMA).get("", "narrow").uid
            level_uid = registry.cache(kinds.PRIORITYLEVELCONFIGURATION).get("", "narrow").uid
            refused = await ask(server, CONFIGMAPS)
            assert refused.status == 403
            headers = dict(refused.headers)
            assert headers["X-Kubernetes-PF-FlowSchema-UID"] == schema_uid
            assert headers["X-Kubernetes-PF-PriorityLevel-UID"] == level_uid
            admin = dict((await ask(server, CONFIGMAPS, "admin")).headers)
            assert (
                admin["X-Kubernetes-PF-FlowSchema-UID"]
                == registry.cache(kinds.FLOWSCHEMA).get("", "exempt").uid
            )
            other = dict((await ask(server, "/api/v1/namespaces/default/pods")).headers)
            assert (
                other["X-Kubernetes-PF-FlowSchema-UID"]
                == registry.cache(kinds.FLOWSCHEMA).get("", "global-default").uid
            )
            await server.transport(ADMIN).call(
                Call("delete", kinds.PRIORITYLEVELCONFIGURATION, name="narrow")
            )
            dangling = dict((await ask(server, CONFIGMAPS)).headers)
            assert dangling["X-Kubernetes-PF-FlowSchema-UID"] == other["X-Kubernetes-PF-FlowSchema-UID"]

            def status() -> Any:
                tree = registry.cache(kinds.FLOWSCHEMA).get("", "narrow").tree()
                return [
                    c for c in (tree.get("status") or {}).get("conditions") or () if c["status"] == "True"
                ]

            [condition] = await until(status)
            assert condition["type"] == "Dangling"
            assert condition["reason"] == "NotFound"

    asyncio.run(main())


def test_who_finds_no_seat_waits_or_is_sent_away() -> None:
    async def main() -> None:
        async with serving(Env.real(), users=(ALICE,)) as server:
            await narrow(server, (1, 1, 2))
            flows = server.services.flows
            flow = flows.flow_of(ALICE, info(CONFIGMAPS))
            level = flow.level
            level.executing = int(level.nominal)  # as if so many were being served
            waiting = [asyncio.ensure_future(ask(server, CONFIGMAPS)) for _ in range(3)]
            await until(lambda: level.waiting == 2)
            refused = await waiting[2]
            assert refused.status == 429
            assert dict(refused.headers)["Retry-After"] == "1"
            assert await body_of(refused) == b"Too many requests, please try again later.\n"
            text = (await body_of(await ask(server, "/metrics", "admin"))).decode()
            labels = 'flow_schema="narrow",priority_level="narrow"'
            assert f'apiserver_flowcontrol_rejected_requests_total{{{labels},reason="queue-full"}} 1' in text
            assert f"apiserver_flowcontrol_current_inqueue_requests{{{labels}}} 2" in text
            page = (
                await body_of(
                    await ask(server, "/debug/api_priority_and_fairness/dump_priority_levels", "admin")
                )
            ).decode()
            rows = {
                line.split(",")[0]: [cell.strip() for cell in line.split(",")] for line in page.splitlines()
            }
            assert rows["PriorityLevelName"][4:6] == ["WaitingRequests", "ExecutingRequests"]
            assert rows["narrow"][1:5] == ["1", "false", "false", "2"]
            assert rows["narrow"][7] == "1"
            assert rows["system"][2] == "true"
            page = (
                await body_of(await ask(server, "/debug/api_priority_and_fairness/dump_requests", "admin"))
            ).decode()
            assert [cell.strip() for cell in page.splitlines()[1].split(",")] == [
                "narrow",
                "narrow",
                "0",
                "0",
                "alice",
            ]
            queues = await body_of(await ask(server, "/debug/api_priority_and_fairness/dump_queues", "admin"))
            assert queues.decode().splitlines()[1].startswith("narrow, ")
            level.executing = 0
            flows.dispatch()
            assert [(await each).status for each in waiting[:2]] == [403, 403]
            await asyncio.sleep(0)
            assert (level.waiting, level.executing, level.requests, flows.waiting) == (0, 0, 0, {})
            level.executing = int(level.nominal)
            flows.patience = 0.02
            assert (await ask(server, CONFIGMAPS)).status == 429
            assert flow.rejected == {"queue-full": 1, "time-out": 1}
            gone = asyncio.ensure_future(ask(server, CONFIGMAPS))
            flows.patience = 5
            await asyncio.sleep(0.005)
            gone.cancel()
            await asyncio.wait({gone})
            assert (level.waiting, level.queues) == (0, {})

    asyncio.run(main())


def test_a_level_without_queues_refuses_at_once_and_administrators_get_through() -> None:
    async def main() -> None:
        async with serving(Env.real(), users=(ALICE,)) as server:
            await narrow(server, None)
            level = server.services.flows.flow_of(ALICE, info(CONFIGMAPS)).level
            level.executing = int(level.nominal)
            assert (await ask(server, CONFIGMAPS)).status == 429
            assert (await ask(server, CONFIGMAPS, "admin")).status == 200
            assert (
                json.loads(await body_of(await ask(server, CONFIGMAPS, "admin")))["kind"] == "ConfigMapList"
            )

    asyncio.run(main())
