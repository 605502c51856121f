"""DaemonSets and their revisions (upstream: test/e2e/apps/daemon_set.go, controller_revision.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj, labels_of, name_of, uid_of
from pybernetes.control.ownership import owner_reference
from pybernetes.controllers.pods import is_ready
from tests.conformance.controllers import (
    collection_round,
    images_of,
    pod_template,
    pods_of,
    status_round,
    with_image,
    workload,
)
from tests.conformance.scenario import changed, until
from tests.conformance.workloads import count

KIND, REVISIONS = kinds.DAEMONSET, kinds.CONTROLLERREVISION
BOTH = ["node1", "node2"]


async def runs_on(c: Cluster, daemon_set: Obj, *nodes: str, image: str = "") -> list[Obj]:
    """Waits until ready pods of the DaemonSet are on exactly these nodes (with that image)."""

    async def placed() -> tuple[list[Obj]] | None:
        found = await pods_of(c, daemon_set)
        where = sorted(each["spec"].get("nodeName", "") for each in found if is_ready(each))
        same = not image or set(images_of(found)) <= {image}
        return (found,) if where == sorted(nodes) and len(found) == len(nodes) and same else None

    [found] = await until(f"daemon pods on {nodes}", placed)
    return list(found)


async def labelled(c: Cluster, node: str, **labels: str | None) -> None:
    await c.client.patch(kinds.NODE, node, "", {"metadata": {"labels": labels}})


def daemon_set(ns: str, template: Any = None, **spec: Any) -> dict[str, Any]:
    return workload("daemon-set", ns, template, **spec)


async def test_collection(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should list and delete a collection of DaemonSets [Conformance]"""
    await collection_round(c, KIND, [daemon_set(ns)], ns, "name=daemon-set")


async def test_failed_pods_are_retried(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should retry creating failed daemon pods [Conformance]"""
    made = await c.client.create(KIND, daemon_set(ns))
    first = (await runs_on(c, made, *BOTH))[0]
    failed = {"status": {"phase": "Failed"}}
    await c.client.patch(kinds.POD, name_of(first), ns, failed, subresource="status")

    async def replaced() -> bool:
        return uid_of(first) not in {uid_of(each) for each in await pods_of(c, made)}

    await until("the failed pod is gone", replaced)
    await runs_on(c, made, *BOTH)


async def test_rollback(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should rollback without unnecessary restarts [Conformance]"""
    made = await c.client.create(KIND, daemon_set(ns))
    before = {uid_of(each) for each in await runs_on(c, made, *BOTH)}
    broken = pod_template("daemon-set", "start-error", image="foo:non-existent")
    await c.client.patch(KIND, "daemon-set", ns, {"spec": {"template": broken}})

    async def begun() -> bool:
        return images_of(await pods_of(c, made)) == ["foo:non-existent", "httpd:1"]

    await until("one pod is of the broken image", begun)
    fine = pod_template("daemon-set")
    fine["metadata"]["annotations"] = None
    await c.client.patch(KIND, "daemon-set", ns, {"spec": {"template": fine}})
    after = {uid_of(each) for each in await runs_on(c, made, *BOTH, image="httpd:1")}
    assert len(before & after) == 1, "the pod that was not updated was not restarted"


async def test_node_labels(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should run and stop complex daemon [Conformance]"""
    key = f"daemonset-color-{ns}"
    made = await c.client.create(KIND, daemon_set(ns, pod_template("daemon-set", nodeSelector={key: "blue"})))
    await runs_on(c, made)
    await labelled(c, "node1", **{key: "blue"})
    await runs_on(c, made, "node1")
    await labelled(c, "node1", **{key: "green"})
    await runs_on(c, made)
    change = {
        "template": {"spec": {"nodeSelector": {key: "green"}}},
        "updateStrategy": {"type": "RollingUpdate"},
    }
    await c.client.patch(KIND, "daemon-set", ns, {"spec": change})
    await runs_on(c, made, "node1")
    await labelled(c, "node1", **{key: None})
    await runs_on(c, made)


async def test_every_node(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should run and stop simple daemon [Conformance]"""
    made = await c.client.create(KIND, daemon_set(ns))
    first = (await runs_on(c, made, *BOTH))[0]
    await c.client.delete(kinds.POD, name_of(first), ns)
    revived = await runs_on(c, made, *BOTH)
    assert uid_of(first) not in {uid_of(each) for each in revived}
    await c.client.delete(KIND, "daemon-set", ns, propagation="Background")
    await count(c, kinds.POD, ns, 0)


async def test_rolling_update(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should update pod when spec was updated and update strategy is RollingUpdate [Conformance]"""
    made = await c.client.create(KIND, daemon_set(ns, updateStrategy={"type": "RollingUpdate"}))
    await runs_on(c, made, *BOTH)
    [first] = await count(c, REVISIONS, ns, 1)
    assert first["revision"] == 1
    hashed = labels_of(first)["controller-revision-hash"]
    assert {labels_of(each)["controller-revision-hash"] for each in await pods_of(c, made)} == {hashed}
    await c.client.patch(KIND, "daemon-set", ns, with_image("agnhost:2"), patch_type="strategic")
    found = await runs_on(c, made, *BOTH, image="agnhost:2")
    second = next(each for each in await count(c, REVISIONS, ns, 2) if each["revision"] == 2)
    hashed = labels_of(second)["controller-revision-hash"]
    assert {labels_of(each)["controller-revision-hash"] for each in found} == {hashed}


async def test_status(c: Cluster, ns: str) -> None:
    """[sig-apps] Daemon set [Serial] should verify changes to a daemon set status [Conformance]"""
    made = await c.client.create(KIND, daemon_set(ns))
    await runs_on(c, made, *BOTH)
    await status_round(c, KIND, "daemon-set", ns)


async def test_controller_revisions(c: Cluster, ns: str) -> None:
    """[sig-apps] ControllerRevision [Serial] should manage the lifecycle of a ControllerRevision [Conformance]"""
    made = await c.client.create(KIND, daemon_set(ns))
    await runs_on(c, made, *BOTH)
    selector = "name=daemon-set"
    [first] = await count(c, REVISIONS, ns, 1, selector)
    patch = {"metadata": {"labels": {name_of(first): "patched"}}}
    patched = await c.client.patch(REVISIONS, name_of(first), ns, patch, patch_type="strategic")
    assert labels_of(patched)[name_of(first)] == "patched"
    second = {
        "metadata": {
            "name": "daemon-set-second",
            "namespace": ns,
            "labels": {"name": "daemon-set"},
            "ownerReferences": [owner_reference(made, KIND)],
        },
        "data": first["data"],
        "revision": first["revision"] + 1,
    }
    await c.client.create(REVISIONS, second)
    await count(c, REVISIONS, ns, 2, selector)
    await c.client.delete(REVISIONS, name_of(first), ns)
    [left] = await count(c, REVISIONS, ns, 1, selector)
    assert name_of(left) == "daemon-set-second"
    updated = await c.client.update(REVISIONS, changed(left, labels={name_of(left): "updated"}))
    assert labels_of(updated)[name_of(left)] == "updated"
    await c.client.patch(
        KIND, "daemon-set", ns, {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}
    )
    await count(c, REVISIONS, ns, 2, selector)
    await c.client.delete_collection(REVISIONS, ns, labels=f"{name_of(left)}=updated")
    [last] = await count(c, REVISIONS, ns, 1, selector)
    assert last["revision"] == 3
