"""The scenarios: coroutines over a `World`, which is a `pybernetes.Cluster` or a real cluster over HTTPS (`remote.py`).

Containers are real programs (nginx, busybox); what a hollow node is to do in their place stands in an annotation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import pytest

from pybernetes.api.errors import Forbidden, Invalid, NotFound
from pybernetes.api.meta import Obj
from pybernetes.cluster.wait import Condition


class World(Protocol):
    """What a scenario may use. Everything happens in `namespace`, which is fresh."""

    namespace: str

    async def apply(self, what: str, /) -> Any: ...
    async def get(self, what: str, /) -> Obj: ...
    async def list(self, what: str, /, *, labels: str = "") -> Sequence[Obj]: ...
    async def patch(self, what: str, patch: Mapping[str, Any], /) -> Obj: ...
    async def scale(self, what: str, replicas: int, /) -> Obj: ...
    async def delete(self, what: str, /, *, wait: bool = True, timeout: float = 60.0) -> None: ...
    async def logs(self, pod: str, /) -> str: ...
    async def wait(
        self,
        what: str,
        condition: Condition = "Ready",
        /,
        *,
        timeout: float = 60.0,
        labels: str = "",
        count: int = 0,
    ) -> Obj: ...
    async def why(self, what: str, /) -> str: ...
    async def story(self, what: str, /) -> Any: ...


Scenario = Callable[[World], Coroutine[Any, Any, None]]

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: c, image: "docker.io/nginx:latest", ports: [{containerPort: 80, name: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http, name: http}]}
"""


def workload(kind: str, name: str, command: str, hollow: str, spec: str = "", **pod: str) -> str:
    """A Pod, or a Job of such pods, that runs a shell command in busybox and `hollow` on a hollow node."""
    restart = pod.get("restart", "Always")
    inner = f"""
      restartPolicy: {restart}
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: busybox
        command: [sh, -c, {command!r}]
"""
    annotations = f"{{hollow.pybernetes.io/script: {hollow!r}}}"
    if kind == "Pod":
        return (
            f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {annotations}}}\nspec:{inner}"
        )
    return (
        f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n  template:\n"
        f"    metadata: {{annotations: {annotations}}}\n    spec:{inner}"
    )


async def a_deployment_becomes_endpoints(c: World) -> None:
    await c.apply(WEB)
    await c.wait("deployment/web", "Available", timeout=90)
    await c.wait("deployment/web", "status.availableReplicas=2", timeout=90)
    pods = await c.list("pods", labels="app=web")
    addresses = {pod["status"]["podIP"] for pod in pods}
    assert len(addresses) == 2

    def complete(piece: Obj) -> bool:
        ready = {e["addresses"][0] for e in piece.get("endpoints") or () if e["conditions"]["ready"]}
        return ready == addresses

    await c.wait("endpointslices", complete, labels="kubernetes.io/service-name=web")
    story = str(await c.story("deployment/web"))
    for wanted in ("create replicasets/web-", " binding", "Started", "programs services/web", " A 10."):
        assert wanted in story, wanted


