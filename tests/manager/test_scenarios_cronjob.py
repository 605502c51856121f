"""CronJobs by the scenarios of upstream's documentation: zones and both changes of the clock, what is missed, who waits for
whom, what is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cronjobsteps import CONTROLLERS, SCHEDULED, cron_job, finish, jobs, moments, status, until
from workloads import living, told
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.errors import Invalid
from pybernetes.api.kind import new_object
from pybernetes.api.meta import annotations_of, controller_ref_of, name_of, uid_of
from pybernetes.control.ownership import owner_reference
from pybernetes.lang.timestamps import parse, rfc3339

# (schedule, zone, from, to, the moments at which Jobs are made: in UTC)
CLOCKS = (
    ("0 9 * * *", None, "2026-09-22T08:00:00Z", "2026-09-22T10:00:00Z", ["2026-09-22T09:00:00Z"]),
    ("0 9 * * *", "Asia/Tokyo", "2026-09-22T08:00:00Z", "2026-09-23T01:00:00Z", ["2026-09-23T00:00:00Z"]),
    # Half past two comes twice when the clock goes back …
    (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T22:00:00Z",
        "2026-10-25T04:00:00Z",
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ),
    # … every hour of the clock has its hour, the repeated one too …
    (
        "0 1-3 * * *",
        "America/New_York",
        "2026-11-01T00:00:00Z",
        "2026-11-01T12:00:00Z",
        ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T08:00:00Z"],
    ),
    # … and what is after it keeps its place on the wall.
    (
        "0 6 * * *",
        "Europe/Berlin",
        "2026-10-24T03:00:00Z",
        "2026-10-25T06:00:00Z",
        ["2026-10-24T04:00:00Z", "2026-10-25T05:00:00Z"],
    ),
    # When it goes forward, half past two does not come that day.
    (
        "30 2 * * *",
        "Europe/Berlin",
        "2027-03-27T01:00:00Z",
        "2027-03-29T01:00:00Z",
        ["2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"],
    ),
    (
        "0 * * * *",
        "America/New_York",
        "2027-03-14T05:30:00Z",
        "2027-03-14T08:30:00Z",
        ["2027-03-14T06:00:00Z", "2027-03-14T07:00:00Z", "2027-03-14T08:00:00Z"],
    ),
    (
        "@daily",
        None,
        "2026-12-30T23:00:00Z",
        "2027-01-01T01:00:00Z",
        ["2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"],
    ),
    ("0 0 31 * *", None, "2026-09-30T22:00:00Z", "2026-10-01T02:00:00Z", []),
    ("0 0 31 * *", None, "2026-10-30T22:00:00Z", "2026-10-31T02:00:00Z", ["2026-10-31T00:00:00Z"]),
    ("0 12 13 * FRI", None, "2026-11-13T11:00:00Z", "2026-11-13T13:00:00Z", ["2026-11-13T12:00:00Z"]),
)


@pytest.mark.parametrize(("schedule", "zone", "first", "last", "expected"), CLOCKS)
def test_each_moment_of_the_clock_has_its_job(
    schedule: str, zone: str | None, first: str, last: str, expected: list[str]
) -> None:
    async def story(world: World) -> None:
        more = {} if zone is None else {"timeZone": zone}
        await world.client.create(kinds.CRONJOB, cron_job(schedule, **more))
        await until(world, last)
        mine = await jobs(world)
        found = [datetime.fromisoformat(annotations_of(job)[SCHEDULED]) for job in mine]
        assert [rfc3339(each.timestamp()) for each in found] == expected
        assert [name_of(job) for job in mine] == [f"tick-{int(parse(at)) // 60}" for at in expected]
        for job, at in zip(mine, expected, strict=True):
            assert 0 <= parse(job["metadata"]["creationTimestamp"]) - parse(at) <= 1
        if zone == "Asia/Tokyo":
            assert annotations_of(mine[0])[SCHEDULED] == "2026-09-23T09:00:00+09:00"
        assert (await status(world)).get("lastScheduleTime") == (expected[-1] if expected else None)

    play(story, "cronjob-controller,serviceaccount-controller", start=parse(first))


def test_a_job_is_what_the_template_says() -> None:
    async def story(world: World) -> None:
        made = await world.client.create(kinds.CRONJOB, cron_job())
        await world.settle(60)
        (job,) = await jobs(world)
        minute = int(world.env.now()) // 60
        assert name_of(job) == f"tick-{minute}"
        assert job["metadata"]["labels"]["of"] == "tick"
        assert annotations_of(job) == {"note": "kept", SCHEDULED: rfc3339(minute * 60)}
        assert job["metadata"]["ownerReferences"] == [owner_reference(made, kinds.CRONJOB)]
        seen = await status(world)
        assert seen["lastScheduleTime"] == rfc3339(minute * 60)
        (active,) = seen["active"]
        assert {key: active[key] for key in ("apiVersion", "kind", "name", "namespace", "uid")} == {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": name_of(job),
            "namespace": "default",
            "uid": uid_of(job),
        }
        await finish(world)
        seen = await status(world)
        job = (await jobs(world))[0]
        assert seen["lastSuccessfulTime"] == job["status"]["completionTime"]
        await told("SuccessfulCreate", "SawCompletedJob")(world)
        await world.client.delete(kinds.CRONJOB, "tick", "default", propagation="Background")
        await world.settle(10)
        assert await jobs(world) == []

    play(story, CONTROLLERS)


def test_forbid_waits_for_the_one_before_and_then_makes_up_for_one() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *", concurrencyPolicy="Forbid"))
        await until(world, "2026-09-21T14:27:00Z")
        assert await moments(world) == ["2026-09-21T14:15:00Z"]
        await told("JobAlreadyActive")(world)
        await finish(world)
        assert await moments(world) == ["2026-09-21T14:15:00Z", "2026-09-21T14:25:00Z"], "late, and once"
        await until(world, "2026-09-21T14:29:59Z")
        assert len(await jobs(world)) == 2

    play(story, CONTROLLERS)


def test_forbid_with_a_deadline_does_not_make_up() -> None:
    async def story(world: World) -> None:
        spec = {"concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 60}
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *", **spec))
        await until(world, "2026-09-21T14:27:00Z")
        await finish(world)
        await until(world, "2026-09-21T14:29:00Z")
        assert await moments(world) == ["2026-09-21T14:15:00Z"]
        await until(world, "2026-09-21T14:30:05Z")
        assert await moments(world) == ["2026-09-21T14:15:00Z", "2026-09-21T14:30:00Z"]

    play(story, CONTROLLERS)


def test_replace_ends_the_one_before() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *", concurrencyPolicy="Replace"))
        await until(world, "2026-09-21T14:22:00Z")
        assert await moments(world) == ["2026-09-21T14:20:00Z"]
        assert len(await living(world)) == 1
        assert [each["name"] for each in (await status(world))["active"]] == [name_of((await jobs(world))[0])]
        await told("SuccessfulDelete")(world)

    play(story, CONTROLLERS)


def test_allow_lets_them_run_side_by_side() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *"))
        await until(world, "2026-09-21T14:27:00Z")
        assert len(await living(world)) == 3
        assert len((await status(world))["active"]) == 3

    play(story, CONTROLLERS)


def test_a_job_that_somebody_made_from_it_keeps_none_waiting() -> None:
    async def story(world: World) -> None:
        owner = await world.client.create(
            kinds.CRONJOB, cron_job("*/5 * * * *", concurrencyPolicy="Forbid", suspend=True)
        )
        by_hand = new_object(kinds.JOB, "by-hand", "default", spec=owner["spec"]["jobTemplate"]["spec"])
        metadata = {**by_hand["metadata"], "ownerReferences": [owner_reference(owner, kinds.CRONJOB)]}
        metadata["annotations"] = {"cronjob.kubernetes.io/instantiate": "manual"}
        await world.client.create(kinds.JOB, {**by_hand, "metadata": metadata})
        await world.settle(3)
        assert "active" not in await status(world)
        await told("UnexpectedJob")(world)
        await world.change(kinds.CRONJOB, "tick", {"suspend": False})
        await until(world, "2026-09-21T14:16:00Z")
        assert [name_of(job).startswith("tick") for job in await jobs(world)] == [False, True]

    play(story, CONTROLLERS)


# (what the controller finds after ten minutes or two hours without it: deadline, minutes away, the moments made up for,
# an event that tells of it)
AWAY = (
    (None, 10, ["2026-09-21T14:25:00Z"], None),
    (600, 10, ["2026-09-21T14:25:00Z"], None),
    (20, 10, [], None),
    (None, 120, ["2026-09-21T16:15:00Z"], "TooManyMissedTimes"),
    (600, 120, ["2026-09-21T16:15:00Z"], None),
)


@pytest.mark.parametrize(("deadline", "minutes", "expected", "reason"), AWAY)
def test_what_was_missed_while_nobody_looked(
    deadline: int | None, minutes: int, expected: list[str], reason: str | None
) -> None:
    async def story(world: World) -> None:
        await until(world, "2026-09-21T14:15:30Z")
        more = {} if deadline is None else {"startingDeadlineSeconds": deadline}
        await world.client.create(kinds.CRONJOB, cron_job(**more))
        await world.settle(minutes * 60)
        world.manager(CONTROLLERS)
        await world.settle(5)
        assert await moments(world) == expected
        found = {event["reason"] for event in await world.all(kinds.EVENT)}
        assert ("TooManyMissedTimes" in found) == (reason is not None)
        await world.settle(60)
        assert len(await jobs(world)) == len(expected) + 1, "the next one comes in time"

    play(story, None)


def test_suspending_skips_and_resuming_makes_up_for_one_unless_there_is_a_deadline() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *", suspend=True))
        await world.client.create(
            kinds.CRONJOB, cron_job("*/5 * * * *", "strict", suspend=True, startingDeadlineSeconds=30)
        )
        await until(world, "2026-09-21T14:42:00Z")
        assert await jobs(world) == []
        for name in ("tick", "strict"):
            await world.change(kinds.CRONJOB, name, {"suspend": False})
        await world.settle(5)
        assert [(name_of(job)[:4], annotations_of(job)[SCHEDULED]) for job in await jobs(world)] == [
            ("tick", "2026-09-21T14:40:00Z")
        ]
        await until(world, "2026-09-21T14:45:05Z")
        assert len(await jobs(world)) == 3

    play(story, CONTROLLERS)


def test_a_job_that_runs_is_not_touched_by_suspending() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *"))
        await until(world, "2026-09-21T14:16:00Z")
        await world.change(kinds.CRONJOB, "tick", {"suspend": True})
        await until(world, "2026-09-21T14:26:00Z")
        assert len(await living(world)) == 1
        await finish(world)
        assert "active" not in await status(world)

    play(story, CONTROLLERS)


# (limits, how the Jobs end, which of the last six are kept)
HISTORIES: tuple[tuple[dict[str, int], str, int], ...] = (
    ({}, "Succeeded", 3),
    ({}, "Failed", 1),
    ({"successfulJobsHistoryLimit": 0}, "Succeeded", 0),
    ({"failedJobsHistoryLimit": 0}, "Failed", 0),
    ({"successfulJobsHistoryLimit": 5, "failedJobsHistoryLimit": 0}, "Succeeded", 5),
)


@pytest.mark.parametrize(("limits", "phase", "kept"), HISTORIES)
def test_only_the_latest_are_kept(limits: dict[str, int], phase: str, kept: int) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job(**limits))
        expected = []
        for _ in range(6):
            await world.settle(57)
            expected.append(name_of((await jobs(world))[-1]))
            await finish(world, phase)
        await world.change(kinds.CRONJOB, "tick", {"suspend": True})
        await world.settle(5)
        assert [name_of(job) for job in await jobs(world)] == (expected[-kept:] if kept else [])

    play(story, CONTROLLERS)


def test_an_interval_runs_from_one_start_to_the_next() -> None:
    """`@every` counts from the creation, then from the last start, whatever happens in between."""

    async def story(world: World) -> None:
        await until(world, "2026-09-21T14:15:30Z")
        await world.client.create(kinds.CRONJOB, cron_job("@every 10m", successfulJobsHistoryLimit=9))
        for minute in (25, 35, 45):
            await until(world, f"2026-09-21T14:{minute}:31Z")
            assert (await moments(world))[-1] == f"2026-09-21T14:{minute}:30Z"
            await world.settle(180)
            await finish(world)
        assert len(await jobs(world)) == 3
        await world.change(kinds.CRONJOB, "tick", {"suspend": True})
        await until(world, "2026-09-23T00:00:00Z")
        await world.change(kinds.CRONJOB, "tick", {"suspend": False})
        await world.settle(1)
        assert (await moments(world))[-1] == "2026-09-22T23:55:30Z", (
            "two hundred were missed; they keep their minute"
        )

    play(story, "cronjob-controller,job-controller,serviceaccount-controller")


def test_a_new_schedule_or_template_is_for_the_next_job() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *"))
        await until(world, "2026-09-21T14:16:00Z")
        containers = [{"name": "c", "image": "other"}]
        await world.change(
            kinds.CRONJOB,
            "tick",
            {
                "schedule": "*/7 * * * *",
                "jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}},
            },
        )
        await until(world, "2026-09-21T14:22:00Z")
        first, second = await jobs(world)
        assert await moments(world) == ["2026-09-21T14:15:00Z", "2026-09-21T14:21:00Z"]
        images = [j["spec"]["template"]["spec"]["containers"][0]["image"] for j in (first, second)]
        assert images == ["busybox", "other"]

    play(story, CONTROLLERS)


def test_a_job_of_the_next_names_place_is_not_taken_over() -> None:
    """A Job that is there under the name already, and is nobody's, is neither adopted nor replaced."""

    async def story(world: World) -> None:
        minute = int(parse("2026-09-21T14:15:00Z")) // 60
        template = cron_job()["spec"]["jobTemplate"]["spec"]
        await world.client.create(
            kinds.JOB, new_object(kinds.JOB, f"tick-{minute}", "default", spec=template)
        )
        await world.client.create(kinds.CRONJOB, cron_job("*/5 * * * *"))
        await until(world, "2026-09-21T14:17:00Z")
        (job,) = await jobs(world)
        assert controller_ref_of(job) is None
        await until(world, "2026-09-21T14:20:05Z")
        assert len(await jobs(world)) == 2

    play(story, CONTROLLERS)


# (what is wrong, the message)
REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"schedule": "* * * *"}, "expected exactly 5 fields"),
    ({"schedule": "61 * * * *"}, "above maximum"),
    ({"timeZone": "Mars/Olympus"}, "unknown time zone Mars/Olympus"),
    ({"timeZone": "Local"}, "timeZone must be an explicit time zone"),
    ({"schedule": "TZ=UTC * * * * *"}, "cannot use TZ or CRON_TZ in schedule"),
    ({"concurrencyPolicy": "Maybe"}, 'supported values: "Allow", "Forbid", "Replace"'),
    ({"startingDeadlineSeconds": -1}, "must be greater than or equal to 0"),
    ({"name": "n" * 53}, "must be no more than 52 characters"),
)


def test_what_cannot_be_is_refused() -> None:
    async def story(world: World) -> None:
        for spec, message in REFUSED:
            with pytest.raises(Invalid, match=message):
                await world.client.create(kinds.CRONJOB, cron_job(**spec))
        await world.client.create(kinds.CRONJOB, cron_job(name="n" * 52))
        assert datetime.fromtimestamp(world.env.now(), UTC).year == 2026

    play(story, CONTROLLERS)
