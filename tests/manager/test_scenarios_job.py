"""Jobs by the scenarios of upstream's documentation and its KEPs (2214, 2232, 2307, 3715, 4368)."""

from __future__ import annotations

import pytest
from jobsteps import (
    CONTROLLERS,
    changed,
    forbidden,
    gone,
    has,
    indexed,
    job,
    made,
    restarted,
    times,
    untracked,
)
from workloads import (
    Step,
    act,
    creates,
    deletes,
    fails,
    removed,
    succeeds,
    told,
    wait,
    with_pods,
)
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.meta import name_of

SCENARIOS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "a work queue ends when one pod has succeeded and the others have ended",
        (
            made(job(parallelism=3)),
            with_pods(3),
            succeeds(),
            with_pods(2),
            fails(),
            wait(60),
            with_pods(1),
            has(Complete=None),
            succeeds(),
            has(succeeded=2, failed=1, Complete="CompletionsReached"),
        ),
    ),
    (
        "no completions are wanted",
        (made(job(completions=0)), has(Complete="CompletionsReached"), with_pods(0)),
    ),
    (
        "parallelism 0 pauses, more resumes",
        (
            made(job(parallelism=0, completions=2)),
            with_pods(0),
            has(Complete=None, active=0),
            changed(parallelism=5),
            with_pods(2),
        ),
    ),
    (
        "a pod that is one too many has not failed",
        (
            made(job(parallelism=4, completions=9, backoffLimit=0)),
            changed(parallelism=1),
            with_pods(1),
            has(failed=0, active=1, Failed=None),
        ),
    ),
    (
        "failures wait 10 s, doubled each time, ten minutes at most",
        (
            made(job(backoffLimit=20)),
            *(step for pause in (10, 20, 40, 80, 160, 320, 600, 600) for step in (fails(), wait(pause + 2))),
            times(0, 13, 36, 79, 162, 325, 648, 1251, 1854, tolerance=25),
            has(failed=8, active=1),
        ),
    ),
    (
        "a success ends the waiting",
        (
            made(job(completions=2, backoffLimit=20)),
            fails(),
            wait(12),
            fails(),
            wait(22),
            succeeds(),
            with_pods(1),
            fails(),
            wait(9),
            with_pods(1),
        ),
    ),
    (
        "backoffLimit 0 fails at the first failure",
        (
            made(job(backoffLimit=0, parallelism=2, completions=2)),
            fails(),
            has(Failed="BackoffLimitExceeded", active=0, failed=2),
            with_pods(0),
            told("BackoffLimitExceeded"),
            untracked(),
        ),
    ),
    (
        "restarts in place count with OnFailure",
        (
            made(job("OnFailure", backoffLimit=3)),
            restarted(2),
            has(Failed=None, active=1),
            restarted(3),
            has(Failed="BackoffLimitExceeded"),
            with_pods(0),
        ),
    ),
    (
        "OnFailure with backoffLimit 0 allows no restart",
        (
            made(job("OnFailure", backoffLimit=0)),
            has(Failed=None),
            restarted(1),
            has(Failed="BackoffLimitExceeded"),
        ),
    ),
    (
        "the deadline comes before the back-off",
        (
            made(job(activeDeadlineSeconds=30, backoffLimit=10)),
            fails(),
            wait(12),
            fails(),
            has(Failed=None),
            wait(12),
            has(Failed="DeadlineExceeded", failed=2),
            wait(60),
            with_pods(0),
            told("DeadlineExceeded"),
        ),
    ),
    (
        "a pod that is deleted counts as failed and is replaced after the back-off",
        (
            made(job()),
            removed(),
            has(failed=1, active=0),
            wait(12),
            with_pods(1),
            succeeds(),
            has(succeeded=1),
        ),
    ),
    (
        "deleting a Job frees its pods",
        (
            made(job(parallelism=3, completions=3)),
            succeeds(),
            deletes(kinds.JOB, "j"),
            wait(5),
            gone(),
            with_pods(0),
        ),
    ),
    (
        "an orphaning deletion leaves the pods, untracked",
        (
            made(job(parallelism=2, completions=2)),
            deletes(kinds.JOB, "j", "Orphan"),
            wait(5),
            gone(),
            with_pods(2),
            untracked(),
        ),
    ),
    (
        "ttl 0 deletes at once",
        (made(job(ttlSecondsAfterFinished=0)), succeeds(), wait(2), gone(), with_pods(0)),
    ),
    (
        "ttl counts from the end and may still be raised",
        (
            made(job(ttlSecondsAfterFinished=100)),
            wait(200),
            succeeds(),
            wait(90),
            has(Complete="CompletionsReached"),
            changed(ttlSecondsAfterFinished=300),
            wait(100),
            has(Complete="CompletionsReached"),
            wait(110),
            gone(),
        ),
    ),
    (
        "a failed Job expires too",
        (
            made(job(ttlSecondsAfterFinished=50, backoffLimit=0)),
            fails(),
            wait(40),
            has(failed=1),
            wait(15),
            gone(),
        ),
    ),
    # suspend (KEP-2232)
    (
        "suspending deletes what runs, which are no failures, and resuming starts the clock anew",
        (
            made(job(parallelism=2, completions=3, backoffLimit=0, activeDeadlineSeconds=100)),
            succeeds(),
            wait(80),
            changed(suspend=True),
            with_pods(0),
            has(succeeded=1, failed=0, active=0, Suspended="JobSuspended", startTime=""),
            told("Suspended"),
            wait(500),
            has(Failed=None),
            changed(suspend=False),
            with_pods(2),
            has(Suspended=None),
            told("Resumed"),
            wait(80),
            has(Failed=None),
            wait(30),
            has(Failed="DeadlineExceeded"),
        ),
    ),
    (
        "a suspended index keeps what is done",
        (
            made(indexed(3)),
            succeeds(1),
            changed(suspend=True),
            has(completedIndexes="1", Suspended="JobSuspended"),
            changed(suspend=False),
            with_pods(2),
            succeeds(0),
            succeeds(2),
            has(Complete="CompletionsReached", completedIndexes="0-2"),
        ),
    ),
    (
        "a Job made suspended may be placed and sized before it starts",
        (
            made(job(suspend=True)),
            with_pods(0),
            changed(template={"spec": {"nodeSelector": {"disk": "ssd"}}}),
            changed(
                template={
                    "spec": {
                        "containers": [
                            {"name": "c", "image": "busybox", "resources": {"requests": {"cpu": "2"}}}
                        ]
                    }
                }
            ),
            forbidden(
                "field is immutable", template={"spec": {"containers": [{"name": "c", "image": "other"}]}}
            ),
            changed(suspend=False),
            with_pods(1),
            forbidden("field is immutable", template={"spec": {"nodeSelector": {"disk": "hdd"}}}),
        ),
    ),
    # elastic indexed Jobs (KEP-3715)
    (
        "an indexed Job grows",
        (
            made(indexed(2)),
            succeeds(0),
            changed(completions=4, parallelism=4),
            with_pods(3),
            has(completedIndexes="0"),
            succeeds(1),
            succeeds(2),
            succeeds(3),
            has(Complete="CompletionsReached", succeeded=4),
        ),
    ),
    (
        "an indexed Job shrinks, and what was done beyond does not count",
        (
            made(indexed(4, backoffLimit=0)),
            succeeds(3),
            has(completedIndexes="3"),
            changed(completions=2, parallelism=2),
            with_pods(2),
            has(succeeded=0, failed=0, Failed=None),
            forbidden("can only be modified in tandem with spec.parallelism", completions=5),
            succeeds(0),
            succeeds(1),
            has(Complete="CompletionsReached", completedIndexes="0-1", succeeded=2),
        ),
    ),
    (
        "shrinking to what is done completes",
        (
            made(indexed(3)),
            succeeds(0),
            succeeds(1),
            changed(completions=2, parallelism=2),
            wait(3),
            has(Complete="CompletionsReached", completedIndexes="0-1"),
        ),
    ),
    (
        "completions of others are fixed",
        (made(job(completions=3)), forbidden("field is immutable", completions=4)),
    ),
    # managedBy (KEP-4368)
    (
        "somebody else's Job is not touched, and stays theirs",
        (
            made(job(managedBy="example.org/queue")),
            wait(30),
            with_pods(0),
            has(active=0, startTime=""),
            forbidden("field is immutable", managedBy="kubernetes.io/job-controller"),
        ),
    ),
    (
        "the controller's own name",
        (
            made(job(managedBy="kubernetes.io/job-controller")),
            with_pods(1),
            succeeds(),
            has(Complete="CompletionsReached"),
        ),
    ),
)