async def a_rollout_replaces_pods_and_keeps_history(c: World) -> None:
    await c.apply(WEB)
    await c.wait("deployment/web", "status.availableReplicas=2", timeout=90)
    first = {pod["metadata"]["name"] for pod in await c.list("pods", labels="app=web")}
    change = {"spec": {"template": {"metadata": {"annotations": {"changed": "yes"}}}}}
    await c.patch("deployment/web", change)
    await c.wait("deployment/web", rolled_out, timeout=120)
    await c.wait(
        "pods", lambda pod: pod["metadata"]["name"] not in first, labels="app=web", count=2, timeout=90
    )
    sets = await c.list("replicasets", labels="app=web")
    assert sorted(each["spec"]["replicas"] for each in sets) == [0, 2]
    revisions = {each["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for each in sets}
    assert revisions == {"1", "2"}


def rolled_out(deployment: Obj) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    counts = {status.get(name) for name in ("updatedReplicas", "availableReplicas", "replicas")}
    return counts == {wanted} and status.get("observedGeneration") == deployment["metadata"]["generation"]


async def jobs_complete_and_fail(c: World) -> None:
    await c.apply(workload("Job", "good", "exit 0", "exit=0", "completions: 2", restart="Never"))
    await c.apply(workload("Job", "bad", "exit 3", "exit=3", "backoffLimit: 0", restart="Never"))
    good = await c.wait("job/good", "Complete", timeout=90)
    assert good["status"]["succeeded"] == 2
    bad = await c.wait("job/bad", "Failed", timeout=90)
    failed = next(each for each in bad["status"]["conditions"] if each["type"] == "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert failed["message"] == "Job has reached the specified backoff limit"
    assert "BackoffLimitExceeded" in await c.why("job/bad")


async def a_crashing_pod_backs_off(c: World) -> None:
    await c.apply(workload("Pod", "p", "echo going down; exit 7", "exit=7 log=going_down"))

    def backs_off(pod: Obj) -> bool:
        found = ((pod.get("status") or {}).get("containerStatuses") or [{}])[0]
        waiting = (found.get("state") or {}).get("waiting") or {}
        return waiting.get("reason") == "CrashLoopBackOff" and found["restartCount"] >= 1

    pod = await c.wait("pod/p", backs_off, timeout=90)
    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (7, "Error")
    assert re.search(
        r"Container c was restarted \d+ times; it ended last with exit code 7", await c.why("pod/p")
    )
    assert "going" in await c.logs("p")


async def a_pod_without_room_stays_pending(c: World) -> None:
    await c.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: busybox, "
        "resources: {requests: {cpu: '4000'}}}]}"
    )
    pod = await c.wait("pod/p", "PodScheduled=False")
    condition = next(each for each in pod["status"]["conditions"] if each["type"] == "PodScheduled")
    assert condition["reason"] == "Unschedulable"
    assert "Insufficient cpu" in condition["message"]
    assert "refused by NodeResourcesFit: Insufficient cpu" in await c.why("pod/p")
    await c.delete("pod/p")


async def what_is_owned_goes_with_its_owner(c: World) -> None:
    await c.apply(WEB)
    await c.wait("deployment/web", "Available", timeout=90)
    await c.delete("deployment/web")
    await c.wait("pods", "deleted", labels="app=web", timeout=60)
    assert not await c.list("replicasets", labels="app=web")
    await c.get("service/web")


async def a_finalizer_holds_an_object(c: World) -> None:
    await c.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, finalizers: [example.com/hold]}")
    await c.delete("configmap/x", wait=False)
    assert (await c.get("configmap/x"))["metadata"]["deletionTimestamp"]
    assert "finalizer example.com/hold" in await c.why("configmap/x")
    await c.patch("configmap/x", {"metadata": {"finalizers": None}})
    await c.wait("configmap/x", "deleted")


async def a_stateful_set_counts_its_pods(c: World) -> None:
    manifest = WEB.replace("kind: Deployment", "kind: StatefulSet").replace(
        "replicas: 2", "replicas: 2\n  serviceName: web"
    )
    await c.apply(manifest)
    await c.wait("statefulset/web", "status.availableReplicas=2", timeout=90)
    first, second = await c.get("pod/web-0"), await c.get("pod/web-1")
    assert first["status"]["startTime"] <= second["status"]["startTime"]
    await c.scale("statefulset/web", 1)
    await c.wait("pod/web-1", "deleted", timeout=60)
    assert (await c.get("pod/web-0"))["metadata"]["uid"] == first["metadata"]["uid"]


async def a_quota_refuses_what_is_too_much(c: World) -> None:
    await c.apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {secrets: '1'}}")
    await c.wait("resourcequota/q", lambda quota: (quota.get("status") or {}).get("used") is not None)
    await c.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: one}")
    with pytest.raises(
        Forbidden, match="exceeded quota: q, requested: secrets=1, used: secrets=1, limited: secrets=1"
    ):
        await c.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: two}")
    assert "exceeded quota: q" in await c.why("secret/two")


async def a_custom_kind_is_served_and_validated(c: World) -> None:
    group = f"{c.namespace}.example.com"
    await c.apply(f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Widget, plural: widgets, singular: widget}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {{spec: {{type: object, properties: {{size: {{type: integer, maximum: 5, default: 2}}}}}}}}
""")
    await c.wait(f"crd/widgets.{group}", "Established")
    made = await c.apply(f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{}}")
    assert (made[0] if isinstance(made, list) else made)["spec"] == {"size": 2}
    with pytest.raises(Invalid, match=r"spec\.size: Invalid value: 9"):
        await c.apply(f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: big}}\nspec: {{size: 9}}")
    await c.delete(f"crd/widgets.{group}")
    with pytest.raises(NotFound):
        await c.get(f"crd/widgets.{group}")


SCENARIOS: tuple[Scenario, ...] = (
    a_deployment_becomes_endpoints,
    a_rollout_replaces_pods_and_keeps_history,
    jobs_complete_and_fail,
    a_crashing_pod_backs_off,
    a_pod_without_room_stays_pending,
    what_is_owned_goes_with_its_owner,
    a_finalizer_holds_an_object,
    a_stateful_set_counts_its_pods,
    a_quota_refuses_what_is_too_much,
    a_custom_kind_is_served_and_validated,
)
BY_NAME = {scenario.__name__: scenario for scenario in SCENARIOS}
