"""A plugin of one's own at each extension point, and what happens where it raises or answers nonsense."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.client.client import ApiClient
from pybernetes.scheduler import pernode, queue
from pybernetes.scheduler.framework import (
    ALLOW,
    Attempt,
    Permission,
    Plugin,
    PostFilterResult,
    Refused,
    Rejection,
    on,
)
from pybernetes.scheduler.plugins.normalize import by_highest
from pybernetes.scheduler.preemption.candidate import Candidate
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.serving import metrics_of

from .playing import bound, events_of, flushed, make, play, refused, scheduled_condition, until
from .trees import node, pod

PREEMPTION = " preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."


def on_two_nodes(plugin: Plugin, check: Callable[[ApiClient, Scheduler], Any], **first: Any) -> None:
    """Nodes a and b, a pod "web", and the check."""

    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, node("a"))
        await make(client, node("b"))
        await make(client, pod("web", **first))
        await check(client, scheduler)

    play(story, plugins=(plugin,))


def goes_to(name: str) -> Callable[[ApiClient, Scheduler], Any]:
    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        assert (await until(client, "web", bound))["spec"]["nodeName"] == name

    return check


def is_refused(message: str) -> Callable[[ApiClient, Scheduler], Any]:
    """The condition and an event say so, and the loop lives: a pod of another kind is still decided on."""

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        web = await until(client, "web", refused)
        assert scheduled_condition(web)["message"] == message
        await flushed(scheduler)
        (event,) = await events_of(client, "FailedScheduling")
        assert event["message"] == message
        assert event["source"]["component"] == "default-scheduler"

    return check


def is_row(name: str, value: int = 100) -> Callable[..., Any]:
    def score(_pod: Any, world: Any, _feasible: Any) -> Any:
        found = np.zeros(world.table.size, np.int64)
        found[world.table.rows[name]] = value
        return found

    return score


def test_filters_and_scores_for_each_node() -> None:
    def not_a(_pod: Obj, each: Obj) -> str:
        return "node(s) were called a" if each["metadata"]["name"] == "a" else ""

    on_two_nodes(Plugin("Mine", filter=pernode.per_node_filter(not_a)), goes_to("b"))
    likes_b = pernode.per_node_score(lambda _pod, each: 100 if each["metadata"]["name"] == "b" else 0)
    on_two_nodes(Plugin("Mine", score=likes_b, weight=100), goes_to("b"))
    refuses = Plugin("Mine", filter=pernode.per_node_filter(lambda _pod, _node: "node(s) were ugly"))
    on_two_nodes(refuses, is_refused(f"0/2 nodes are available: 2 node(s) were ugly.{PREEMPTION}"))


def test_many_nodes_are_warned_about_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pernode, "MANY", 2)

    def cheapness(_pod: Obj, _node: Obj) -> int:
        return 1

    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        await make(client, pod("other"))
        for name in ("web", "other"):
            await until(client, name, bound)

    with caplog.at_level(logging.WARNING, "scheduler"):
        on_two_nodes(Plugin("Mine", score=pernode.per_node_score(cheapness)), check)
    warnings = [each.getMessage() for each in caplog.records if "cheapness" in each.getMessage()]
    assert len(warnings) == 1
    assert warnings[0].endswith(
        "is called for each of 2 nodes: a function over the columns of the node table is far faster"
    )


def test_pre_score_prepares_and_normalize_completes_a_score() -> None:
    def prepare(_pod: Any, world: Any, feasible: Any) -> None:
        assert feasible.sum() == 2
        world.state["Mine"] = 700

    def score(_pod: Any, world: Any, _feasible: Any) -> Any:
        return is_row("a", world.state["Mine"])(_pod, world, _feasible)

    def cheap_is_good(_pod: Any, _world: Any, scores: Any, feasible: Any) -> Any:
        return by_highest(scores, feasible, reverse=True)

    plugin = Plugin("Mine", pre_score=prepare, score=score, normalize=cheap_is_good, weight=100)

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        web = await until(client, "web", bound)
        decision = scheduler.decision(web["metadata"]["uid"])
        assert decision is not None
        scores = dict(zip(decision.names, decision.scores["Mine"].tolist(), strict=True))
        assert (web["spec"]["nodeName"], scores) == ("b", {"a": 0, "b": 10_000})

    on_two_nodes(plugin, check)


def test_pre_enqueue_holds_a_pod_back_until_its_plugin_is_asked_again() -> None:
    gate = Plugin(
        "Mine",
        pre_enqueue=lambda _facts, tree: "" if "go" in tree["metadata"].get("labels", {}) else "no label go",
    )

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, pod("free", labels={"go": ""}))
        await until(client, "free", bound)
        assert scheduler.cycle is not None
        assert scheduler.cycle.queue.counts()["gated"] == 1
        await client.patch(kinds.POD, "web", "default", {"metadata": {"labels": {"go": ""}}})
        await until(client, "web", bound)

    on_two_nodes(gate, check)


def test_pre_enqueue_is_asked_again_after_a_change_that_may_help() -> None:
    open_ = []
    gate = Plugin(
        "Mine",
        pre_enqueue=lambda _facts, _pod: "" if open_ else "closed",
        unblocked_by=(on("Node", "labels"),),
    )

    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        open_.append(True)
        await client.patch(kinds.NODE, "a", "", {"metadata": {"labels": {"x": "y"}}})
        await until(client, "web", bound)

    on_two_nodes(gate, check)


def test_a_queue_sort_of_ones_own_stands_in_for_priority_sort() -> None:
    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        for name in ("b", "c", "a"):
            await make(client, pod(name, cpu="1", labels={"name": name}))
            await until(client, name, refused)
        await make(client, node("n", cpu="1"))
        assert (await until(client, "a", bound))["spec"]["nodeName"] == "n"
        assert scheduler.cycle is not None
        assert len(scheduler.cycle.queue) == 2

    by_name = Plugin("ByName", queue_sort=lambda facts, arrival: (facts.labels["name"], arrival))
    play(story, plugins=(by_name,))


def test_pre_filter_refuses_all_nodes_at_once() -> None:
    plugin = Plugin("Mine", pre_filter=lambda _facts, _world: "the quota is used up")
    on_two_nodes(plugin, is_refused(f"0/2 nodes are available: the quota is used up.{PREEMPTION}"))


def test_post_filter_may_nominate_a_node() -> None:
    def nowhere(_facts: Any, world: Any) -> tuple[Rejection, ...]:
        return (Rejection("node(s) were full", np.ones(world.table.size, np.bool_)),)

    def help_(_facts: Any, _world: Any, failure: Any) -> PostFilterResult:
        assert failure.refusal(0) == ("node(s) were full",)
        return PostFilterResult(Candidate("b", (), 0))

    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        web = await until(client, "web", lambda each: bool(each["status"].get("nominatedNodeName")))
        assert web["status"]["nominatedNodeName"] == "b"

    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, node("a"))
        await make(client, node("b"))
        await make(client, pod("web"))
        await check(client, scheduler)

    first = Plugin("Help", post_filter=help_)
    from pybernetes.scheduler.configuration.read import read

    text = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins: {postFilter: {disabled: [{name: DefaultPreemption}]}}
"""
    play(story, plugins=(Plugin("Full", filter=nowhere), first), configuration=read(text))