@pytest.mark.parametrize("steps", [steps for _, steps in SCENARIOS], ids=[name for name, _ in SCENARIOS])
def test_a_job(steps: tuple[Step, ...]) -> None:
    act(steps, CONTROLLERS)


def test_more_pods_end_at_once_than_one_status_may_hold() -> None:
    """At most 500 uncounted pods stand in a status; all are counted, each once."""
    controllers = f"{CONTROLLERS},serviceaccount-controller"
    held: list[int] = []

    async def look_on(world: World) -> None:
        async with world.client.watch(kinds.JOB, "default") as events:
            async for event in events:
                uncounted = (event.object.get("status") or {}).get("uncountedTerminatedPods") or {}
                held.append(len(uncounted.get("succeeded") or ()))

    async def story(world: World) -> None:
        world.ready_after = None
        _, running = world.manager(controllers)
        await creates(job(parallelism=520, completions=520), kinds.JOB)(world)
        await world.settle(10)
        running.cancel()
        await world.settle(1)
        for pod in await world.all(kinds.POD):
            status = {"status": {"phase": "Succeeded"}}
            await world.client.patch(kinds.POD, name_of(pod), "default", status, subresource="status")
        world.start(look_on(world))
        world.manager(controllers)
        await world.settle(20)
        await has(succeeded=520, Complete="CompletionsReached", uncountedTerminatedPods={})(world)
        await untracked()(world)

    play(story, None)
    assert max(held) == 500
