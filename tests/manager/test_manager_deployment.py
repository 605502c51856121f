"""Deployments through the whole manager: server, caches, plans, writes."""

from __future__ import annotations

import pytest
from world import World, deployment, play

from pybernetes.api import kinds
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    controller_ref_of,
    is_deleting,
    labels_of,
    name_of,
    uid_of,
)
from pybernetes.lang.intorstr import scaled_value

REVISION = "deployment.kubernetes.io/revision"


def conditions(obj: Obj) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in obj["status"].get("conditions") or ()}


async def messages(world: World, reason: str) -> list[str]:
    return [e["message"] for e in await world.all(kinds.EVENT) if e["reason"] == reason]


def test_a_deployment_becomes_ready_pods() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=3))
        await world.settle()
        (rs,) = await world.all(kinds.REPLICASET)
        pods = await world.all(kinds.POD)
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert len(pods) == 3
        assert all((ref := controller_ref_of(p)) and ref["uid"] == uid_of(rs) for p in pods)
        assert all(name_of(p).startswith(f"{name_of(rs)}-") for p in pods)
        assert labels_of(pods[0])["pod-template-hash"] == name_of(rs).removeprefix("web-")
        status = web["status"]
        assert {
            k: status[k] for k in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
        } == {
            "replicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "updatedReplicas": 3,
        }
        assert status["observedGeneration"] == web["metadata"]["generation"]
        assert conditions(web) == {
            "Available": ("True", "MinimumReplicasAvailable"),
            "Progressing": ("True", "NewReplicaSetAvailable"),
        }
        assert annotations_of(web)[REVISION] == annotations_of(rs)[REVISION] == "1"
        assert await messages(world, "ScalingReplicaSet") == [
            f"Scaled up replica set {name_of(rs)} from 0 to 3"
        ]
        assert sorted(await messages(world, "SuccessfulCreate")) == sorted(
            f"Created pod: {name_of(p)}" for p in pods
        )

    play(story)


def test_what_has_settled_stays_as_it_is() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment())
        await world.settle(60)
        written = len(world.server.ledger)
        await world.settle(3600)
        assert [(e.user, e.verb, e.resource) for e in [*world.server.ledger][written:]] == []

    play(story)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable"),
    [(4, 1, 0), (4, 0, 1), (10, "25%", "25%"), (1, "25%", "25%"), (3, "100%", 0)],
)
def test_a_rolling_update_stays_within_its_fences(
    replicas: int, surge: int | str, unavailable: int | str
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    most = replicas + scaled_value(surge, replicas, round_up=True)
    least = replicas - scaled_value(unavailable, replicas, round_up=False)

    async def story(world: World) -> None:
        world.stop_after = 2.0
        strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=replicas, strategy=strategy))
        await world.settle()
        world.history.clear()
        start = {uid_of(p): p for p in await world.all(kinds.POD)}
        new = deployment(image="nginx:2")["spec"]["template"]
        await world.change(kinds.DEPLOYMENT, "web", {"template": new})
        await world.settle(120)
        _check_fences(start, world.history, most, least)
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert conditions(web)["Progressing"] == ("True", "NewReplicaSetAvailable")
        pods = await world.all(kinds.POD)
        assert [p["spec"]["containers"][0]["image"] for p in pods] == ["nginx:2"] * replicas
        old, latest = sorted(await world.all(kinds.REPLICASET), key=lambda rs: annotations_of(rs)[REVISION])
        assert (old["spec"]["replicas"], latest["spec"]["replicas"]) == (0, replicas)
        assert [annotations_of(rs)[REVISION] for rs in (old, latest)] == ["1", "2"]
        assert annotations_of(web)[REVISION] == "2"

    play(story)


def _check_fences(
    start: dict[str, Obj], history: list[tuple[float, str, Obj]], most: int, least: int
) -> None:
    """Replays the pods' events: never too many that are wanted, never too few that are ready."""
    live = dict(start)
    for at, event, pod in history:
        live.pop(uid_of(pod), None)
        if event != "DELETED" and not is_deleting(pod):
            live[uid_of(pod)] = pod
        ready = sum(
            any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions") or ())
            for p in live.values()
        )
        assert len(live) <= most, f"{len(live)} pods at {at}"
        assert ready >= least, f"{ready} ready at {at}"


def test_recreate_starts_nothing_before_everything_old_has_ended() -> None:
    async def story(world: World) -> None:
        world.stop_after = 10.0
        await world.client.create(kinds.DEPLOYMENT, deployment(strategy={"type": "Recreate"}))
        await world.settle()
        world.history.clear()
        new = deployment(image="nginx:2")["spec"]["template"]
        await world.change(kinds.DEPLOYMENT, "web", {"template": new})
        await world.settle(60)
        order = [(kind, p["spec"]["containers"][0]["image"]) for _, kind, p in world.history]
        last_old = max(i for i, entry in enumerate(order) if entry == ("DELETED", "nginx:1"))
        first_new = min(i for i, entry in enumerate(order) if entry == ("ADDED", "nginx:2"))
        assert last_old < first_new
        assert len(await world.all(kinds.POD)) == 3

    play(story)