def test_reserve_refuses_and_everything_is_given_back() -> None:
    given_back: list[str] = []
    plugin = Plugin(
        "Mine",
        reserve=lambda _attempt: "no licence left",
        unreserve=lambda attempt: given_back.append(attempt.node),
    )

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        await is_refused("0/1 nodes are available: 1 no licence left.")(client, scheduler)
        assert len(given_back) == 1
        assert scheduler.cycle is not None
        assert not len(scheduler.cycle.table.placements)

    on_two_nodes(plugin, check)


def permitting(answer: Permission) -> Plugin:
    return Plugin("Mine", permit=lambda _attempt: answer)


def test_permit_allows_or_rejects() -> None:
    async def goes(client: ApiClient, _scheduler: Scheduler) -> None:
        await until(client, "web", bound)

    on_two_nodes(permitting(ALLOW), goes)
    on_two_nodes(
        permitting(Permission("reject", "not today")),
        is_refused("0/1 nodes are available: 1 not today."),
    )


async def wait_at_permit(client: ApiClient, scheduler: Scheduler) -> Any:
    """The waiting pod, once the API says where it is going to."""
    await until(client, "web", lambda each: bool(each["status"].get("nominatedNodeName")))
    while not [*scheduler.waiting]:  # noqa: ASYNC110  (told of nowhere else)
        await asyncio.sleep(0)
    (waiting,) = scheduler.waiting
    return waiting


