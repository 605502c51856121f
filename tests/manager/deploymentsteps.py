"""Steps and objects of the scenario tables of Deployments."""

from __future__ import annotations

from typing import Any

from workloads import Step, changes, creates
from world import World, deployment

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import annotations_of, controller_ref_of, is_deleting
from pybernetes.controllers.deployment.newreplicaset import hash_of

CONTROLLERS = "deployment-controller,replicaset-controller,garbage-collector-controller"
REVISION, HISTORY = "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
        }
    }


def template(image: str, **spec: Any) -> dict[str, Any]:
    made = deployment(image=image)["spec"]["template"]
    return {"template": {**made, "spec": {**made["spec"], **spec}}}


def made(replicas: int = 4, **spec: Any) -> Step:
    return creates(deployment(replicas=replicas, **spec), kinds.DEPLOYMENT)


def changed(**spec: Any) -> Step:
    return changes(kinds.DEPLOYMENT, "web", **spec)


def image(name: str) -> Step:
    return changed(**template(name))


def ready(after: float | None) -> Step:
    async def step(world: World) -> None:
        world.ready_after = after

    return step


def stopping(seconds: float) -> Step:
    async def step(world: World) -> None:
        world.stop_after = seconds

    return step


def sizes(**expected: int) -> Step:
    """The wanted sizes of the ReplicaSets by image (`v1` for nginx:1)."""

    async def step(world: World) -> None:
        found = {
            rs["spec"]["template"]["spec"]["containers"][0]["image"].replace("nginx:", "v"): rs["spec"][
                "replicas"
            ]
            for rs in await world.all(kinds.REPLICASET)
        }
        assert found == expected

    return step


def has(**expected: Any) -> Step:
    """Fields of the status (nothing is 0); of conditions, by type, (status, reason) or the status alone."""

    async def step(world: World) -> None:
        status = (await world.client.get(kinds.DEPLOYMENT, "web", "default"))["status"]
        conditions = {c["type"]: c for c in status.get("conditions") or ()}
        for field, value in expected.items():
            if field[0].isupper():
                entry = conditions.get(field, {})
                found: Any = (
                    entry.get("status")
                    if isinstance(value, str)
                    else (entry.get("status"), entry.get("reason"))
                )
            else:
                found = status.get(field, 0)
            assert found == value, f"{field}: {found!r}, not {value!r} in {status}"

    return step


def revisions(**expected: str) -> Step:
    """The revisions of the ReplicaSets by image; the Deployment has the newest."""

    async def step(world: World) -> None:
        sets = await world.all(kinds.REPLICASET)
        found = {
            rs["spec"]["template"]["spec"]["containers"][0]["image"].replace("nginx:", "v"): annotations_of(
                rs
            )[REVISION]
            for rs in sets
        }
        assert found == expected
        web = await world.client.get(kinds.DEPLOYMENT, "web", "default")
        assert annotations_of(web)[REVISION] == max(expected.values(), key=int)

    return step


def pods(number: int, gone: int = 0) -> Step:
    """So many pods live, and so many are going."""

    async def step(world: World) -> None:
        found = await world.all(kinds.POD)
        going = sum(is_deleting(pod) for pod in found)
        assert (len(found) - going, going) == (number, gone)

    return step


def orphan_set(name: str, image_name: str, replicas: int) -> Step:
    async def step(world: World) -> None:
        like = deployment(image=image_name)["spec"]
        labels = {"app": "web", "hand": "made"}
        given = {**like["template"], "metadata": {"labels": labels}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": given}
        rs = new_object(kinds.REPLICASET, name, "default", spec=spec)
        await world.client.create(kinds.REPLICASET, {**rs, "metadata": {**rs["metadata"], "labels": labels}})
        await world.settle(5)

    return step


def taken_name() -> Step:
    """Somebody has made a ReplicaSet by the name that the next one would get."""

    async def step(world: World) -> None:
        before = await world.client.create(kinds.DEPLOYMENT, deployment(paused=True))
        name = f"web-{hash_of(before)}"
        await world.client.delete(kinds.DEPLOYMENT, "web", "default")
        labels = {"app": "other"}
        spec = {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {**deployment("other")["spec"]["template"], "metadata": {"labels": labels}},
        }
        await world.client.create(kinds.REPLICASET, new_object(kinds.REPLICASET, name, "default", spec=spec))
        await world.settle(1)

    return step


def owner(name: str, expected: str | None) -> Step:
    async def step(world: World) -> None:
        rs = await world.client.get(kinds.REPLICASET, name, "default")
        assert (controller_ref_of(rs) or {}).get("name") == expected

    return step