def test_undoing_reuses_the_old_replica_set_with_a_new_revision() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment())
        await world.settle()
        (first,) = await world.all(kinds.REPLICASET)
        for image in ("nginx:2", "nginx:1"):
            template = deployment(image=image)["spec"]["template"]
            await world.change(kinds.DEPLOYMENT, "web", {"template": template})
            await world.settle()
        sets = {uid_of(rs): rs for rs in await world.all(kinds.REPLICASET)}
        assert len(sets) == 2
        back = sets[uid_of(first)]
        assert back["spec"]["replicas"] == 3
        assert annotations_of(back)[REVISION] == "3"
        assert annotations_of(back)["deployment.kubernetes.io/revision-history"] == "1"

    play(story)


def test_old_revisions_beyond_the_limit_are_forgotten() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=1, revisionHistoryLimit=2))
        for number in range(2, 7):
            await world.settle()
            template = deployment(image=f"nginx:{number}")["spec"]["template"]
            await world.change(kinds.DEPLOYMENT, "web", {"template": template})
        await world.settle()
        kept = sorted(int(annotations_of(rs)[REVISION]) for rs in await world.all(kinds.REPLICASET))
        assert kept == [4, 5, 6]

    play(story)


def test_a_paused_deployment_is_scaled_but_not_rolled() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=2))
        await world.settle()
        template = deployment(image="nginx:2")["spec"]["template"]
        await world.change(kinds.DEPLOYMENT, "web", {"paused": True, "template": template, "replicas": 4})
        await world.settle()
        (rs,) = await world.all(kinds.REPLICASET)
        assert rs["spec"]["replicas"] == 4
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert conditions(web)["Progressing"] == ("Unknown", "DeploymentPaused")
        await world.change(kinds.DEPLOYMENT, "web", {"paused": False})
        await world.settle()
        assert {p["spec"]["containers"][0]["image"] for p in await world.all(kinds.POD)} == {"nginx:2"}

    play(story)


def test_a_rollout_that_gets_nowhere_is_reported_and_holds_the_old_pods() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=4, progressDeadlineSeconds=30))
        await world.settle()
        world.ready_after = None
        template = deployment(image="nginx:broken")["spec"]["template"]
        await world.change(kinds.DEPLOYMENT, "web", {"template": template})
        await world.settle(20)
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert conditions(web)["Progressing"] == ("True", "ReplicaSetUpdated")
        await world.settle(20)
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert conditions(web)["Progressing"] == ("False", "ProgressDeadlineExceeded")
        assert conditions(web)["Available"][0] == "True"
        ready = [
            p
            for p in await world.all(kinds.POD)
            if p["spec"]["containers"][0]["image"] == "nginx:1" and not is_deleting(p)
        ]
        assert len(ready) == 3

    play(story)


def test_scaling_in_the_middle_of_a_rollout_shares_the_change() -> None:
    async def story(world: World) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=10, strategy=strategy))
        await world.settle()
        world.ready_after = None
        template = deployment(image="nginx:broken")["spec"]["template"]
        await world.change(kinds.DEPLOYMENT, "web", {"template": template})
        await world.settle(10)
        sizes = {
            rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs["spec"]["replicas"]
            for rs in await world.all(kinds.REPLICASET)
        }
        assert sizes == {"nginx:1": 8, "nginx:broken": 5}
        await world.change(kinds.DEPLOYMENT, "web", {"replicas": 15})
        await world.settle(10)
        sizes = {
            rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs["spec"]["replicas"]
            for rs in await world.all(kinds.REPLICASET)
        }
        # The example of upstream's documentation: of five more, three go to the old set and two to the new one.
        assert sizes == {"nginx:1": 11, "nginx:broken": 7}

    play(story)


def test_pods_that_fail_to_be_made_are_reported_up_to_the_deployment() -> None:
    async def story(world: World) -> None:
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "q", "namespace": "default"},
            "spec": {"hard": {"pods": "1"}},
        }
        await world.client.create(kinds.RESOURCEQUOTA, quota)
        await world.settle(1)
        await world.client.create(kinds.DEPLOYMENT, deployment(replicas=3))
        await world.settle(20)
        (rs,) = await world.all(kinds.REPLICASET)
        assert conditions(rs) == {"ReplicaFailure": ("True", "FailedCreate")}
        (entry,) = rs["status"]["conditions"]
        assert "exceeded quota: q" in entry["message"]
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert conditions(web)["ReplicaFailure"] == ("True", "FailedCreate")
        assert len(await world.all(kinds.POD)) == 1
        assert any("exceeded quota" in m for m in await messages(world, "FailedCreate"))
        await world.client.delete(kinds.RESOURCEQUOTA, "q", "default")
        await world.settle(1100)
        assert len(await world.all(kinds.POD)) == 3
        (rs,) = await world.all(kinds.REPLICASET)
        assert conditions(rs) == {}

    play(story)
