"""Steps and objects of the scenario tables of Jobs."""

from __future__ import annotations

from typing import Any

from workloads import (
    Step,
    births,
    changes,
    creates,
    one,
    refused,
)
from world import World

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.controllers.job.accounting import FINALIZER

CONTROLLERS = "job-controller,ttl-after-finished-controller,garbage-collector-controller"
DECISIONS = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}


def job(restart: str = "Never", **spec: Any) -> Obj:
    pod_spec = {"restartPolicy": restart, "containers": [{"name": "c", "image": "busybox"}]}
    return new_object(kinds.JOB, "j", "default", spec={"template": {"spec": pod_spec}, **spec})


def indexed(completions: int, **spec: Any) -> Obj:
    return job(completionMode="Indexed", completions=completions, **{"parallelism": completions, **spec})


def made(obj: Obj) -> Step:
    return creates(obj, kinds.JOB)


def changed(**spec: Any) -> Step:
    return changes(kinds.JOB, "j", **spec)


def forbidden(message: str, **spec: Any) -> Step:
    return refused(kinds.JOB, "j", message, **spec)


def has(**expected: Any) -> Step:
    """The status: its fields (nothing is 0), and by their types its conditions (the reason of one that is true; None for
    one that is not)."""

    async def step(world: World) -> None:
        status = (await world.client.get(kinds.JOB, "j", "default"))["status"]
        true = {c["type"]: c["reason"] for c in status.get("conditions") or () if c["status"] == "True"}
        for field, value in expected.items():
            found = true.get(field) if field[0].isupper() else status.get(field) or type(value)()
            assert found == value, f"{field}: {found!r}, not {value!r} in {status}"
            if field in DECISIONS and value:
                assert true[DECISIONS[field]] == value, "the decision was written down first"

    return step


def times(*expected: float, tolerance: float = 2.0) -> Step:
    """Pods appeared so many seconds after the first one."""

    async def step(world: World) -> None:
        found = births(world)
        assert len(found) == len(expected), found
        for at, wanted in zip(found, expected, strict=True):
            assert abs(at - wanted) <= tolerance, (found, expected)

    return step


def gone() -> Step:
    async def step(world: World) -> None:
        assert await world.get(kinds.JOB, "j") is None

    return step


def untracked() -> Step:
    """No pod carries the finalizer any more."""

    async def step(world: World) -> None:
        for pod in await world.all(kinds.POD):
            assert FINALIZER not in pod["metadata"].get("finalizers", ()), name_of(pod)

    return step


def restarted(times: int) -> Step:
    """The containers of the living pod were restarted in place."""

    async def step(world: World) -> None:
        entry = {"name": "c", "ready": True, "restartCount": times, "image": "i", "imageID": ""}
        status = {"phase": "Running", "containerStatuses": [entry]}
        await world.client.patch(
            kinds.POD, name_of(await one(world, None)), "default", {"status": status}, subresource="status"
        )
        await world.settle(3)

    return step


def asked(**times: float) -> Step:
    """Pods take so long to stop, or to become ready."""

    async def step(world: World) -> None:
        world.stop_after = times.get("to_stop", world.stop_after)
        world.ready_after = times.get("to_be_ready", world.ready_after)

    return step


def swept() -> Step:
    """Somebody deletes the pods that have ended."""

    async def step(world: World) -> None:
        for pod in await world.all(kinds.POD):
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                await world.client.delete(kinds.POD, name_of(pod), "default", grace_period_seconds=0)
        await world.settle(3)

    return step


def slow(**spec: Any) -> Obj:
    """A Job whose pods are on a node, where they take their time to stop."""
    made = job(**spec)
    pod_spec = {**made["spec"]["template"]["spec"], "nodeName": "n1"}
    return {**made, "spec": {**made["spec"], "template": {"spec": pod_spec}}}


def stopped() -> Step:
    """Somebody deletes a living pod, which has its grace."""

    async def step(world: World) -> None:
        await world.client.delete(kinds.POD, name_of(await one(world, None)), "default")
        await world.settle(3)

    return step


RULE_42: Obj = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
IGNORED: Obj = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}


def policy(*rules: Obj) -> dict[str, Any]:
    return {"podFailurePolicy": {"rules": list(rules)}}


def on_exit(action: str, operator: str, *values: int, **more: str) -> Obj:
    return {"action": action, "onExitCodes": {"operator": operator, "values": list(values), **more}}
