"""Deployments by the scenarios of upstream's documentation that a rollout meets on its way."""

from __future__ import annotations

import pytest
from deploymentsteps import (
    CONTROLLERS,
    HISTORY,
    REVISION,
    changed,
    has,
    image,
    made,
    orphan_set,
    owner,
    pods,
    ready,
    revisions,
    rolling,
    sizes,
    stopping,
    taken_name,
    template,
)
from workloads import Step, act, deletes, refused, wait
from world import World

from pybernetes.api import kinds
from pybernetes.api.meta import annotations_of, name_of

DONE = {"Progressing": ("True", "NewReplicaSetAvailable"), "Available": "True"}
SCENARIOS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "a rollout is rolled over by the next one at once",
        (
            made(5, **rolling(1, 0)),
            wait(10),
            ready(None),
            image("nginx:2"),
            sizes(v1=5, v2=1),
            ready(1),
            image("nginx:3"),
            wait(60),
            sizes(v1=0, v2=0, v3=5),
            revisions(v1="1", v2="2", v3="3"),
            has(**DONE),
        ),
    ),
    (
        "going back in the middle of a rollout takes the old set up again",
        (
            made(4),
            wait(10),
            ready(None),
            image("nginx:2"),
            sizes(v1=3, v2=2),
            ready(1),
            image("nginx:1"),
            wait(20),
            sizes(v1=4, v2=0),
            revisions(v1="3", v2="2"),
            has(**DONE, updatedReplicas=4, replicas=4),
        ),
    ),
    (
        "changes while it is paused make one revision",
        (
            made(3),
            wait(10),
            changed(paused=True),
            has(Progressing=("Unknown", "DeploymentPaused")),
            image("nginx:2"),
            image("nginx:3"),
            sizes(v1=3),
            changed(replicas=6),
            sizes(v1=6),
            changed(paused=False),
            wait(30),
            sizes(v1=0, v3=6),
            revisions(v1="1", v3="2"),
            has(**DONE),
        ),
    ),
    (
        "pausing in the middle freezes both sets, and scaling then is shared",
        (
            made(10, **rolling(3, 2)),
            wait(10),
            ready(None),
            image("nginx:2"),
            sizes(v1=8, v2=5),
            changed(paused=True),
            changed(replicas=20),
            sizes(v1=14, v2=9),
            changed(replicas=10),
            sizes(v1=8, v2=5),
        ),
    ),
    (
        "scaled to nothing in the middle of a rollout, and back",
        (
            made(10, **rolling(3, 2)),
            wait(10),
            ready(None),
            image("nginx:2"),
            changed(replicas=0),
            sizes(v1=0, v2=0),
            ready(1),
            changed(replicas=4),
            wait(20),
            sizes(v1=0, v2=4),
        ),
    ),
    (
        "scaling alone makes no revision, and a finished rollout stays finished",
        (
            made(2),
            wait(10),
            has(**DONE),
            changed(replicas=0),
            wait(5),
            has(Progressing=("True", "NewReplicaSetAvailable"), replicas=0),
            changed(replicas=7),
            wait(10),
            revisions(v1="1"),
            has(**DONE, readyReplicas=7),
        ),
    ),
    (
        "a deadline that passes is told, and overcome when it goes on",
        (
            made(4, progressDeadlineSeconds=60),
            wait(10),
            ready(None),
            image("nginx:2"),
            wait(50),
            has(Progressing=("True", "ReplicaSetUpdated")),
            wait(15),
            has(Progressing=("False", "ProgressDeadlineExceeded"), Available="True"),
            ready(1),
            image("nginx:3"),
            wait(20),
            has(**DONE),
        ),
    ),
    (
        "a paused one has no deadline",
        (
            made(4, progressDeadlineSeconds=30),
            wait(10),
            ready(None),
            image("nginx:2"),
            changed(paused=True),
            wait(100),
            has(Progressing=("Unknown", "DeploymentPaused")),
            changed(paused=False),
            wait(10),
            has(Progressing=("True", "ReplicaSetUpdated")),
            wait(30),
            has(Progressing=("False", "ProgressDeadlineExceeded")),
        ),
    ),
    (
        "minReadySeconds slow a rollout down",
        (
            made(4, minReadySeconds=30, **rolling(0, 1)),
            wait(20),
            has(readyReplicas=4, availableReplicas=0, unavailableReplicas=4, Available="False"),
            wait(20),
            has(availableReplicas=4, **DONE),
            image("nginx:2"),
            wait(10),
            sizes(v1=3, v2=1),
            wait(27),
            sizes(v1=2, v2=2),
            wait(100),
            sizes(v1=0, v2=4),
            has(**DONE),
        ),
    ),
    (
        "maxSurge 0 takes one down before one comes",
        (made(3, **rolling(0, 1)), wait(10), ready(None), image("nginx:2"), sizes(v1=2, v2=1), pods(3)),
    ),
    (
        "25% of 10 are three more, and two fewer",
        (
            made(10, **rolling("25%", "25%")),
            wait(10),
            ready(None),
            image("nginx:2"),
            wait(5),
            sizes(v1=8, v2=5),
        ),
    ),
    (
        "percentages that are rounded to nothing still let one go",
        (
            made(3, **rolling("0%", "10%")),
            wait(10),
            ready(None),
            image("nginx:2"),
            wait(5),
            sizes(v1=2, v2=1),
        ),
    ),
    (
        "all at once",
        (
            made(4, **rolling("100%", "100%")),
            wait(10),
            ready(None),
            image("nginx:2"),
            wait(5),
            sizes(v1=0, v2=4),
        ),
    ),
    (
        "recreating is down in between",
        (
            stopping(30),
            made(3, **{"strategy": {"type": "Recreate"}, **template("nginx:1", nodeName="n1")}),
            wait(10),
            changed(**template("nginx:2", nodeName="n1")),
            pods(0, gone=3),
            has(terminatingReplicas=3, replicas=0, Available="False"),
            wait(25),
            sizes(v1=0),
            wait(10),
            sizes(v1=0, v2=3),
            pods(3),
            wait(5),
            has(**DONE),
        ),
    ),
    (
        "pods that take their time to stop do not hold a rolling update up",
        (
            stopping(300),
            made(4, **rolling(1, 0), **template("nginx:1", nodeName="n1")),
            wait(10),
            changed(**template("nginx:2", nodeName="n1")),
            wait(30),
            sizes(v1=0, v2=4),
            pods(4, gone=4),
            has(**DONE, terminatingReplicas=4, replicas=4),
        ),
    ),
    (
        "no history at all",
        (
            made(2, revisionHistoryLimit=0),
            wait(10),
            image("nginx:2"),
            wait(20),
            sizes(v2=2),
            revisions(v2="2"),
        ),
    ),
    (
        "an orphan that matches is adopted and belongs to the history",
        (
            orphan_set("old", "nginx:0", 2),
            made(3),
            wait(30),
            owner("old", "web"),
            sizes(v0=0, v1=3),
        ),
    ),
    (
        "a name that is taken is a collision",
        (taken_name(), made(3), wait(10), has(collisionCount=1, **DONE, readyReplicas=3)),
    ),
    (
        "orphaning leaves sets and pods",
        (
            made(2),
            wait(10),
            deletes(kinds.DEPLOYMENT, "web", "Orphan"),
            wait(10),
            sizes(v1=2),
            pods(2),
        ),
    ),
    (
        "what cannot be is refused",
        (
            made(1),
            refused(kinds.DEPLOYMENT, "web", "field is immutable", selector={"matchLabels": {"app": "x"}}),
            refused(
                kinds.DEPLOYMENT,
                "web",
                "may not be 0 when `maxSurge` is 0",
                **rolling(0, 0),
            ),
            refused(
                kinds.DEPLOYMENT,
                "web",
                "must be greater than minReadySeconds",
                progressDeadlineSeconds=5,
                minReadySeconds=5,
            ),
            refused(
                kinds.DEPLOYMENT,
                "web",
                "may not be specified when strategy `type` is 'Recreate'",
                strategy={"type": "Recreate"},
            ),
        ),
    ),
)


@pytest.mark.parametrize("steps", [steps for _, steps in SCENARIOS], ids=[name for name, _ in SCENARIOS])
def test_a_deployment(steps: tuple[Step, ...]) -> None:
    act(steps, CONTROLLERS)


def test_the_history_of_a_set_is_in_its_annotations() -> None:
    async def story(world: World) -> None:
        await made(1)(world)
        for name in ("nginx:2", "nginx:1", "nginx:2", "nginx:1"):
            await image(name)(world)
            await world.settle(20)
        sets = {
            rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs
            for rs in await world.all(kinds.REPLICASET)
        }
        assert annotations_of(sets["nginx:1"])[REVISION] == "5"
        assert annotations_of(sets["nginx:1"])[HISTORY] == "1,3"
        assert annotations_of(sets["nginx:2"])[HISTORY] == "2"
        assert name_of(sets["nginx:1"]).startswith("web-")

    act((story,), CONTROLLERS)
