"""StatefulSets by the scenarios of upstream's documentation and its KEPs (961, 1847, 2599, 3335)."""

from __future__ import annotations

import pytest
from statefulsetsteps import (
    CONTROLLERS,
    PARALLEL,
    TEMPLATES,
    all_of,
    broken,
    changed,
    claims,
    forbidden,
    has,
    image,
    made,
    mended,
    on_a_node,
    pods,
    ready,
    removed,
    revisions,
    rolling,
    stopping,
    went,
    with_claims,
)
from workloads import Step, act, deletes, refused, told, wait
from world import World

from pybernetes.api import kinds
from pybernetes.api.meta import labels_of, name_of, uid_of
from pybernetes.controllers.history import POD_LABEL

SCENARIOS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "a pod in the middle that is gone comes back before anything else happens",
        (
            made(4),
            wait(10),
            ready(None),
            removed(1),
            changed(replicas=6),
            all_of(4, "1"),
            mended(1),
            pods(_0="1", _1="1", _2="1", _3="1", _4="1"),
            told("SuccessfulCreate", never=("SuccessfulDelete",)),
        ),
    ),
    (
        "scaling down waits while one that stays is not ready",
        (
            made(4),
            wait(10),
            broken(0),
            changed(replicas=1),
            all_of(4, "1"),
            mended(0),
            wait(10),
            all_of(1, "1"),
            went(3, 2, 1),
        ),
    ),
    (
        "of several that are not ready and have to go, the lowest is waited for",
        (
            made(4),
            wait(10),
            broken(1, 3),
            changed(replicas=1),
            wait(20),
            all_of(4, "1"),
            mended(1),
            wait(10),
            all_of(1, "1"),
        ),
    ),
    (
        "one that is not ready and has to go may go",
        (made(3), wait(10), broken(2), changed(replicas=1), wait(10), all_of(1, "1"), went(2, 1)),
    ),
    (
        "in parallel they go and come whatever the others do",
        (
            made(4, **PARALLEL),
            wait(5),
            broken(0, 3),
            changed(replicas=1),
            wait(5),
            all_of(1, "1"),
            ready(None),
            changed(replicas=5),
            all_of(5, "1"),
        ),
    ),
    (
        "in parallel an update still takes one at a time",
        (
            made(3, **PARALLEL),
            wait(5),
            ready(None),
            image("2"),
            wait(20),
            pods(_0="1", _1="1", _2="2"),
            mended(2),
            pods(_0="1", _1="2", _2="2"),
            mended(1),
            mended(0),
            all_of(3, "2"),
            went(2, 1, 0),
        ),
    ),
    (
        "an update waits for minReadySeconds of each",
        (
            made(2, minReadySeconds=30),
            wait(80),
            has(availableReplicas=2),
            image("2"),
            wait(20),
            pods(_0="1", _1="2"),
            has(readyReplicas=2, availableReplicas=1),
            wait(15),
            all_of(2, "2"),
            wait(30),
            has(availableReplicas=2, current="2", update="2"),
        ),
    ),
    (
        "a pod that fails in the middle of an update holds it up",
        (
            made(3),
            wait(10),
            ready(None),
            image("2"),
            wait(10),
            pods(_0="1", _1="1", _2="2"),
            has(current="1", update="2", updatedReplicas=1, currentReplicas=2),
            mended(2),
            pods(_0="1", _1="2", _2="2"),
        ),
    ),
    (
        "a canary, a phased rollout, and the rest",
        (
            made(3, **rolling(partition=3)),
            wait(10),
            image("2"),
            wait(10),
            all_of(3, "1"),
            has(current="1", update="2", updatedReplicas=0),
            changed(**rolling(partition=2)),
            wait(5),
            pods(_0="1", _1="1", _2="2"),
            removed(0),
            removed(2),
            wait(5),
            pods(_0="1", _1="1", _2="2"),
            changed(**rolling(partition=1)),
            wait(5),
            pods(_0="1", _1="2", _2="2"),
            changed(**rolling(partition=0)),
            wait(5),
            all_of(3, "2"),
            has(current="2", update="2", currentReplicas=3, updatedReplicas=3),
        ),
    ),
    (
        "growing above a partition makes new pods of the new revision",
        (
            made(2, **rolling(partition=2)),
            wait(10),
            image("2"),
            changed(replicas=4),
            wait(10),
            pods(_0="1", _1="1", _2="2", _3="2"),
        ),
    ),
    (
        "a rollback takes the old revision up again",
        (
            made(2),
            wait(5),
            revisions((1, "1")),
            image("2"),
            wait(10),
            revisions((1, "1"), (2, "2")),
            image("1"),
            wait(10),
            revisions((2, "2"), (3, "1")),
            all_of(2, "1"),
            has(current="1", update="1"),
        ),
    ),
    (
        "a change of mind in the middle of an update",
        (
            made(3),
            wait(10),
            ready(None),
            image("2"),
            wait(5),
            mended(2),
            pods(_0="1", _1="2", _2="2"),
            ready(1),
            mended(1),
            image("3"),
            wait(30),
            all_of(3, "3"),
            has(current="3", update="3"),
        ),
    ),
    (
        "maxUnavailable takes several, in order too",
        (
            made(5, **rolling(maxUnavailable=2)),
            wait(10),
            ready(None),
            image("2"),
            wait(5),
            went(4, 3),
            ready(1),
        ),
    ),
    # ordinals (KEP-3335)
    (
        "ordinals move: the new ones come, then the old ones go",
        (
            made(3),
            wait(10),
            changed(ordinals={"start": 2}),
            wait(20),
            all_of(3, "1", start=2),
            went(1, 0),
            changed(ordinals={"start": 0}),
            wait(20),
            all_of(3, "1"),
            went(4, 3),
        ),
    ),
    (
        "a partition counts from the first ordinal",
        (
            made(3, ordinals={"start": 10}, **rolling(partition=2)),
            wait(10),
            image("2"),
            wait(10),
            pods(_10="1", _11="1", _12="2"),
        ),
    ),
    # claims (KEP-1847)
    (
        "claims outlive their pods, and come back with them",
        (
            made(3, **with_claims()),
            wait(10),
            changed(replicas=1),
            wait(10),
            claims(0, 1, 2),
            changed(replicas=2),
            wait(5),
            claims(0, 1, 2),
            deletes(kinds.STATEFULSET, "web"),
            wait(10),
            claims(0, 1, 2),
        ),
    ),
    (
        "whenScaled: Delete deletes what is scaled away, and growing again makes new ones",
        (
            made(3, **with_claims(whenScaled="Delete")),
            wait(10),
            changed(replicas=1),
            wait(15),
            claims(0),
            changed(replicas=3),
            wait(15),
            claims(0, 1, 2),
            all_of(3, "1"),
            deletes(kinds.STATEFULSET, "web"),
            wait(10),
            claims(0, 1, 2),
        ),
    ),
    (
        "whenDeleted: Delete deletes with the set, not by scaling",
        (
            made(2, **with_claims(whenDeleted="Delete")),
            wait(10),
            changed(replicas=1),
            wait(10),
            claims(0, 1),
            deletes(kinds.STATEFULSET, "web"),
            wait(15),
            claims(),
        ),
    ),
    (
        "a pod that is merely replaced keeps its claim",
        (
            made(2, **with_claims(whenDeleted="Delete", whenScaled="Delete")),
            wait(10),
            removed(1),
            wait(10),
            claims(0, 1),
            all_of(2, "1"),
        ),
    ),
    (
        "without its claim a pod waits until the old one is gone",
        (
            made(1, **with_claims(), **on_a_node()),
            wait(5),
            deletes(kinds.PERSISTENTVOLUMECLAIM, "data-web-0"),
            claims(0, going=(0,)),
            removed(0),
            wait(10),
            claims(0),
            all_of(1, "1"),
        ),
    ),
    (
        "a pod that does not go (its node is silent) is not replaced, and holds up the others",
        (
            stopping(9_000),
            made(2, **on_a_node()),
            wait(10),
            deletes(kinds.POD, "web-0"),
            changed(replicas=3),
            wait(600),
            pods(_1="1"),
            has(replicas=2),
        ),
    ),
    (
        "what may not change",
        (
            made(1),
            forbidden(serviceName="other"),
            forbidden(podManagementPolicy="Parallel"),
            forbidden(volumeClaimTemplates=TEMPLATES),
            refused(kinds.STATEFULSET, "web", "must be greater than or equal to 0", replicas=-1),
            changed(revisionHistoryLimit=2, minReadySeconds=3),
        ),
    ),
)


