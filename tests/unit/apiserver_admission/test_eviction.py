"""The eviction subresource and disruption budgets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Conflict, InternalError, NotFound, TooManyRequests

from .conftest import Client

LABELS = {"metadata": {"labels": {"app": "web"}}}


async def running(client: Client, name: str, *, ready: bool = True) -> Any:
    await client.pod(name, **LABELS, nodeName="n1")
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"status": {"phase": "Running", "conditions": [condition]}}
    return await client.patch(kinds.POD, name, status, "status")


async def budget(client: Client, name: str = "b", spec: Any = None, **status: Any) -> None:
    whole = {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 1, **(spec or {})}
    made = await client.create(kinds.PODDISRUPTIONBUDGET, name, spec=whole)
    full = {"observedGeneration": made["metadata"]["generation"], "disruptionsAllowed": 0, **status}
    full = {"currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, **full}
    await client.patch(kinds.PODDISRUPTIONBUDGET, name, {"status": full}, "status")


async def evict(client: Client, name: str, **options: Any) -> Any:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    if options:
        body["deleteOptions"] = options
    return await client.call("create", kinds.POD, name, body, subresource="eviction")


async def gone(client: Client, name: str) -> bool:
    try:
        pod = await client.call("get", kinds.POD, name)
    except NotFound:
        return True
    return "deletionTimestamp" in pod["metadata"]


def test_without_a_budget_and_with_room(run) -> None:
    async def scenario(client: Client) -> None:
        await running(client, "a")
        assert (await evict(client, "a"))["status"] == "Success"
        assert await gone(client, "a")
        await budget(client, disruptionsAllowed=1)
        await running(client, "b")
        await evict(client, "b", dryRun=["All"])
        assert not await gone(client, "b")
        await evict(client, "b")
        status = (await client.call("get", kinds.PODDISRUPTIONBUDGET, "b"))["status"]
        assert status["disruptionsAllowed"] == 0
        assert list(status["disruptedPods"]) == ["b"]
        (condition,) = status["conditions"]
        assert (condition["type"], condition["status"], condition["reason"]) == (
            "DisruptionAllowed",
            "False",
            "InsufficientPods",
        )

    run(scenario)


def test_a_full_budget_answers_429(run) -> None:
    async def scenario(client: Client) -> None:
        await budget(client, desiredHealthy=2, currentHealthy=2)
        await running(client, "a")
        with pytest.raises(TooManyRequests) as caught:
            await evict(client, "a")
        error = caught.value
        assert error.message == "Cannot evict pod as it would violate the pod's disruption budget."
        (cause,) = error.causes
        assert (cause.reason, cause.message) == (
            "DisruptionBudget",
            "The disruption budget b needs 2 healthy pods and has 2 currently",
        )
        assert not await gone(client, "a")

    run(scenario)


def test_a_budget_not_yet_seen_answers_429_with_a_time(run) -> None:
    async def scenario(client: Client) -> None:
        await budget(client, disruptionsAllowed=1, observedGeneration=0)
        await running(client, "a")
        with pytest.raises(TooManyRequests) as caught:
            await evict(client, "a")
        assert caught.value.retry_after == 10
        assert "is still being processed by the server" in caught.value.causes[0].message

    run(scenario)


def test_two_budgets_are_a_500(run) -> None:
    async def scenario(client: Client) -> None:
        await budget(client, "b", disruptionsAllowed=1)
        await budget(client, "c", disruptionsAllowed=1)
        await running(client, "a")
        with pytest.raises(InternalError) as caught:
            await evict(client, "a")
        assert caught.value.message == (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )

    run(scenario)


FREE = [
    ({"phase": "Pending"}, {}),
    ({"phase": "Succeeded"}, {}),
    ({"phase": "Running", "conditions": []}, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}),
]


@pytest.mark.parametrize(("status", "spec"), FREE)
def test_pods_that_go_freely(run, status: Any, spec: Any) -> None:
    async def scenario(client: Client) -> None:
        await budget(client, spec=spec, currentHealthy=0)
        await client.pod("a", **LABELS)
        await client.patch(kinds.POD, "a", {"status": status}, "status")
        await evict(client, "a")
        assert await gone(client, "a")

    run(scenario)


def test_an_unready_pod_goes_only_while_enough_are_healthy(run) -> None:
    async def scenario(client: Client) -> None:
        await budget(client, desiredHealthy=2, currentHealthy=1)
        await running(client, "a", ready=False)
        with pytest.raises(TooManyRequests):
            await evict(client, "a")
        healthy = {"status": {"currentHealthy": 2}}
        await client.patch(kinds.PODDISRUPTIONBUDGET, "b", healthy, "status")
        await evict(client, "a")
        assert await gone(client, "a")

    run(scenario)


def test_preconditions_and_names(run) -> None:
    async def scenario(client: Client) -> None:
        await running(client, "a")
        with pytest.raises(Conflict):
            await evict(client, "a", preconditions={"uid": "other"})
        body = {"metadata": {"name": "b"}}
        with pytest.raises(ApiError) as caught:
            await client.call("create", kinds.POD, "a", body, subresource="eviction")
        assert caught.value.message == "name in URL does not match name in Eviction object"
        with pytest.raises(NotFound):
            await evict(client, "none")

    run(scenario)


def test_at_once_no_more_go_than_may(run) -> None:
    async def scenario(client: Client) -> None:
        await budget(client, disruptionsAllowed=2)
        names = [f"p{i}" for i in range(6)]
        for name in names:
            await running(client, name)
        answers = await asyncio.gather(*(evict(client, name) for name in names), return_exceptions=True)
        assert sum(isinstance(answer, dict) for answer in answers) == 2
        assert sum(isinstance(answer, TooManyRequests) for answer in answers) == 4

    run(scenario)
