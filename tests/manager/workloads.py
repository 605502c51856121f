"""Steps of which scenario tables are made, and objects for them. A step is a coroutine function of a `World`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, annotations_of, is_deleting, name_of
from pybernetes.controllers.pods import is_finished
from pybernetes.lang.timestamps import parse, rfc3339

Step = Callable[[World], Awaitable[None]]
INDEX = "batch.kubernetes.io/job-completion-index"


def act(steps: Sequence[Step], selection: str, **settings: Any) -> None:
    """Performs the steps in a fresh world with these controllers."""

    async def story(world: World) -> None:
        for number, step in enumerate(steps):
            try:
                await step(world)
            except AssertionError as error:
                raise AssertionError(f"step {number}: {error}") from error

    play(story, f"{selection},serviceaccount-controller", **settings)


def creates(obj: Obj, kind: Kind) -> Step:
    async def step(world: World) -> None:
        await world.client.create(kind, obj)
        await world.settle(3)

    return step


def wait(seconds: float) -> Step:
    return lambda world: world.settle(seconds)


def changes(kind: Kind, name: str, **spec: Any) -> Step:
    """Merges into the spec."""

    async def step(world: World) -> None:
        await world.change(kind, name, spec)
        await world.settle(3)

    return step


def refused(kind: Kind, name: str, message: str, **spec: Any) -> Step:
    """The server refuses such a change, in these words."""

    async def step(world: World) -> None:
        with pytest.raises(ApiError, match=message):
            await world.change(kind, name, spec)

    return step


def deletes(kind: Kind, name: str, propagation: Any = "Background") -> Step:
    async def step(world: World) -> None:
        await world.client.delete(kind, name, "default", propagation=propagation)
        await world.settle(3)

    return step


def told(*reasons: str, never: Sequence[str] = ()) -> Step:
    """Events with these reasons were written, and none with those."""

    async def step(world: World) -> None:
        found = {event["reason"] for event in await world.all(kinds.EVENT)}
        assert set(reasons) <= found, found
        assert not found & set(never), found

    return step


async def living(world: World) -> list[Obj]:
    """Pods that neither have ended nor are going, the oldest first."""
    pods = [pod for pod in await world.all(kinds.POD) if not is_finished(pod) and not is_deleting(pod)]
    return sorted(pods, key=lambda pod: (pod["metadata"]["creationTimestamp"], name_of(pod)))


def with_pods(number: int) -> Step:
    async def step(world: World) -> None:
        found = [name_of(pod) for pod in await living(world)]
        assert len(found) == number, found

    return step


async def one(world: World, index: int | None) -> Obj:
    """The oldest living pod, or that of a completion index."""
    pods = await living(world)
    chosen = [pod for pod in pods if index is None or annotations_of(pod).get(INDEX) == str(index)]
    assert chosen, f"no living pod (index {index}) among {[name_of(pod) for pod in pods]}"
    return chosen[0]


async def report(world: World, pod: Obj, phase: str, code: int, container: str = "c", **more: Any) -> None:
    """A kubelet reports how a pod has ended."""
    state = {"terminated": {"exitCode": code, "finishedAt": rfc3339(world.env.now())}}
    entry = {
        "name": container,
        "ready": False,
        "restartCount": 0,
        "image": "i",
        "imageID": "",
        "state": state,
    }
    status = {"phase": phase, "containerStatuses": [entry], "conditions": [], **more}
    await world.client.patch(kinds.POD, name_of(pod), "default", {"status": status}, subresource="status")
    await world.settle(3)


def succeeds(index: int | None = None) -> Step:
    async def step(world: World) -> None:
        await report(world, await one(world, index), "Succeeded", 0)

    return step


def fails(code: int = 1, index: int | None = None, container: str = "c") -> Step:
    async def step(world: World) -> None:
        await report(world, await one(world, index), "Failed", code, container)

    return step


def evicted(index: int | None = None) -> Step:
    """Ended by a disruption."""

    async def step(world: World) -> None:
        target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        await report(world, await one(world, index), "Failed", 137, conditions=[target])

    return step


def removed(index: int | None = None) -> Step:
    """Somebody deletes a living pod."""

    async def step(world: World) -> None:
        pod = await one(world, index)
        await world.client.delete(kinds.POD, name_of(pod), "default", grace_period_seconds=0)
        await world.settle(3)

    return step


def age_of(world: World, obj: Obj) -> float:
    return world.env.now() - parse(obj["metadata"]["creationTimestamp"])


def births(world: World) -> list[float]:
    """When pods appeared, in seconds after the first."""
    times = [at for at, change, _ in world.history if change == "ADDED"]
    return [round(at - times[0]) for at in times]
