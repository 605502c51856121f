"""kubectl rollout: status, history, undo, pause, resume and restart of Deployments, DaemonSets and StatefulSets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.pyberup import Kubectl

pytestmark = pytest.mark.peer

REVISION = "kubernetes.io/change-cause"


def manifest(kind: str, image: str, cause: str) -> dict[str, Any]:
    labels = {"app": "w"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": image}], "terminationGracePeriodSeconds": 0},
    }
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
    if kind != "DaemonSet":
        spec["replicas"] = 2
    if kind == "StatefulSet":
        spec["serviceName"] = "w"
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "w", "annotations": {REVISION: cause}},
        "spec": spec,
    }


def image_of(kubectl: Kubectl, namespace: str, kind: str) -> str:
    tree = kubectl.json("get", "-n", namespace, f"{kind}/w")
    return str(tree["spec"]["template"]["spec"]["containers"][0]["image"])


def apply(kubectl: Kubectl, namespace: str, kind: str, image: str, cause: str) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(manifest(kind, image, cause)))


DONE = {
    "Deployment": 'deployment "w" successfully rolled out',
    "DaemonSet": 'daemon set "w" successfully rolled out',
    "StatefulSet": "partitioned roll out complete: 2 new pods have been updated...",
}


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
def test_status_history_and_undo(kubectl: Kubectl, namespace: str, kind: str) -> None:
    target = f"{kind.lower()}/w"

    def rollout(*arguments: str) -> str:
        return kubectl("rollout", arguments[0], "-n", namespace, target, *arguments[1:])

    apply(kubectl, namespace, kind, "nginx:1", "first")
    assert "w" in rollout("status", "--timeout=60s")
    apply(kubectl, namespace, kind, "nginx:2", "second")
    told = rollout("status", "--timeout=60s")
    assert told.splitlines()[-1].startswith((DONE[kind], "statefulset rolling update complete 2 pods"))
    history = rollout("history").splitlines()
    assert history[0].startswith(f"{kind.lower()}.apps/w")
    assert history[1].split() == ["REVISION", "CHANGE-CAUSE"]
    assert [line.split() for line in history[2:] if line] == [["1", "first"], ["2", "second"]]
    assert "nginx:1" in rollout("history", "--revision=1")
    undone = rollout("undo")
    assert undone.strip() == f"{kind.lower()}.apps/w rolled back"
    rollout("status", "--timeout=60s")
    assert image_of(kubectl, namespace, kind) == "nginx:1"
    rollout("undo", "--to-revision=2")
    rollout("status", "--timeout=60s")
    assert image_of(kubectl, namespace, kind) == "nginx:2"
    refused = kubectl.run("rollout", "undo", "-n", namespace, target, "--to-revision=99")
    assert refused.returncode != 0
    assert "99" in refused.stderr


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
def test_restart(kubectl: Kubectl, namespace: str, kind: str) -> None:
    target = f"{kind.lower()}/w"
    apply(kubectl, namespace, kind, "nginx:1", "first")
    kubectl("rollout", "status", "-n", namespace, target, "--timeout=60s")
    before = {pod["metadata"]["uid"] for pod in kubectl.json("get", "pods", "-n", namespace)["items"]}
    told = kubectl("rollout", "restart", "-n", namespace, target)
    assert told.strip() == f"{kind.lower()}.apps/w restarted"
    kubectl("rollout", "status", "-n", namespace, target, "--timeout=60s")
    template = kubectl.json("get", "-n", namespace, target)["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    pods = kubectl.json("get", "pods", "-n", namespace, "-l", "app=w")["items"]
    running = {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
    assert running
    assert not running & before


def test_pause_and_resume(kubectl: Kubectl, namespace: str) -> None:
    def rollout(verb: str, *arguments: str) -> Any:
        return kubectl.run("rollout", verb, "-n", namespace, "deployment/w", *arguments)

    apply(kubectl, namespace, "Deployment", "nginx:1", "first")
    assert rollout("status", "--timeout=60s").returncode == 0
    assert rollout("pause").stdout.strip() == "deployment.apps/w paused"
    assert 'deployments.apps "w" is already paused' in rollout("pause").stderr
    kubectl("set", "image", "-n", namespace, "deployment/w", "c=nginx:2")
    assert len(kubectl.json("get", "replicasets", "-n", namespace)["items"]) == 1
    assert 'deployments.apps "w"' in rollout("restart").stderr
    assert "can't restart paused deployment" in rollout("restart").stderr
    assert rollout("resume").stdout.strip() == "deployment.apps/w resumed"
    assert 'deployments.apps "w" is not paused' in rollout("resume").stderr
    assert rollout("status", "--timeout=60s").returncode == 0
    assert len(kubectl.json("get", "replicasets", "-n", namespace)["items"]) == 2