@pytest.mark.parametrize("steps", [steps for _, steps in SCENARIOS], ids=[name for name, _ in SCENARIOS])
def test_a_stateful_set(steps: tuple[Step, ...]) -> None:
    act(steps, CONTROLLERS)


def test_identity_survives_deletion_and_orphans_are_adopted_with_their_revision() -> None:
    async def story(world: World) -> None:
        await made(2, **with_claims())(world)
        await world.settle(5)
        before = await world.client.get(kinds.POD, "web-1", "default")
        await removed(1)(world)
        await world.settle(5)
        after = await world.client.get(kinds.POD, "web-1", "default")
        assert uid_of(after) != uid_of(before)
        for field in ("hostname", "subdomain", "volumes"):
            mine = [v for v in after["spec"]["volumes"] if "persistentVolumeClaim" in v]
            old = [v for v in before["spec"]["volumes"] if "persistentVolumeClaim" in v]
            assert mine == old
            assert field == "volumes" or after["spec"][field] == before["spec"][field]
        assert labels_of(after) == labels_of(before)
        await world.client.delete(kinds.STATEFULSET, "web", "default", propagation="Orphan")
        await world.settle(5)
        kept = {name_of(p): uid_of(p) for p in await world.all(kinds.POD)}
        assert len(kept) == 2
        await made(2, **with_claims())(world)
        await world.settle(10)
        assert {name_of(p): uid_of(p) for p in await world.all(kinds.POD)} == kept
        (revision,) = await world.all(kinds.CONTROLLERREVISION)
        assert {labels_of(p)[POD_LABEL] for p in await world.all(kinds.POD)} == {name_of(revision)}

    act((story,), CONTROLLERS)
