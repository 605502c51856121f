"""Steps and objects of the scenario tables of StatefulSets."""

from __future__ import annotations

from typing import Any

from workloads import Step, changes, creates, deletes, refused
from world import World

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.controllers.pods import is_ready

CONTROLLERS = (
    "statefulset-controller,garbage-collector-controller,persistentvolumeclaim-protection-controller"
)
TEMPLATES = [
    {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
]


def stateful_set(replicas: int = 3, image: str = "nginx:1", **spec: Any) -> Obj:
    labels = {"app": "web"}
    full = {
        "replicas": replicas,
        "serviceName": "web",
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}},
    }
    return new_object(kinds.STATEFULSET, "web", "default", spec={**full, **spec})


def made(replicas: int = 3, **spec: Any) -> Step:
    return creates(stateful_set(replicas, **spec), kinds.STATEFULSET)


def changed(**spec: Any) -> Step:
    return changes(kinds.STATEFULSET, "web", **spec)


def image(version: str) -> Step:
    return changed(template={"spec": {"containers": [{"name": "c", "image": f"nginx:{version}"}]}})


def rolling(**how: Any) -> dict[str, Any]:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": how}}


def ready(after: float | None) -> Step:
    async def step(world: World) -> None:
        world.ready_after = after

    return step


def stopping(seconds: float) -> Step:
    """Pods that are on a node take so long to stop."""

    async def step(world: World) -> None:
        world.stop_after = seconds

    return step


def pods(**images: str) -> Step:
    """The living pods by ordinal (`_0="1"` is web-0 with nginx:1)."""

    async def step(world: World) -> None:
        found = {
            f"_{name_of(p).rpartition('-')[2]}": p["spec"]["containers"][0]["image"].removeprefix("nginx:")
            for p in await world.all(kinds.POD)
            if not is_deleting(p)
        }
        assert found == images

    return step


def all_of(count: int, version: str, start: int = 0) -> Step:
    return pods(**{f"_{start + ordinal}": version for ordinal in range(count)})


def broken(*ordinals: int) -> Step:
    """These pods stop being ready."""

    async def step(world: World) -> None:
        for ordinal in ordinals:
            pod = await world.client.get(kinds.POD, f"web-{ordinal}", "default")
            await world.set_pod_status(pod, {"phase": "Running"}, ready=False)
        await world.settle(2)

    return step


def mended(*ordinals: int) -> Step:
    async def step(world: World) -> None:
        for ordinal in ordinals:
            pod = await world.client.get(kinds.POD, f"web-{ordinal}", "default")
            if not is_ready(pod):
                await world.set_pod_status(pod, {"phase": "Running"}, ready=True)
        await world.settle(3)

    return step


def removed(ordinal: int) -> Step:
    return deletes(kinds.POD, f"web-{ordinal}")


def has(**expected: Any) -> Step:
    """Fields of the status; nothing is 0. `current` and `update` are the images of the two revisions."""

    async def step(world: World) -> None:
        status = (await world.client.get(kinds.STATEFULSET, "web", "default"))["status"]
        images = {
            name_of(r): r["data"]["spec"]["template"]["spec"]["containers"][0]["image"].removeprefix("nginx:")
            for r in await world.all(kinds.CONTROLLERREVISION)
        }
        known = {
            **status,
            "current": images[status["currentRevision"]],
            "update": images[status["updateRevision"]],
        }
        found = {field: known.get(field, 0) for field in expected}
        assert found == expected

    return step


def revisions(*expected: tuple[int, str]) -> Step:
    async def step(world: World) -> None:
        found = [
            (
                r["revision"],
                r["data"]["spec"]["template"]["spec"]["containers"][0]["image"].removeprefix("nginx:"),
            )
            for r in await world.all(kinds.CONTROLLERREVISION)
        ]
        assert sorted(found) == [*expected]

    return step


def went(*ordinals: int) -> Step:
    """Pods have gone in this order since the last such look."""

    async def step(world: World) -> None:
        found = [int(name_of(p).rpartition("-")[2]) for _, change, p in world.history if change == "DELETED"]
        world.history.clear()
        assert found == [*ordinals]

    return step


def claims(*ordinals: int, going: tuple[int, ...] = ()) -> Step:
    async def step(world: World) -> None:
        held = await world.all(kinds.PERSISTENTVOLUMECLAIM)
        assert [name_of(each) for each in held] == [f"data-web-{n}" for n in sorted({*ordinals, *going})]
        assert {name_of(each) for each in held if is_deleting(each)} == {f"data-web-{n}" for n in going}

    return step


def forbidden(**spec: Any) -> Step:
    message = (
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    )
    return refused(kinds.STATEFULSET, "web", message, **spec)


def with_claims(**policy: str) -> dict[str, Any]:
    given = {"whenScaled": "Retain", "whenDeleted": "Retain", **policy}
    return {"volumeClaimTemplates": TEMPLATES, "persistentVolumeClaimRetentionPolicy": given}


def on_a_node() -> dict[str, Any]:
    """Pods that have a node: their claims are in use."""
    template = stateful_set()["spec"]["template"]
    return {"template": {**template, "spec": {**template["spec"], "nodeName": "n1"}}}


PARALLEL = {"podManagementPolicy": "Parallel"}
