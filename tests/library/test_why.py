"""`why`: each of the usual questions has an answer that names the cause."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api.errors import ApiError
from pybernetes.cli.main import main as pyber

from .test_behaviour import pod
from .test_library import WEB

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}


def told(about: str, act: Callable[[Cluster], Awaitable[Any]], nodes: int = 1, namespace: str = "") -> str:
    async def main() -> str:
        async with Cluster(nodes=nodes, time="virtual") as c:
            await act(c)
            return await c.why(about, namespace=namespace)

    return asyncio.run(main())


def made(*objects: Any, after: str = "30s") -> Callable[[Cluster], Awaitable[None]]:
    async def act(c: Cluster) -> None:
        for each in objects:
            await c.apply(each)
        await c.advance(after)

    return act


def claim(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}, **spec},
    }


def test_a_pending_pod_per_node_and_plugin() -> None:
    big = pod("p", resources={"requests": {"cpu": "64"}})
    text = told("pod/p", made(big), nodes=2)
    assert "It has no node: 0/2 nodes are available: 2 Insufficient cpu." in text
    assert "node node1: refused by NodeResourcesFit: Insufficient cpu" in text
    assert "node node2: refused by NodeResourcesFit" in text


def test_gates_and_claims() -> None:
    held = pod("p")
    held["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
    assert "before these gates are removed: example.com/wait" in told("pod/p", made(held))
    user = pod("p")
    user["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    text = told("pod/p", made(claim("data", storageClassName="fast"), user))
    assert "persistentvolumeclaim/data: Its storage class fast does not exist." in text


def test_a_pending_claim() -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "small"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "manual",
            "hostPath": {"path": "/x"},
        },
    }
    text = told("pvc/data", made(volume, claim("data", storageClassName="manual")))
    assert "volume small has 1Gi, less than 5Gi." in text
    waiting = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "late"},
        "provisioner": "example.com/disk",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    text = told("pvc/data", made(waiting, claim("data", storageClassName="late")))
    assert "Class late binds when a pod uses the claim" in text
    text = told(
        "pvc/data",
        made({**waiting, "volumeBindingMode": "Immediate"}, claim("data", storageClassName="late")),
    )
    assert "It waits for provisioner example.com/disk of class late." in text


def test_a_namespace_that_does_not_go() -> None:
    async def act(c: Cluster) -> None:
        await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "shop", "finalizers": ["example.com/hold"]}}  # fmt: skip
        await c.apply(held)
        await c.delete("namespace/shop", wait=False)
        await c.advance("1m")

    text = told("namespace/shop", act)
    assert "Some content in the namespace has finalizers remaining" in text
    assert "configmap/x is still in it, held by finalizer example.com/hold." in text


def test_a_claim_that_is_deleted_in_use() -> None:
    async def act(c: Cluster) -> None:
        user = pod("p")
        user["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
        user["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
        await c.apply(claim("data", storageClassName="none"))
        await c.apply(user)
        await c.advance("5s")
        await c.delete("pvc/data", wait=False)

    text = told("pvc/data", act)
    assert (
        "kubernetes.io/pvc-protection is removed: pvc-protection-controller removes it when no pod uses"
        in text
    )


def test_a_failed_job_a_suspended_cronjob_and_an_autoscaler_without_metrics() -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {
            "backoffLimit": 1,
            "template": {
                "metadata": {"annotations": {"hollow.pybernetes.io/script": "exit=3 after=1s"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    text = told("job/j", made(job, after="10m"))
    assert "Condition Failed is True: BackoffLimitExceeded" in text
    assert "2 of its pods have failed (spec.backoffLimit is 1)." in text
    assert "ended with exit code 3" in text
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "c"},
        "spec": {"schedule": "* * * * *", "suspend": True, "jobTemplate": {"spec": job["spec"]}},  # type: ignore[dict-item]
    }
    assert "It is suspended" in told("cronjob/c", made(cron))
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                }
            ],
        },
    }
    text = told("hpa/h", made(WEB, scaler, after="2m"))
    assert "Condition ScalingActive is False: FailedGetResourceMetric" in text
    assert "missing request for cpu" in text


def test_a_node_that_is_away() -> None:
    async def act(c: Cluster) -> None:
        c.faults.partition("node1")
        await c.advance("5m")

    text = told("node/node1", act, nodes=3)
    assert "Condition Ready is Unknown: NodeStatusUnknown" in text
    assert "gave its last sign of life at 2026-01-01T00:00" in text
    assert "node.kubernetes.io/unreachable:NoExecute" in text


def test_a_deployment_that_a_quota_holds_back() -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "1"}},
    }
    text = told("deployment/web", made(quota, WEB))
    assert "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" in text


def test_who_was_refused_and_what_he_may() -> None:
    role = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}]
"""

    async def act(c: Cluster) -> None:
        await c.apply(role)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "default"}}
        with contextlib.suppress(ApiError):
            await c.client_as("jane").create(c.kind("configmaps"), body)

    text = told("configmap/x", act)
    assert "jane was refused to create it (403)" in text
    assert (
        'None of its roles has a rule with "create" on "configmaps" in namespace default; it has: ClusterRole view '
        "(by RoleBinding readers in default)." in text
    )

    async def limited(c: Cluster) -> None:
        await c.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "1"}}})  # fmt: skip
        await c.advance("1m")
        with contextlib.suppress(ApiError):
            await c.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})

    text = told("configmap/x", limited)
    assert "exceeded quota: q" in text
    assert "It was let in (group system:masters may do everything); validation or an admission plugin" in text


def test_custom_kinds_tell_conditions_owners_and_finalizers(capsys: pytest.CaptureFixture[str]) -> None:
    with Cluster.sync(nodes=0) as c:
        c.apply(CRD)
        c.wait("crd/widgets.example.com", "Established")
        c.apply(WIDGET)
        c.client.patch(
            c.kind("widgets"), "w", "default",
            {"status": {"phase": "Failed", "message": "no disk", "conditions": [
                {"type": "Ready", "status": "False", "reason": "NoDisk", "message": "the disk is away"}]}},
            subresource="status",
        )  # fmt: skip
        c.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": "child",
                    "ownerReferences": [
                        {
                            "apiVersion": "example.com/v1",
                            "kind": "Widget",
                            "name": "w",
                            "uid": c.get("widget/w")["metadata"]["uid"],
                        }
                    ],
                },
            }
        )
        text = c.why("wd/w")
        assert "Condition Ready is False: NoDisk: the disk is away" in text
        assert "Its phase is Failed: no disk" in text
        assert "create configmaps/child" in str(c.story("widget/w"))  # by its owner
        kubeconfig = c.serve().kubeconfig
        assert pyber(["why", "widget/w", "--kubeconfig", kubeconfig]) == 0
        assert "NoDisk" in capsys.readouterr().out
        assert pyber(["story", "wd/w", "--kubeconfig", kubeconfig]) == 0
        assert "configmaps/child" in capsys.readouterr().out


def test_policies_that_change_objects_are_in_the_story() -> None:
    policy = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: stamps}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{metadata: Object.metadata{labels: {"stamped": "yes"}}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: stamps}
spec: {policyName: stamps}
"""

    async def main() -> str:
        async with Cluster(nodes=0, time="virtual") as c:
            await c.apply(policy)
            await c.advance("1s")
            await c.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
            return str(await c.story("configmap/x"))

    assert 'admission policy stamps: metadata.labels: none → {"stamped":"yes"}' in asyncio.run(main())
