"""What kube-scheduler serves: health for everybody; metrics, configuration and decisions for who may read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from pybernetes.client.client import ApiClient
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.serving import metrics_of, scheduler_pages
from pybernetes.wire.http.messages import Request, Response

from .playing import bound, make, play, refused, until
from .trees import node, pod

USER = {"user": "ann", "groups": ["system:masters", "system:authenticated"]}
STRANGER = {"user": "eve", "groups": ["system:authenticated"]}
NAMES = (
    "scheduler_schedule_attempts_total",
    "scheduler_scheduling_attempt_duration_seconds",
    "scheduler_scheduling_algorithm_duration_seconds",
    "scheduler_pod_scheduling_attempts",
    "scheduler_pod_scheduling_sli_duration_seconds",
    "scheduler_preemption_attempts_total",
    "scheduler_preemption_victims",
    "scheduler_permit_wait_duration_seconds",
    "scheduler_pending_pods",
    "scheduler_unschedulable_pods",
    "scheduler_queue_incoming_pods_total",
    "scheduler_cache_size",
    "scheduler_event_handling_duration_seconds",
    "scheduler_framework_extension_point_duration_seconds",
    "scheduler_plugin_execution_duration_seconds",
    "scheduler_plugin_evaluation_total",
    "scheduler_pod_scheduled_after_flush_total",
    "scheduler_queued_entities",
    "scheduler_inflight_events",
    "scheduler_goroutines",
    "scheduler_batch_attempts_total",
    "scheduler_podgroup_schedule_attempts_total",
    "scheduler_podgroup_scheduling_attempt_duration_seconds",
    "scheduler_podgroup_scheduling_algorithm_duration_seconds",
    "scheduler_workload_preemption_attempts_total",
    "scheduler_workload_preemption_victims",
    "leader_election_master_status",
)


class NoClient:
    """An API server that nobody can ask."""

    async def create(self, *_arguments: Any, **_options: Any) -> Any:
        raise OSError("connection refused")


async def asked(pages: Any, path: str, certificate: bytes | None = None, method: str = "GET") -> Response:
    request = Request(method, path, peer_certificate=certificate)
    answer: Response = await pages(request)
    return answer


def body(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def on_a_cluster(check: Callable[[ApiClient, Scheduler, Any], Any]) -> None:
    async def story(client: ApiClient, scheduler: Scheduler) -> None:
        await make(client, node("a", cpu="2"))
        await make(client, node("b", cpu="1"))
        await make(client, pod("web", cpu="2"))
        await until(client, "web", bound)
        await make(client, pod("big", cpu="9"))
        await until(client, "big", refused)
        users = {b"ann": USER, b"eve": STRANGER}
        pages = scheduler_pages(lambda: scheduler, client, lambda: {"k": "v"}, users.get)
        await check(client, scheduler, pages)

    play(story)


def test_decisions_are_told_node_by_node() -> None:
    async def check(_client: ApiClient, _scheduler: Scheduler, pages: Any) -> None:
        web = orjson.loads(body(await asked(pages, "/decisions/default/web", b"ann")))
        assert (web["node"], web["feasible"], web["pod"]["name"]) == ("a", 1, "web")
        assert web["nodes"] == {
            "a": {"feasible": True},
            "b": {"refused": [{"plugin": "NodeResourcesFit", "reason": "Insufficient cpu"}]},
        }
        big = orjson.loads(body(await asked(pages, "/decisions/default/big", b"ann")))
        assert big["node"] is None
        assert set(big["nodes"]) == {"a", "b"}
        listed = orjson.loads(body(await asked(pages, "/decisions", b"ann")))
        assert [each["pod"]["name"] for each in listed] == ["web", "big"]
        missing = await asked(pages, "/decisions/default/none", b"ann")
        assert (missing.status, body(missing)) == (404, "no decision is kept about pod default/none\n")
        assert (await asked(pages, "/decisions/default", b"ann")).status == 404
        assert (await asked(pages, "/else", b"ann")).status == 404

    on_a_cluster(check)


def test_who_may_read_what() -> None:
    async def check(_client: ApiClient, _scheduler: Scheduler, pages: Any) -> None:
        for path in ("/healthz", "/livez", "/readyz"):
            assert body(await asked(pages, path)) == "ok"
        assert "[+]informer-sync ok" in body(await asked(pages, "/readyz?verbose"))
        for path in ("/metrics", "/configz", "/decisions"):
            assert (await asked(pages, path)).status == 401
            assert (await asked(pages, path, b"nobody")).status == 401
            assert (await asked(pages, path, b"eve")).status == 403
            assert (await asked(pages, path, b"ann")).status == 200
            assert (await asked(pages, path, b"ann", "POST")).status == 405

    on_a_cluster(check)


def test_nobody_is_let_in_where_the_api_server_cannot_be_asked() -> None:
    async def check(_client: ApiClient, scheduler: Scheduler, _pages: Any) -> None:
        pages = scheduler_pages(lambda: scheduler, NoClient(), dict, lambda _certificate: USER)  # type: ignore[arg-type]
        answer = await asked(pages, "/metrics", b"x")
        assert (answer.status, body(answer)) == (
            500, "the API server cannot be asked: connection refused\n",
        )  # fmt: skip

    on_a_cluster(check)


@pytest.mark.parametrize("name", NAMES)
def test_metrics_have_upstreams_names(name: str) -> None:
    async def check(_client: ApiClient, scheduler: Scheduler, _pages: Any) -> None:
        text = metrics_of(scheduler)
        assert re.search(rf"^# HELP {name} \S", text, re.MULTILINE)
        assert re.search(rf"^# TYPE {name} (counter|gauge|histogram)$", text, re.MULTILINE)

    on_a_cluster(check)


def test_what_metrics_count() -> None:
    async def check(client: ApiClient, scheduler: Scheduler, _pages: Any) -> None:
        await make(client, pod("small", cpu="1"))
        await until(client, "small", bound)
        lines = metrics_of(scheduler).splitlines()
        for line in (
            'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 1',
            'scheduler_pending_pods{queue="unschedulable"} 1',
            'scheduler_pending_pods{queue="active"} 0',
            'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
            'scheduler_queue_incoming_pods_total{event="PodAdd",queue="active"} 3',
            'scheduler_cache_size{type="nodes"} 2',
            'scheduler_cache_size{type="assumed_pods"} 0',
            'scheduler_goroutines{operation="binding"} 0',
            'scheduler_queued_entities{queue="unschedulable",type="pod"} 1',
            "scheduler_pod_scheduled_after_flush_total 0",
            'scheduler_plugin_evaluation_total{plugin="NodeResourcesFit",extension_point="Filter",'
            'profile="default-scheduler"} 3',
            'scheduler_batch_attempts_total{profile="default-scheduler",result="no_hint"} 3',
            'scheduler_framework_extension_point_duration_seconds_count{extension_point="Filter",status="Success",'
            'profile="default-scheduler"} 3',
            'scheduler_framework_extension_point_duration_seconds_count{extension_point="PostFilter",'
            'status="Unschedulable",profile="default-scheduler"} 1',
            'scheduler_framework_extension_point_duration_seconds_count{extension_point="Bind",status="Success",'
            'profile="default-scheduler"} 2',
            'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"} 2',
            'leader_election_master_status{name="kube-scheduler"} 1',
        ):
            assert line in lines, [each for each in lines if each.startswith(line.partition("{")[0])]
        assert all(re.fullmatch(r"#.*|\w+(\{[^}]*\})? [0-9.e+-]+", line) for line in lines if line)

    on_a_cluster(check)


def test_one_attempt_in_ten_is_measured_plugin_by_plugin() -> None:
    async def check(client: ApiClient, scheduler: Scheduler, _pages: Any) -> None:
        for number in range(12):
            await make(client, pod(f"p{number}", cpu=f"{number + 1}m"))
            await until(client, f"p{number}", bound)
        lines = metrics_of(scheduler).splitlines()
        name = "scheduler_plugin_execution_duration_seconds_count"
        for plugin, point in (("NodeResourcesFit", "Filter"), ("VolumeBinding", "PreFilter")):
            labels = f'plugin="{plugin}",extension_point="{point}",status="Success"'
            assert f"{name}{{{labels}}} 1" in lines
        assert any(line.startswith("scheduler_event_handling_duration_seconds_count") for line in lines)

    on_a_cluster(check)


def test_a_scheduler_that_waits_to_lead_says_so() -> None:
    text = metrics_of(None)
    assert 'leader_election_master_status{name="kube-scheduler"} 0' in text