def test_permit_waits_until_it_is_allowed() -> None:
    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        waiting = await wait_at_permit(client, scheduler)
        waiting.allow("Mine")
        web = await until(client, "web", bound)
        assert web["spec"]["nodeName"] == waiting.node
        assert "nominatedNodeName" not in web["status"]
        assert 'scheduler_permit_wait_duration_seconds_count{result="Success"} 1' in metrics_of(scheduler)

    on_two_nodes(permitting(Permission("wait", seconds=30)), check)


def test_permit_waits_until_it_is_rejected() -> None:
    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        waiting = await wait_at_permit(client, scheduler)
        waiting.reject("Mine", "the group fell apart")
        web = await until(client, "web", refused)
        assert scheduled_condition(web)["message"] == "0/1 nodes are available: 1 the group fell apart."
        assert "nominatedNodeName" not in web["status"]

    on_two_nodes(permitting(Permission("wait", seconds=30)), check)


def test_permit_waits_no_longer_than_it_said() -> None:
    on_two_nodes(
        permitting(Permission("wait", seconds=0.05)),
        is_refused("0/1 nodes are available: 1 rejected due to timeout after waiting 50ms at plugin Mine."),
    )


def test_pods_that_wait_at_permit_keep_nobody_else_from_being_decided_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pybernetes.scheduler.scheduler.WRITES", 2)

    def gang(attempt: Attempt) -> Permission:
        assert attempt.waiting is not None
        others = [*attempt.waiting]
        if len(others) < 5:
            return Permission("wait", seconds=30)
        for each in others:
            each.allow("Gang")
        return ALLOW

    async def story(client: ApiClient, _scheduler: Scheduler) -> None:
        await make(client, node("a"))
        for number in range(6):
            await make(client, pod(f"p{number}"))
        for number in range(6):
            await until(client, f"p{number}", bound)

    play(story, plugins=(Plugin("Gang", permit=gang),))


def test_pre_bind_bind_and_post_bind() -> None:
    seen: list[str] = []

    async def pre_bind(attempt: Attempt) -> None:
        seen.append(f"pre {attempt.state['explanation'][:8]}")

    async def bind(attempt: Attempt) -> bool:
        seen.append(f"bind {attempt.pod['metadata']['name']}")
        return False

    async def post_bind(attempt: Attempt) -> None:
        seen.append(f"post {attempt.node}")
        raise RuntimeError("too late to matter")

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        web = await until(client, "web", bound)
        while len(seen) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert seen == ["pre assigned", "bind web", f"post {web['spec']['nodeName']}"]
        await flushed(scheduler)

    on_two_nodes(Plugin("Mine", pre_bind=pre_bind, bind=bind, post_bind=post_bind), check)


