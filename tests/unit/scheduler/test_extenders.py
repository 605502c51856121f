"""HTTP extenders: a real HTTP server that filters, scores, preempts and binds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.client.client import ApiClient
from pybernetes.scheduler.configuration.types import Configuration, Extender
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.wire.http.messages import Request, Response
from pybernetes.wire.http.server import HttpServer

from .playing import bound, events_of, flushed, make, play, refused, scheduled_condition, until
from .trees import node, pod

Answer = Callable[[str, Any], Any]


class Desk:
    """An extender: `answer` gets the verb and the arguments; an int is an HTTP status. `asked` is what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[tuple[str, Any]] = []
        self.prefix = ""

    async def __call__(self, request: Request) -> Response:
        verb, body = request.path.rpartition("/")[2], orjson.loads(request.body)
        self.asked.append((verb, body))
        answer = self._answer(verb, body)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, int):
            return Response.text(answer, "no")
        return Response(200, (("Content-Type", "application/json"),), orjson.dumps(answer))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        server = HttpServer(self, now=lambda: 0.0)
        port = await server.listen("127.0.0.1", 0)
        self.prefix = f"http://127.0.0.1:{port}/scheduler"
        try:
            yield self
        finally:
            await server.close()


def playing(
    answer: Answer, check: Callable[[ApiClient, Scheduler, Desk], Awaitable[None]], **extender: Any
) -> Desk:
    """Two nodes and the check, with an extender that is there from the start."""
    desk = Desk(answer)

    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        async with desk.open():
            configuration = Configuration(extenders=(Extender(desk.prefix, **extender),))
            while scheduler.cycle is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
            scheduler.use(configuration)
            await make(client, node("a"))
            await make(client, node("b"))
            await check(client, scheduler, desk)

    play(story)
    return desk


def only_b(verb: str, arguments: Any) -> Any:
    assert verb == "filter"
    items = [each for each in arguments["Nodes"]["items"] if each["metadata"]["name"] == "b"]
    return {"nodes": {"items": items}, "failedNodes": {"a": "node(s) had no licence"}, "error": ""}


def test_it_filters_nodes() -> None:
    async def check(client: ApiClient, _scheduler: Scheduler, _desk: Desk) -> None:
        await make(client, pod("web"))
        assert (await until(client, "web", bound))["spec"]["nodeName"] == "b"

    desk = playing(only_b, check, filter_verb="filter")
    (verb, arguments) = desk.asked[0]
    assert (verb, arguments["NodeNames"], arguments["Pod"]["metadata"]["name"]) == ("filter", None, "web")


def test_why_it_refuses_all_is_told() -> None:
    def nobody(_verb: str, _arguments: Any) -> Any:
        return {
            "NodeNames": [],
            "FailedNodes": {"a": "node(s) had no licence"},
            "FailedAndUnresolvableNodes": {"b": "node(s) were too old"},
        }

    async def check(client: ApiClient, _scheduler: Scheduler, _desk: Desk) -> None:
        await make(client, pod("web"))
        web = await until(client, "web", refused)
        assert scheduled_condition(web)["message"].startswith(
            "0/2 nodes are available: 1 node(s) had no licence, 1 node(s) were too old. preemption: 0/2 nodes are "
            "available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
        )

    desk = playing(nobody, check, filter_verb="filter", node_cache_capable=True)
    assert sorted(desk.asked[0][1]["NodeNames"]) == ["a", "b"]


def test_it_scores_nodes_and_counts_by_its_weight() -> None:
    def likes_a(_verb: str, _arguments: Any) -> Any:
        return [{"Host": "a", "Score": 10}, {"Host": "b", "Score": 0}, {"Host": "unknown", "Score": 10}]

    async def check(client: ApiClient, scheduler: Scheduler, desk: Desk) -> None:
        await make(client, pod("web"))
        web = await until(client, "web", bound)
        decision = scheduler.decision(web["metadata"]["uid"])
        assert decision is not None
        scores = dict(zip(decision.names, decision.scores[desk.prefix].tolist(), strict=True))
        assert (web["spec"]["nodeName"], scores) == ("a", {"a": 700, "b": 0})

    playing(likes_a, check, prioritize_verb="prioritize", weight=7)


def test_it_binds() -> None:
    async def check(client: ApiClient, scheduler: Scheduler, desk: Desk) -> None:
        await make(client, pod("web"))
        while not desk.asked:  # noqa: ASYNC110
            await asyncio.sleep(0)
        (verb, arguments) = desk.asked[0]
        assert (verb, arguments["PodName"], arguments["PodNamespace"]) == ("bind", "web", "default")
        assert arguments["Node"] in ("a", "b")
        await flushed(scheduler)
        assert not bound(await client.get(kinds.POD, "web", "default"))

    playing(lambda _verb, _arguments: {"Error": ""}, check, bind_verb="bind")


def test_a_binding_that_it_refuses_is_told() -> None:
    async def check(client: ApiClient, _scheduler: Scheduler, _desk: Desk) -> None:
        await make(client, pod("web"))
        web = await until(client, "web", refused)
        assert scheduled_condition(web)["message"] == "binding rejected: not by me"

    playing(lambda _verb, _arguments: {"Error": "not by me"}, check, bind_verb="bind")


