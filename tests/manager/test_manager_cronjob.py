"""CronJobs through a real API server in virtual time, and the moments that are due."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.controllers.cronjob.due import due
from pybernetes.lang import cron
from pybernetes.lang.timestamps import parse, rfc3339


def cron_job(
    name: str = "tick", schedule: str = "* * * * *", job: dict[str, Any] | None = None, **spec: Any
) -> Obj:
    pod_spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
    template = {"metadata": {"labels": {"of": name}}, "spec": {"template": {"spec": pod_spec}, **(job or {})}}
    return new_object(
        kinds.CRONJOB, name, "default", spec={"schedule": schedule, "jobTemplate": template, **spec}
    )


async def finish_pods(world: World) -> None:
    for pod in await world.all(kinds.POD):
        if (pod.get("status") or {}).get("phase") == "Running":
            await world.client.patch(
                kinds.POD, name_of(pod), "default", {"status": {"phase": "Succeeded"}}, subresource="status"
            )


def test_a_job_each_minute_and_a_short_history() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job())
        for _ in range(5):
            await world.settle(60)
            await finish_pods(world)
        await world.settle(10)
        jobs = await world.all(kinds.JOB)
        assert len(jobs) == 3, "successfulJobsHistoryLimit"
        minute = int(world.env.now()) // 60
        assert name_of(jobs[-1]) == f"tick-{minute}"
        found = await world.client.get(kinds.CRONJOB, "tick", "default")
        assert found["status"]["lastScheduleTime"] == rfc3339(minute * 60)
        assert "active" not in found["status"]
        assert jobs[-1]["metadata"]["labels"]["of"] == "tick"
        reasons = {event["reason"] for event in await world.all(kinds.EVENT)}
        assert {"SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete"} <= reasons

    play(story)


@pytest.mark.parametrize(("policy", "running"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
def test_concurrency(policy: str, running: int) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job(concurrencyPolicy=policy))
        await world.settle(60 * 3)
        jobs = await world.all(kinds.JOB)
        assert len(jobs) == running
        first = f"tick-{(int(world.env.now()) - 60 * 2) // 60}"
        assert (name_of(jobs[0]) == first) == (policy != "Replace")
        found = await world.client.get(kinds.CRONJOB, "tick", "default")
        assert [entry["name"] for entry in found["status"]["active"]] == [name_of(job) for job in jobs]

    play(story)


def test_suspended_and_unreadable_ones_start_nothing() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("sleeping", suspend=True))
        await world.settle(150)
        assert await world.all(kinds.JOB) == []
        await world.change(kinds.CRONJOB, "sleeping", {"suspend": False, "startingDeadlineSeconds": 30})
        await world.settle(2)
        assert len(await world.all(kinds.JOB)) <= 1, "what was missed before the deadline is not made up for"

    play(story)


def test_finished_jobs_expire() -> None:
    async def story(world: World) -> None:
        await world.client.create(
            kinds.CRONJOB, cron_job(job={"ttlSecondsAfterFinished": 20}, successfulJobsHistoryLimit=10)
        )
        await world.settle(61)
        await finish_pods(world)
        await world.settle(15)
        assert len(await world.all(kinds.JOB)) == 1
        await world.settle(15)
        assert await world.all(kinds.JOB) == []
        assert await world.all(kinds.POD) == []

    play(story)


def seen(created: str, **spec: Any) -> Obj:
    return {"metadata": {"name": "x", "creationTimestamp": created}, "spec": spec}


def test_a_year_of_missed_minutes_is_looked_back_on_quickly() -> None:
    now = parse("2027-01-01T00:00:30Z")
    found = due(seen("2026-01-01T00:00:00Z"), cron.parse("* * * * *"), ZoneInfo("UTC"), now)
    assert found.latest == parse("2027-01-01T00:00:00Z")
    assert found.missed == 101
    assert found.next_in == 30


def test_daylight_saving_skips_and_repeats() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    schedule = cron.parse("30 2 * * *")
    # On 2026-03-29 the clock goes from 2:00 to 3:00: there is no half past two.
    evening = datetime(2026, 3, 28, 12, tzinfo=berlin).timestamp()
    found = due(seen(rfc3339(evening)), schedule, berlin, evening + 24 * 3600)
    assert found.latest is None
    assert found.next_in is not None
    assert (
        datetime.fromtimestamp(evening + 24 * 3600 + found.next_in, berlin).isoformat()
        == "2026-03-30T02:30:00+02:00"
    )
    # On 2026-10-25 it is shown twice.
    evening = datetime(2026, 10, 24, 12, tzinfo=berlin).timestamp()
    assert due(seen(rfc3339(evening)), schedule, berlin, evening + 24 * 3600).missed == 2


def test_the_starting_deadline_bounds_what_counts_as_missed() -> None:
    now = parse("2026-06-01T12:10:00Z")
    hourly = seen("2026-06-01T00:00:00Z", startingDeadlineSeconds=300)
    assert due(hourly, cron.parse("0 * * * *"), ZoneInfo("UTC"), now).latest is None
    hourly = seen("2026-06-01T00:00:00Z", startingDeadlineSeconds=900)
    assert due(hourly, cron.parse("0 * * * *"), ZoneInfo("UTC"), now).latest == parse("2026-06-01T12:00:00Z")
