"""Jobs through a real API server in virtual time: the scenarios of upstream's documentation."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.controllers.job import indexes
from pybernetes.controllers.job.accounting import FINALIZER
from pybernetes.controllers.pods import phase


def job(name: str = "j", restart: str = "Never", **spec: Any) -> Obj:
    pod_spec = {"restartPolicy": restart, "containers": [{"name": "c", "image": "busybox"}]}
    return new_object(kinds.JOB, name, "default", spec={"template": {"spec": pod_spec}, **spec})


async def living(world: World) -> list[Obj]:
    pods = await world.all(kinds.POD)
    return [pod for pod in pods if phase(pod) in ("Pending", "Running") and not is_deleting(pod)]


async def end(world: World, pod: Obj, result: str = "Succeeded", code: int = 0) -> None:
    """The pod's containers end; a kubelet reports it."""
    state = {"terminated": {"exitCode": code, "finishedAt": _now(world)}}
    container = {"name": "c", "ready": False, "restartCount": 0, "image": "", "imageID": "", "state": state}
    await world.client.patch(
        kinds.POD,
        name_of(pod),
        "default",
        {"status": {"phase": result, "containerStatuses": [container], "conditions": []}},
        subresource="status",
    )


def _now(world: World) -> str:
    from pybernetes.lang.timestamps import rfc3339

    return rfc3339(world.env.now())


async def status(world: World, name: str = "j") -> dict[str, Any]:
    found = await world.client.get(kinds.JOB, name, "default")
    return dict(found["status"])


def conditions(found: Obj) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in found.get("conditions") or ()}


def test_completions_and_parallelism() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(completions=3, parallelism=2))
        await world.settle(5)
        pods = await living(world)
        assert len(pods) == 2
        assert pods[0]["metadata"]["finalizers"] == [FINALIZER]
        seen = await status(world)
        assert (seen["active"], seen["ready"], seen["terminating"]) == (2, 2, 0)
        await end(world, pods[0])
        await world.settle(5)
        assert len(await living(world)) == 2
        seen = await status(world)
        assert (seen["succeeded"], seen["uncountedTerminatedPods"]) == (1, {})
        for pod in await living(world):
            await end(world, pod)
        await world.settle(5)
        seen = await status(world)
        assert seen["succeeded"] == 3
        assert conditions(seen) == {
            "SuccessCriteriaMet": ("True", "CompletionsReached"),
            "Complete": ("True", "CompletionsReached"),
        }
        assert seen["completionTime"]
        assert not any("finalizers" in pod["metadata"] for pod in await world.all(kinds.POD))

    play(story)


def test_failures_back_off_and_end_the_job() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(backoffLimit=2))
        await world.settle(3)
        for wait in (10, 20):
            (pod,) = await living(world)
            await end(world, pod, "Failed", 1)
            await world.settle(wait - 2)
            assert await living(world) == [], f"backs off {wait} s"
            await world.settle(5)
        (pod,) = await living(world)
        await end(world, pod, "Failed", 1)
        await world.settle(5)
        seen = await status(world)
        assert seen["failed"] == 3
        assert conditions(seen) == {
            "FailureTarget": ("True", "BackoffLimitExceeded"),
            "Failed": ("True", "BackoffLimitExceeded"),
        }
        assert "completionTime" not in seen

    play(story)


def test_a_deadline_stops_what_runs() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(activeDeadlineSeconds=30, parallelism=2, completions=2))
        await world.settle(29)
        assert len(await living(world)) == 2
        await world.settle(2)
        seen = await status(world)
        assert list(conditions(seen)) == ["FailureTarget", "Failed"]
        assert conditions(seen)["Failed"] == ("True", "DeadlineExceeded")
        assert await world.all(kinds.POD) == []

    play(story)