@pytest.mark.parametrize("cached", [True, False])
def test_it_has_a_say_in_preemption(cached: bool) -> None:
    def spare_a(_verb: str, arguments: Any) -> Any:
        given = arguments["NodeNameToMetaVictims" if cached else "NodeNameToVictims"]
        assert arguments["NodeNameToVictims" if cached else "NodeNameToMetaVictims"] is None
        victims = {
            name: {"Pods": [{"UID": p["UID"] if cached else p["metadata"]["uid"]} for p in each["Pods"]]}
            for name, each in given.items()
        }
        assert sorted(victims) == ["a", "b"]
        return {"NodeNameToMetaVictims": {"b": victims["b"]}}

    async def check(client: ApiClient, _scheduler: Scheduler, _desk: Desk) -> None:
        for name in ("one", "two"):
            await make(client, pod(name, cpu="4"))
            await until(client, name, bound)
        await client.create(kinds.PRIORITYCLASS, new_object(kinds.PRIORITYCLASS, "urgent", value=100))
        await make(client, pod("urgent", cpu="4", priorityClassName="urgent"))
        urgent = await until(client, "urgent", lambda each: bool(each["status"].get("nominatedNodeName")))
        assert urgent["status"]["nominatedNodeName"] == "b"

    playing(spare_a, check, preempt_verb="preempt", node_cache_capable=cached)


def test_it_is_asked_about_its_resources_alone() -> None:
    async def check(client: ApiClient, _scheduler: Scheduler, desk: Desk) -> None:
        await make(client, pod("web"))
        await until(client, "web", bound)
        assert desk.asked == []

    playing(only_b, check, filter_verb="filter", managed_resources=frozenset(("example.com/licence",)))


async def slowly(_verb: str, _arguments: Any) -> Any:
    await asyncio.sleep(5)


BROKEN: tuple[tuple[str, Answer, str], ...] = (
    ("status", lambda _verb, _arguments: 500, "failed filter with extender at URL {prefix}, code 500"),
    ("nonsense", lambda _verb, _arguments: [1], "{prefix}/filter: not an answer: [1]"),
    ("error", lambda _verb, _arguments: {"Error": "out of order"}, "out of order"),
    ("slow", slowly, "extender {prefix}/filter: no answer within 0.2 s"),
    (
        "unknown node",
        lambda _verb, _arguments: {"NodeNames": ["zzz"]},
        'extender "{prefix}" claims a filtered node "zzz" which is not found in the input node list',
    ),
)  # fmt: skip


@pytest.mark.parametrize(("answer", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_one_is_told_of_and_the_pod_backs_off(answer: Answer, message: str) -> None:
    async def check(client: ApiClient, scheduler: Scheduler, desk: Desk) -> None:
        await make(client, pod("web"))
        web = await until(client, "web", refused)
        condition = scheduled_condition(web)
        wanted = message.format(prefix=desk.prefix)
        assert condition["reason"] == "SchedulerError"
        assert wanted in condition["message"]
        await flushed(scheduler)
        assert wanted in (await events_of(client, "FailedScheduling"))[0]["message"]
        scheduler.use()
        await until(client, "web", bound)

    playing(answer, check, filter_verb="filter", node_cache_capable=True, seconds=0.2)


def test_an_ignorable_one_is_done_without() -> None:
    async def check(client: ApiClient, _scheduler: Scheduler, _desk: Desk) -> None:
        await make(client, pod("web"))
        await until(client, "web", bound)

    playing(lambda _verb, _arguments: 500, check, filter_verb="filter", ignorable=True)


def test_one_that_cannot_score_has_no_say() -> None:
    async def check(client: ApiClient, _scheduler: Scheduler, _desk: Desk) -> None:
        await make(client, pod("web"))
        await until(client, "web", bound)

    playing(lambda _verb, _arguments: ["x"], check, prioritize_verb="prioritize", weight=1)


def test_nodes_and_pods_that_change_while_it_is_asked() -> None:
    """A node that comes meanwhile makes it be asked again; a pod that goes is forgotten."""
    changes: list[Callable[[], Awaitable[Any]]] = []

    async def answer(_verb: str, arguments: Any) -> Any:
        if changes:
            await changes.pop()()
            await asyncio.sleep(0.05)
        return {"NodeNames": arguments["NodeNames"]}

    async def check(client: ApiClient, scheduler: Scheduler, desk: Desk) -> None:
        changes.append(lambda: make(client, node("c")))
        await make(client, pod("web"))
        await until(client, "web", bound)
        assert sorted(desk.asked[-1][1]["NodeNames"]) == ["a", "b", "c"]
        changes.append(lambda: client.delete(kinds.POD, "gone", "default"))
        await make(client, pod("gone"))
        await make(client, pod("next"))
        await until(client, "next", bound)
        assert scheduler.cycle is not None
        assert len(scheduler.cycle.table.placements) == 2

    playing(answer, check, filter_verb="filter", node_cache_capable=True)
