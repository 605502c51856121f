"""CronJobs (upstream: test/e2e/apps/cronjob.go)."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj, name_of
from tests.conformance.controllers import pod_template
from tests.conformance.scenario import Raw, api_operations, until
from tests.conformance.workloads import count

KIND = kinds.CRONJOB


def cron_job(
    name: str, ns: str, schedule: str = "*/1 * * * *", policy: str = "Allow", **spec: Any
) -> dict[str, Any]:
    """Its Jobs run for five minutes."""
    template = pod_template(name, "after=300s", restartPolicy="OnFailure")
    full = {
        "schedule": schedule,
        "concurrencyPolicy": policy,
        "jobTemplate": {"spec": {"parallelism": 1, "completions": 1, "template": template}},
        **spec,
    }
    return {"metadata": {"name": name, "namespace": ns}, "spec": full}


async def active(c: Cluster, name: str, ns: str, number: int) -> list[Obj]:
    """Waits until so many Jobs of the CronJob are active."""

    async def seen() -> tuple[list[Obj]] | None:
        found = list(((await c.client.get(KIND, name, ns)).get("status") or {}).get("active") or ())
        return (found,) if len(found) >= number else None

    [found] = await until(f"{number} active jobs", seen, seconds=300)
    return list(found)


async def test_suspended(c: Cluster, ns: str) -> None:
    """[sig-apps] CronJob should not schedule jobs when suspended [Slow] [Conformance]"""
    await c.client.create(KIND, cron_job("suspended", ns, suspend=True))
    await asyncio.sleep(300)
    await count(c, kinds.JOB, ns, 0)


async def test_forbid(c: Cluster, ns: str) -> None:
    """[sig-apps] CronJob should not schedule new jobs when ForbidConcurrent [Slow] [Conformance]"""
    await c.client.create(KIND, cron_job("forbid", ns, policy="Forbid"))
    [first] = await active(c, "forbid", ns, 1)
    await asyncio.sleep(200)
    [still] = await active(c, "forbid", ns, 1)
    assert still["uid"] == first["uid"]
    await count(c, kinds.JOB, ns, 1)


async def test_replace(c: Cluster, ns: str) -> None:
    """[sig-apps] CronJob should replace jobs when ReplaceConcurrent [Conformance]"""
    await c.client.create(KIND, cron_job("replace", ns, policy="Replace"))
    [first] = await active(c, "replace", ns, 1)

    async def replaced() -> Obj | None:
        found = (await c.client.list(kinds.JOB, ns)).items
        return found[0] if len(found) == 1 and name_of(found[0]) != first["name"] else None

    await until("another job has taken its place", replaced, seconds=120)
    assert len(await active(c, "replace", ns, 1)) == 1


async def test_allow(c: Cluster, ns: str) -> None:
    """[sig-apps] CronJob should schedule multiple jobs concurrently [Conformance]"""
    await c.client.create(KIND, cron_job("concurrent", ns))
    await active(c, "concurrent", ns, 2)
    assert len((await c.client.list(kinds.JOB, ns)).items) >= 2


async def test_api_operations(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-apps] CronJob should support CronJob API operations [Conformance]"""

    def made(name: str) -> Obj:
        return cron_job(name, ns, "0 0 1 1 *", suspend=True)

    await api_operations(raw, c.client, KIND, made, namespace=ns, subresources=("status",))
    await c.client.create(KIND, made("with-status"))
    moment = "2026-01-01T00:00:00Z"
    patch = {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"lastScheduleTime": moment}}
    patched = await c.client.patch(KIND, "with-status", ns, patch, subresource="status")
    assert patched["status"]["lastScheduleTime"] == moment
    assert patched["metadata"]["annotations"]["patchedstatus"] == "true"
    later = "2026-02-01T00:00:00Z"
    updated = await c.client.update(
        KIND, {**patched, "status": {"lastScheduleTime": later}}, subresource="status"
    )
    assert updated["status"]["lastScheduleTime"] == later
    read = await c.client.get(KIND, "with-status", ns, subresource="status")
    assert (read["kind"], read["status"]["lastScheduleTime"]) == ("CronJob", later)
