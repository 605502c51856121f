"""Steps and objects of the scenario tables of DaemonSets."""

from __future__ import annotations

from typing import Any

from workloads import Step, changes, creates
from world import World

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.controllers.daemonset.nodes import node_of
from pybernetes.controllers.pods import is_ready, phase

CONTROLLERS = "daemonset-controller,garbage-collector-controller"


def daemon_set(pod_spec: Obj | None = None, **spec: Any) -> Obj:
    labels = {"app": "agent"}
    containers = [{"name": "c", "image": "nginx:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers, **(pod_spec or {})}}
    full = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return new_object(kinds.DAEMONSET, "agent", "default", spec=full)


def made(pod_spec: Obj | None = None, **spec: Any) -> Step:
    return creates(daemon_set(pod_spec, **spec), kinds.DAEMONSET)


def changed(**spec: Any) -> Step:
    return changes(kinds.DAEMONSET, "agent", **spec)


def image(version: str) -> Step:
    return changed(template={"spec": {"containers": [{"name": "c", "image": f"nginx:{version}"}]}})


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {
        "updateStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
        }
    }


ON_DELETE: dict[str, Any] = {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}


def nodes(*names: str, **labels: str) -> Step:
    """Nodes whose kubelets are well: they have lost the taint with which every node begins."""

    async def step(world: World) -> None:
        for name in names:
            await world.node(name)
            patch = {"metadata": {"labels": labels}, "spec": {"taints": None}}
            await world.client.patch(kinds.NODE, name, "", patch)
        await world.settle(3)

    return step


def labelled(name: str, **labels: str | None) -> Step:
    async def step(world: World) -> None:
        await world.client.patch(kinds.NODE, name, "", {"metadata": {"labels": labels}})
        await world.settle(3)

    return step


def tainted(name: str, *taints: tuple[str, str], **spec: Any) -> Step:
    """The node has these taints (key, effect) and no others."""

    async def step(world: World) -> None:
        given = [{"key": key, "effect": effect} for key, effect in taints]
        await world.change(kinds.NODE, name, {"taints": given, **spec}, "")
        await world.settle(3)

    return step


def ready(after: float | None) -> Step:
    async def step(world: World) -> None:
        world.ready_after = after

    return step


def on(**versions: str) -> Step:
    """What runs where: by node, the images of its living pods; several are joined with a plus."""

    async def step(world: World) -> None:
        found: dict[str, list[str]] = {}
        for pod in await world.all(kinds.POD):
            if not is_deleting(pod):
                version = pod["spec"]["containers"][0]["image"].removeprefix("nginx:")
                found.setdefault(node_of(pod), []).append(version)
        assert {node: "+".join(sorted(images)) for node, images in found.items()} == versions

    return step


def has(**expected: int) -> Step:
    async def step(world: World) -> None:
        status = (await world.client.get(kinds.DAEMONSET, "agent", "default"))["status"]
        assert {field: status.get(field, 0) for field in expected} == expected, status

    return step


def ends(node: str, how: str) -> Step:
    async def step(world: World) -> None:
        for pod in await world.all(kinds.POD):
            if node_of(pod) == node:
                await world.set_pod_status(pod, {"phase": how}, ready=False)
        await world.settle(0.3)

    return step


def removed(node: str) -> Step:
    async def step(world: World) -> None:
        for pod in await world.all(kinds.POD):
            if node_of(pod) == node:
                await world.client.delete(kinds.POD, name_of(pod), "default")
        await world.settle(3)

    return step


def becomes_ready(node: str) -> Step:
    async def step(world: World) -> None:
        for pod in await world.all(kinds.POD):
            if node_of(pod) == node and not is_ready(pod):
                await world.set_pod_status(pod, {"phase": "Running"}, ready=True)
        await world.settle(3)

    return step


def unready(node: str) -> Step:
    """The oldest pod of the node stops being ready."""

    async def step(world: World) -> None:
        mine = [pod for pod in await world.all(kinds.POD) if node_of(pod) == node and is_ready(pod)]
        await world.set_pod_status(mine[0], {"phase": "Running"}, ready=False)
        await world.settle(3)

    return step


def stays(seconds: float) -> Step:
    """The failed pod is not replaced for so long."""

    async def step(world: World) -> None:
        await world.settle(max(0.0, seconds))
        if seconds > 0:
            assert {phase(pod) for pod in await world.all(kinds.POD)} == {"Failed"}

    return step


def replaced() -> Step:
    async def step(world: World) -> None:
        (pod,) = await world.all(kinds.POD)
        assert phase(pod) == "Pending"

    return step


_noted: dict[str, str] = {}


def noted() -> Step:
    """Remembers the ready pods by node."""

    async def step(world: World) -> None:
        _noted.clear()
        _noted.update({node_of(p): name_of(p) for p in await world.all(kinds.POD) if is_ready(p)})

    return step


def untouched(*names: str) -> Step:
    async def step(world: World) -> None:
        found = {node_of(p): name_of(p) for p in await world.all(kinds.POD)}
        assert {node: found[node] for node in names} == {node: _noted[node] for node in names}

    return step