def test_an_indexed_job_gives_each_index_once() -> None:
    async def story(world: World) -> None:
        await world.client.create(
            kinds.JOB, job(completionMode="Indexed", completions=3, parallelism=3, backoffLimit=5)
        )
        await world.settle(5)
        pods = {indexes.index_of(pod): pod for pod in await living(world)}
        assert sorted(pods) == [0, 1, 2]
        one = pods[1]
        assert one["spec"]["hostname"] == "j-1"
        assert one["metadata"]["name"].startswith("j-1-")
        assert one["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
        await end(world, pods[0])
        await end(world, one, "Failed", 1)
        await world.settle(15)
        seen = await status(world)
        assert (seen["completedIndexes"], seen["failed"], seen["succeeded"]) == ("0", 1, 1)
        again = [pod for pod in await living(world) if indexes.index_of(pod) == 1]
        assert len(again) == 1
        for pod in await living(world):
            await end(world, pod)
        await world.settle(5)
        seen = await status(world)
        assert seen["completedIndexes"] == "0-2"
        assert conditions(seen)["Complete"][0] == "True"

    play(story)


def test_limits_by_index_fail_only_their_index() -> None:
    async def story(world: World) -> None:
        await world.client.create(
            kinds.JOB, job(completionMode="Indexed", completions=2, parallelism=2, backoffLimitPerIndex=1)
        )
        await world.settle(5)
        for _ in range(2):
            bad = next(pod for pod in await living(world) if indexes.index_of(pod) == 0)
            await end(world, bad, "Failed", 1)
            await world.settle(30)
        seen = await status(world)
        assert seen["failedIndexes"] == "0"
        (rest,) = await living(world)
        await end(world, rest)
        await world.settle(5)
        seen = await status(world)
        assert conditions(seen)["Failed"] == ("True", "FailedIndexes")
        assert seen["completedIndexes"] == "1"

    play(story)


def test_a_policy_ignores_or_fails_at_once() -> None:
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]

    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(podFailurePolicy={"rules": rules}, backoffLimit=0))
        await world.settle(3)
        (pod,) = await living(world)
        disruption = {"type": "DisruptionTarget", "status": "True", "reason": "Evicted"}
        await world.client.patch(
            kinds.POD,
            name_of(pod),
            "default",
            {"status": {"phase": "Failed", "conditions": [disruption]}},
            subresource="status",
        )
        await world.settle(20)
        seen = await status(world)
        assert "failed" not in seen
        (pod,) = await living(world)
        await end(world, pod, "Failed", 42)
        await world.settle(5)
        seen = await status(world)
        assert conditions(seen)["Failed"] == ("True", "PodFailurePolicy")
        message = next(c["message"] for c in seen["conditions"] if c["type"] == "Failed")
        assert message == (
            f"Container c for pod default/{name_of(pod)} failed with exit code 42 "
            "matching FailJob rule at index 1"
        )

    play(story)


def test_a_success_policy_ends_early() -> None:
    async def story(world: World) -> None:
        policy = {"rules": [{"succeededIndexes": "0"}]}
        await world.client.create(
            kinds.JOB, job(completionMode="Indexed", completions=3, parallelism=3, successPolicy=policy)
        )
        await world.settle(5)
        leader = next(pod for pod in await living(world) if indexes.index_of(pod) == 0)
        await end(world, leader)
        await world.settle(10)
        seen = await status(world)
        assert conditions(seen)["Complete"] == ("True", "SuccessPolicy")
        assert await living(world) == []

    play(story)


def test_suspend_and_resume() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(suspend=True))
        await world.settle(5)
        seen = await status(world)
        assert conditions(seen) == {"Suspended": ("True", "JobSuspended")}
        assert "startTime" not in seen
        assert await world.all(kinds.POD) == []
        await world.change(kinds.JOB, "j", {"suspend": False})
        await world.settle(5)
        seen = await status(world)
        assert conditions(seen) == {"Suspended": ("False", "JobResumed")}
        assert seen["startTime"]
        assert len(await living(world)) == 1

    play(story)


def test_a_job_managed_by_others_is_left_alone() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(managedBy="example.org/queue"))
        await world.settle(5)
        assert await world.all(kinds.POD) == []
        assert await status(world) == {}

    play(story)


def test_pods_of_a_deleted_job_go_away() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.JOB, job(parallelism=2, completions=2))
        await world.settle(5)
        await world.client.delete(kinds.JOB, "j", "default", propagation="Background")
        await world.settle(60)
        assert await world.all(kinds.POD) == []

    play(story)


@pytest.mark.parametrize(
    ("found", "text"), [(set(), ""), ({3}, "3"), ({0, 1, 2, 5, 7, 8}, "0-2,5,7-8"), ({0, 1}, "0-1")]
)
def test_sets_of_indexes_in_text(found: set[int], text: str) -> None:
    assert indexes.write(found) == text
    assert indexes.parse(text, 10) == found