def test_a_binder_of_ones_own_goes_before_the_default_one() -> None:
    async def bind(attempt: Attempt) -> bool:
        assert attempt.client is not None
        name = attempt.pod["metadata"]["name"]
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "annotations": {"by": "me"}},
            "target": {"kind": "Node", "name": attempt.node},
        }
        await attempt.client.create(
            kinds.POD, {**body, "metadata": {**body["metadata"], "namespace": "default"}},  # type: ignore[dict-item]
            subresource="binding", name=name,
        )  # fmt: skip
        return True

    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        assert (await until(client, "web", bound))["metadata"]["annotations"] == {"by": "me"}

    on_two_nodes(Plugin("Mine", bind=bind), check)


def test_pre_bind_refuses() -> None:
    async def pre_bind(_attempt: Attempt) -> None:
        raise Refused("the disk is on fire")

    on_two_nodes(
        Plugin("Mine", pre_bind=pre_bind),
        is_refused("0/1 nodes are available: 1 the disk is on fire."),
    )


def boom(*_arguments: Any) -> Any:
    raise RuntimeError("boom")


async def async_boom(*_arguments: Any) -> Any:
    raise RuntimeError("boom")


RAISING: tuple[tuple[str, Plugin], ...] = (
    ('running PreEnqueue plugin "Mine": boom', Plugin("Mine", pre_enqueue=boom)),
    ('running QueueSort plugin "Mine": boom', Plugin("Mine", queue_sort=boom)),
    ('running PreFilter plugin "Mine": boom', Plugin("Mine", pre_filter=boom)),
    ('running Filter plugin "Mine": boom', Plugin("Mine", filter=boom)),
    (
        'running PostFilter plugin "Mine": boom',
        Plugin("Mine", post_filter=boom, filter=pernode.per_node_filter(lambda _pod, _node: "no")),
    ),
    ('running PreScore plugin "Mine": boom', Plugin("Mine", pre_score=boom)),
    ('running Score plugin "Mine": boom', Plugin("Mine", score=boom)),
    ('running Reserve plugin "Mine": boom', Plugin("Mine", reserve=boom)),
    ('running Permit plugin "Mine": boom', Plugin("Mine", permit=boom)),
    ('running Score plugin "Mine": boom', Plugin("Mine", score=is_row("a"), normalize=boom)),
    ('running PreBind plugin "Mine": boom', Plugin("Mine", pre_bind=async_boom)),
    (
        'running PreBindPreFlight plugin "Mine": boom',
        Plugin("Mine", pre_bind=async_boom, pre_bind_pre_flight=boom),
    ),
    (
        'running PostFilter plugin "Mine": PostFilter must give a PostFilterResult, not 1',
        Plugin("Mine", post_filter=lambda *_: 1, filter=pernode.per_node_filter(lambda _pod, _node: "no")),  # type: ignore[arg-type,return-value]
    ),
    ('binding rejected: running Bind plugin "Mine": boom', Plugin("Mine", bind=async_boom)),
    (
        'running Score plugin "Mine": invalid score 101 of node b, it should be in the range of [0, 100] after normalizing',
        Plugin("Mine", score=is_row("b", 101)),
    ),
    (
        'running Score plugin "Mine": score -1 of node a is not between 0 and 100',
        Plugin("Mine", score=pernode.per_node_score(lambda _pod, _node: -1)),
    ),
    (
        'running Score plugin "Mine": scores must be an array of whole numbers, not [1, 2]',
        Plugin("Mine", score=lambda _pod, _world, _feasible: [1, 2]),  # type: ignore[arg-type,return-value]
    ),
    (
        'running Score plugin "Mine": scores must have one entry per row (2), not shape (7,)',
        Plugin("Mine", score=lambda _pod, _world, _feasible: np.zeros(7, np.int64)),
    ),
    (
        'running Filter plugin "Mine": Filter must give Rejections, not \'n\'',
        Plugin("Mine", filter=lambda _pod, _world: "no"),  # type: ignore[arg-type,return-value]
    ),
    (
        'running Filter plugin "Mine": the nodes of a Rejection must be an array of booleans, not an array of int64',
        Plugin("Mine", filter=lambda _pod, world: (Rejection("no", np.zeros(world.table.size, np.int64)),)),  # type: ignore[arg-type]
    ),
    (
        'running Permit plugin "Mine": Permit must give a Permission, not True',
        Plugin("Mine", permit=lambda _attempt: True),  # type: ignore[arg-type,return-value]
    ),
    (
        'running Reserve plugin "Mine": Reserve must give a text (why not) or nothing, not 3',
        Plugin("Mine", reserve=lambda _attempt: 3),  # type: ignore[arg-type,return-value]
    ),
)  # fmt: skip


