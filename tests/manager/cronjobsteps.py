"""CronJobs for scenarios, and looking at what they have made."""

from __future__ import annotations

from typing import Any

from workloads import living, report
from world import World

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of
from pybernetes.lang.timestamps import parse

CONTROLLERS = "cronjob-controller,job-controller,garbage-collector-controller,serviceaccount-controller"
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def cron_job(schedule: str = "* * * * *", name: str = "tick", **spec: Any) -> Obj:
    pod_spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
    template = {
        "metadata": {"labels": {"of": name}, "annotations": {"note": "kept"}},
        "spec": {"backoffLimit": 0, "template": {"spec": pod_spec}},
    }
    full = {"schedule": schedule, "jobTemplate": template, **spec}
    return new_object(kinds.CRONJOB, name, "default", spec=full)


async def until(world: World, moment: str) -> None:
    await world.settle(parse(moment) - world.env.now())


async def jobs(world: World) -> list[Obj]:
    return sorted(await world.all(kinds.JOB), key=lambda job: job["metadata"]["creationTimestamp"])


async def moments(world: World) -> list[str]:
    """The moments the Jobs there are were made for, as their annotations say."""
    return [annotations_of(job)[SCHEDULED] for job in await jobs(world)]


async def status(world: World) -> Obj:
    found = await world.client.get(kinds.CRONJOB, "tick", "default")
    return found.get("status") or {}


async def finish(world: World, phase: str = "Succeeded") -> None:
    for pod in await living(world):
        await report(world, pod, phase, 0 if phase == "Succeeded" else 1)
