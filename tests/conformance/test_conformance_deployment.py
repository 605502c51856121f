"""Deployments (upstream: test/e2e/apps/deployment.go)."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, controller_ref_of, uid_of
from pybernetes.controllers.pods import is_finished
from tests.conformance.controllers import (
    images_of,
    pod_template,
    ready,
    scale_round,
    status_round,
    with_image,
    workload,
)
from tests.conformance.scenario import gone, until, watching
from tests.conformance.workloads import count, pod, replica_set

KIND = kinds.DEPLOYMENT
REVISION = "deployment.kubernetes.io/revision"


def rolling(surge: Any, unavailable: Any) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


async def sets(c: Cluster, ns: str) -> dict[str, Obj]:
    """The ReplicaSets of a namespace, by image."""
    found = (await c.client.list(kinds.REPLICASET, ns)).items
    return {rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs for rs in found}


async def complete(c: Cluster, name: str, ns: str) -> Obj:
    """Waits until a rollout is done."""

    async def done() -> Obj | None:
        found = await c.client.get(KIND, name, ns)
        status, wanted = found.get("status") or {}, found["spec"]["replicas"]
        fields = ("replicas", "updatedReplicas", "availableReplicas")
        same = status.get("observedGeneration") == found["metadata"]["generation"]
        return found if same and all(status.get(field, 0) == wanted for field in fields) else None

    found: Obj = await until(f"deployments/{name} is complete", done)
    return found


async def test_scale(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment Deployment should have a working scale subresource [Conformance]"""
    await c.client.create(KIND, workload("test-new-deployment", ns, replicas=1))
    await scale_round(c, KIND, "test-new-deployment", ns)


