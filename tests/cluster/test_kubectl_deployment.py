"""The life of a Deployment through real kubectl, on a hollow node: what a user types and what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pyberup import Kubectl, eventually

MANIFEST = Path(__file__).parents[1] / "manifests" / "nginx.yaml"

pytestmark = pytest.mark.peer


@pytest.fixture
def nginx(kubectl: Kubectl, namespace: str) -> str:
    """The namespace with the Deployment rolled out."""
    assert kubectl("apply", "-n", namespace, "-f", str(MANIFEST)) == "deployment.apps/nginx created\n"
    kubectl("rollout", "status", "-n", namespace, "deployment/nginx", "--timeout=30s")
    return namespace


def lines(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_columns_are_upstreams(kubectl: Kubectl, nginx: str) -> None:
    def header(*arguments: str) -> list[str]:
        return lines(kubectl("get", "-n", nginx, *arguments))[0]

    assert header("deployments") == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert header("deployments", "-o", "wide")[5:] == ["CONTAINERS", "IMAGES", "SELECTOR"]
    assert header("replicasets") == ["NAME", "DESIRED", "CURRENT", "READY", "AGE"]
    assert header("pods") == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert header("pods", "-o", "wide")[5:] == ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert header("nodes") == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert header("namespaces") == ["NAME", "STATUS", "AGE"]
    assert header("events") == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert header("serviceaccounts") == ["NAME", "AGE"]
    assert header("configmaps") == ["NAME", "DATA", "AGE"]


def test_what_get_shows(kubectl: Kubectl, nginx: str) -> None:
    deployment = lines(kubectl("get", "-n", nginx, "deployment", "nginx"))[1]
    assert deployment[:4] == ["nginx", "1/1", "1", "1"]
    pod = lines(kubectl("get", "-n", nginx, "pods", "--no-headers"))[0]
    assert pod[1:4] == ["1/1", "Running", "0"]
    assert re.fullmatch(r"nginx-[a-z0-9]{6,10}-[a-z0-9]{5}", pod[0])
    image = kubectl("get", "-n", nginx, "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}")
    assert image == "docker.io/nginx:latest"
    assert "kind: Deployment" in kubectl("get", "-n", nginx, "deployment/nginx", "-o", "yaml")
    assert kubectl.json("get", "-n", nginx, "rs")["items"][0]["status"]["readyReplicas"] == 1


def test_describe_tells_the_story(kubectl: Kubectl, nginx: str) -> None:
    deployment = kubectl("describe", "-n", nginx, "deployment", "nginx")
    assert "1 desired | 1 updated | 1 total | 1 available | 0 unavailable" in deployment
    assert re.search(r"ScalingReplicaSet .* Scaled up replica set nginx-\w+ from 0 to 1", deployment)
    pod = kubectl("describe", "-n", nginx, "pods")
    assert "Successfully assigned" in pod
    assert "Started container leader" in pod or re.search(r"Started .* Container started", pod)
    assert "Ready:          True" in pod


def test_apply_again_changes_nothing_and_apply_of_a_change_does(kubectl: Kubectl, nginx: str) -> None:
    before = kubectl.json("get", "-n", nginx, "deployment", "nginx")["metadata"]
    assert kubectl("apply", "-n", nginx, "-f", str(MANIFEST)) == "deployment.apps/nginx unchanged\n"
    after = kubectl.json("get", "-n", nginx, "deployment", "nginx")["metadata"]
    assert after["generation"] == before["generation"]
    changed = MANIFEST.read_text().replace("replicas: 1", "replicas: 3")
    diff = kubectl.run("diff", "-n", nginx, "-f", "-", stdin=changed)
    assert diff.returncode == 1, diff.stderr
    assert "-  replicas: 1" in diff.stdout
    assert "+  replicas: 3" in diff.stdout
    dry = kubectl("apply", "-n", nginx, "-f", "-", "--dry-run=server", stdin=changed)
    assert dry == "deployment.apps/nginx configured (server dry run)\n"
    assert kubectl.json("get", "-n", nginx, "deployment", "nginx")["spec"]["replicas"] == 1
    assert kubectl("apply", "-n", nginx, "-f", "-", stdin=changed) == "deployment.apps/nginx configured\n"
    kubectl(
        "wait", "-n", nginx, "deployment/nginx", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=30s"
    )


def test_scale_set_image_history_undo_restart(kubectl: Kubectl, nginx: str) -> None:
    assert (
        kubectl("scale", "-n", nginx, "deployment/nginx", "--replicas=4") == "deployment.apps/nginx scaled\n"
    )
    kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=30s")
    kubectl("set", "image", "-n", nginx, "deployment/nginx", "leader=docker.io/nginx:1.28")
    kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=30s")
    history = kubectl("rollout", "history", "-n", nginx, "deployment/nginx")
    assert [row[0] for row in lines(history) if row[0].isdigit()] == ["1", "2"]
    assert (
        kubectl("rollout", "undo", "-n", nginx, "deployment/nginx") == "deployment.apps/nginx rolled back\n"
    )
    kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=30s")
    template = kubectl.json("get", "-n", nginx, "deployment", "nginx")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "docker.io/nginx:latest"
    kubectl("rollout", "restart", "-n", nginx, "deployment/nginx")
    kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=30s")
    annotations = kubectl.json("get", "-n", nginx, "deployment", "nginx")["spec"]["template"]["metadata"][
        "annotations"
    ]
    assert "kubectl.kubernetes.io/restartedAt" in annotations
    images = kubectl(
        "get", "-n", nginx, "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}"
    ).split()
    assert images == ["docker.io/nginx:latest"] * 4


def test_expose_makes_a_service_with_endpoints(kubectl: Kubectl, nginx: str) -> None:
    assert kubectl("expose", "-n", nginx, "deployment/nginx", "--port=80") == "service/nginx exposed\n"
    service = kubectl.json("get", "-n", nginx, "service", "nginx")
    assert service["spec"]["clusterIP"].startswith("10.")
    pod_ip = kubectl("get", "-n", nginx, "pods", "-o", "jsonpath={.items[0].status.podIP}")

    def published() -> bool:
        slices = kubectl.json("get", "-n", nginx, "endpointslices")["items"]
        return [e["addresses"] for s in slices for e in s.get("endpoints") or ()] == [[pod_ip]]

    eventually("the slice has the pod's address", published)
    rows = lines(kubectl("get", "-n", nginx, "services"))
    assert rows[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert rows[1][:5] == ["nginx", "ClusterIP", service["spec"]["clusterIP"], "<none>", "80/TCP"]
    assert rows[1][:1] == ["nginx"]
    assert lines(kubectl("get", "-n", nginx, "endpointslices"))[0] == [
        "NAME",
        "ADDRESSTYPE",
        "PORTS",
        "ENDPOINTS",
        "AGE",
    ]
    kubectl("expose", "-n", nginx, "deployment/nginx", "--name=out", "--type=NodePort", "--port=80")
    node_port = kubectl.json("get", "-n", nginx, "service", "out")["spec"]["ports"][0]["nodePort"]
    assert 30000 <= node_port <= 32767


def test_delete_cascades(kubectl: Kubectl, nginx: str) -> None:
    out = kubectl("delete", "-n", nginx, "deployment", "nginx")
    assert out.startswith('deployment.apps "nginx" deleted')

    def nothing_left() -> bool:
        return kubectl.json("get", "-n", nginx, "rs,pods")["items"] == []

    eventually("replica sets and pods are gone", nothing_left)


def test_deleting_a_namespace_empties_it(kubectl: Kubectl, nginx: str) -> None:
    kubectl("delete", "namespace", nginx, "--timeout=60s")
    gone = kubectl.run("get", "namespace", nginx)
    assert gone.returncode == 1
    assert f'Error from server (NotFound): namespaces "{nginx}" not found' in gone.stderr


def test_watch_prints_changes(kubectl: Kubectl, nginx: str) -> None:
    with kubectl.running("get", "-n", nginx, "deployment", "nginx", "--watch") as watching:
        assert watching.readline().split()[0] == "NAME"
        assert watching.readline().split()[:2] == ["nginx", "1/1"]
        kubectl("scale", "-n", nginx, "deployment/nginx", "--replicas=2")
        assert any(line.split()[1] == "2/2" for line in watching)


def test_logs_exec_and_port_forward_reach_a_hollow_pod_or_say_why(kubectl: Kubectl, nginx: str) -> None:
    refused = kubectl.run("logs", "-n", nginx, "deployment/nginx", "-c", "nope")
    assert refused.returncode == 1
    assert "container nope is not valid for pod" in refused.stderr


def test_the_rest_of_a_newcomers_commands(kubectl: Kubectl) -> None:
    version = kubectl("version")
    assert re.search(r"Server Version: v1\.37\.", version)
    assert "Kubernetes control plane" in kubectl("cluster-info")
    resources = kubectl("api-resources")
    assert re.search(r"deployments +deploy +apps/v1 +true +Deployment", resources)
    assert re.search(r"pods +po +v1 +true +Pod", resources)
    explained = kubectl("explain", "deployment.spec.strategy")
    assert "FIELD: strategy <DeploymentStrategy>" in explained
    assert "rollingUpdate" in explained
    assert "apps/v1" in kubectl("api-versions")
    assert kubectl("auth", "can-i", "create", "deployments") == "yes\n"
    assert kubectl("get", "--raw", "/readyz") == "ok"