@pytest.mark.parametrize(("message", "plugin"), RAISING, ids=[message[:40] for message, _ in RAISING])
def test_what_raises_is_named_and_its_pod_backs_off(
    message: str, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event names the plugin; the pod is tried again after its back-off, and goes once the plugin is gone."""
    monkeypatch.setattr(queue, "BACKOFF_FIRST", 0.02)

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        web = await until(client, "web", refused)
        condition = scheduled_condition(web)
        assert (condition["message"], condition["reason"]) == (message, "SchedulerError")
        await flushed(scheduler)
        events = await events_of(client, "FailedScheduling")
        assert {event["message"] for event in events} == {message}
        assert scheduler.cycle is not None
        assert scheduler.cycle.queue.counts()["backoff"] + scheduler.cycle.queue.counts()["active"] == 1
        scheduler.use()
        await until(client, "web", bound)

    on_two_nodes(plugin, check)


def test_what_raises_after_the_fact_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        await until(client, "web", bound)

    on_two_nodes(Plugin("Mine", post_bind=async_boom), check)
    assert "PostBind plugin Mine failed for default/web" in caplog.text

    async def refuses(client: ApiClient, scheduler: Scheduler) -> None:
        await until(client, "web", refused)
        scheduler.use()
        await until(client, "web", bound)

    on_two_nodes(Plugin("Mine", reserve=lambda _attempt: "no", unreserve=boom), refuses)
    assert "Unreserve plugin Mine failed for default/web" in caplog.text


def test_a_hint_that_raises_lets_the_pod_be_tried() -> None:
    shut = [True]
    plugin = Plugin(
        "Mine",
        filter=pernode.per_node_filter(lambda _pod, _node: "shut" if shut else ""),
        unblocked_by=(on("Node", "labels", hint=boom),),
    )

    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        await until(client, "web", refused)
        shut.clear()
        await client.patch(kinds.NODE, "a", "", {"metadata": {"labels": {"x": "y"}}})
        await until(client, "web", bound)

    on_two_nodes(plugin, check)


def test_plugins_are_exchanged_while_it_runs_and_an_error_changes_nothing() -> None:
    no = Plugin("No", filter=pernode.per_node_filter(lambda _pod, _node: "no"))

    async def check(client: ApiClient, scheduler: Scheduler) -> None:
        await until(client, "web", refused)
        with pytest.raises(ValueError, match="only one queue sort plugin can be enabled"):
            scheduler.use(None, (Plugin("A", queue_sort=boom), Plugin("B", queue_sort=boom)))
        assert scheduler.cycle is not None
        assert scheduler.cycle.queue.counts()["unschedulable"] == 1
        scheduler.use(None, (Plugin("B", score=is_row("b"), weight=100),))
        assert (await until(client, "web", bound))["spec"]["nodeName"] == "b"

    on_two_nodes(no, check)


def test_a_plugin_under_an_upstream_name_stands_in_for_it() -> None:
    fit = Plugin("NodeResourcesFit", filter=pernode.per_node_filter(lambda _pod, _node: ""))

    async def check(client: ApiClient, _scheduler: Scheduler) -> None:
        await until(client, "web", bound)

    on_two_nodes(fit, check, cpu="400")