async def test_recreate(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment RecreateDeployment should delete old pods and create new ones [Conformance]"""
    slow = pod_template("recreate", "stubborn", terminationGracePeriodSeconds=20)
    made = workload("recreate", ns, slow, replicas=2, strategy={"type": "Recreate"})
    await c.client.create(KIND, made)
    await complete(c, "recreate", ns)
    before = await c.client.list(kinds.POD, ns)
    living = {uid_of(each): "httpd:1" for each in before.items}
    async with watching(c.client, kinds.POD, ns, resource_version=before.resource_version) as seen:
        await c.client.patch(KIND, "recreate", ns, with_image("httpd:2"))
        while set(living.values()) != {"httpd:2"}:
            event = await seen.next()
            if event.type == "ADDED":
                living[uid_of(event.object)] = images_of([event.object])[0]
                assert "httpd:1" not in living.values(), "an old pod runs beside a new one"
            elif event.type == "DELETED" or is_finished(event.object):
                living.pop(uid_of(event.object), None)
    await complete(c, "recreate", ns)


async def test_rolling_update(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones [Conformance]"""
    old = replica_set("rolling", ns, 1)
    old["metadata"]["annotations"] = {REVISION: "3546343826724305832"}
    old["metadata"]["labels"] = {"name": "rolling"}
    old = dict(await c.client.create(kinds.REPLICASET, old))
    await ready(c, kinds.REPLICASET, "rolling", ns, 1)
    made = await c.client.create(KIND, workload("rolling", ns, replicas=1, strategy=rolling("25%", "25%")))
    await complete(c, "rolling", ns)
    found = await sets(c, ns)
    assert found["pause"]["metadata"]["uid"] == uid_of(old)
    assert (controller_ref_of(found["pause"]) or {})["uid"] == uid_of(made), "the old set was adopted"
    assert [found[image]["spec"]["replicas"] for image in ("pause", "httpd:1")] == [0, 1]
    assert annotations_of(found["httpd:1"])[REVISION] == "3546343826724305833"
    assert images_of(await count(c, kinds.POD, ns, 1)) == ["httpd:1"]


async def test_history_limit(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment deployment should delete old replica sets [Conformance]"""
    bare = pod("cleanup-pod", ns, labels={"name": "cleanup"})
    await c.client.create(kinds.POD, bare)
    old = replica_set("cleanup", ns, 1)
    old["metadata"]["labels"] = {"name": "cleanup"}
    await c.client.create(kinds.REPLICASET, old)
    await ready(c, kinds.REPLICASET, "cleanup", ns, 1)
    await c.client.create(KIND, workload("cleanup", ns, replicas=1, revisionHistoryLimit=0))
    await complete(c, "cleanup", ns)
    [left] = await count(c, kinds.REPLICASET, ns, 1)
    assert left["spec"]["template"]["spec"]["containers"][0]["image"] == "httpd:1"


async def test_proportional_scaling(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment deployment should support proportional scaling [Conformance]"""
    await c.client.create(KIND, workload("webserver", ns, replicas=10, strategy=rolling(3, 2)))
    await complete(c, "webserver", ns)
    broken = pod_template("webserver", "ready=9999h", image="webserver:404")
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}
    broken["spec"]["containers"][0]["readinessProbe"] = probe
    await c.client.patch(KIND, "webserver", ns, {"spec": {"template": broken}})

    async def sizes(old: int, new: int) -> bool:
        found = {image: rs["spec"]["replicas"] for image, rs in (await sets(c, ns)).items()}
        return found == {"httpd:1": old, "webserver:404": new}

    await until("8 old and 5 new pods", lambda: sizes(8, 5))
    first = (await sets(c, ns))["httpd:1"]
    assert (await ready(c, kinds.REPLICASET, first["metadata"]["name"], ns, 8))["status"][
        "availableReplicas"
    ] == 8
    await c.client.patch(KIND, "webserver", ns, {"spec": {"replicas": 30}})
    await until("20 old and 13 new pods", lambda: sizes(20, 13))


async def test_rollover(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment deployment should support rollover [Conformance]"""
    old = replica_set("rollover", ns, 1)
    old["metadata"]["labels"] = {"name": "rollover"}
    await c.client.create(kinds.REPLICASET, old)
    await ready(c, kinds.REPLICASET, "rollover", ns, 1)
    unready = pod_template("rollover", image="nobody:404")
    probe = {"httpGet": {"path": "/", "port": 80}}
    unready["spec"]["containers"][0]["readinessProbe"] = probe
    unready["metadata"]["annotations"] = {"hollow.pybernetes.io/script": "ready=9999h"}
    made = workload("rollover", ns, unready, replicas=1, minReadySeconds=10, strategy=rolling(1, 0))
    await c.client.create(KIND, made)

    async def begun() -> bool:
        found = await sets(c, ns)
        return "nobody:404" in found and found["nobody:404"]["status"].get("replicas") == 1

    await until("the first rollout has begun", begun)
    fine = pod_template("rollover")
    await c.client.patch(
        KIND,
        "rollover",
        ns,
        {"spec": {"template": {**fine, "metadata": {**fine["metadata"], "annotations": None}}}},
    )
    found = await complete(c, "rollover", ns)
    assert annotations_of(found)[REVISION] == "2"
    final = await sets(c, ns)
    assert {image: rs["spec"]["replicas"] for image, rs in final.items()} == {
        "pause": 0,
        "nobody:404": 0,
        "httpd:1": 1,
    }


async def test_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment should run the lifecycle of a Deployment [Conformance]"""
    selector = "test-deployment-static=true"
    made = workload("test-deployment", ns, replicas=2)
    made["metadata"]["labels"]["test-deployment-static"] = "true"
    async with watching(c.client, KIND, ns, labels=selector) as seen:
        await c.client.create(KIND, made)
        await seen.until("ADDED")
        await seen.until("MODIFIED", lambda obj: obj["status"].get("readyReplicas") == 2)
        patch = {
            "metadata": {"labels": {"test-deployment": "patched"}},
            "spec": {
                "replicas": 1,
                "template": {"spec": {"containers": [{"name": "c", "image": "pause:9"}]}},
            },
        }
        await c.client.patch(KIND, "test-deployment", ns, patch)
        await seen.until(
            "MODIFIED",
            lambda obj: (
                obj["metadata"]["labels"].get("test-deployment") == "patched"
                and obj["status"].get("readyReplicas") == 1
                and obj["status"].get("updatedReplicas") == 1
            ),
        )
        listed = await c.client.list(KIND, labels=selector)
        assert [each["metadata"]["name"] for each in listed.items] == ["test-deployment"]
        current = await c.client.get(KIND, "test-deployment", ns)
        await c.client.update(
            KIND,
            {
                **current,
                "metadata": {
                    **current["metadata"],
                    "labels": {**current["metadata"]["labels"], "updated": "yes"},
                },
                "spec": {**current["spec"], "replicas": 2},
            },
        )
        await seen.until("MODIFIED", lambda obj: obj["status"].get("readyReplicas") == 2)
        status = await c.client.patch(
            KIND,
            "test-deployment",
            ns,
            {"status": {"readyReplicas": 0, "availableReplicas": 0}},
            subresource="status",
        )
        assert not status["status"].get("availableReplicas")
        await seen.until("MODIFIED", lambda obj: obj["status"].get("readyReplicas") == 2)
        await c.client.delete_collection(KIND, ns, labels=selector)
        await seen.until("DELETED")
    await gone(c.client, KIND, "test-deployment", ns)


async def test_status(c: Cluster, ns: str) -> None:
    """[sig-apps] Deployment should validate Deployment Status endpoints [Conformance]"""
    await c.client.create(KIND, workload("test-deployment", ns, replicas=1))
    await complete(c, "test-deployment", ns)
    await status_round(c, KIND, "test-deployment", ns)
    await asyncio.sleep(5)
    found = await c.client.get(KIND, "test-deployment", ns)
    types = {each["type"] for each in found["status"]["conditions"]}
    assert {"StatusPatched", "Available", "Progressing"} <= types, "the controller adds to them"
